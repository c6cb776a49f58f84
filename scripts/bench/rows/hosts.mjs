// Rows of many short messages: one host, then several racing for the same ones, each a process of
// its own.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { quantile } from '../measure.mjs';
import { ask, unanswered } from '../person.mjs';
import { copyRemote } from '../repository.mjs';

const SCRIPT = fileURLToPath(new URL('../host-process.mjs', import.meta.url));
const LIMIT_MS = 240_000;

/** `count` messages that appear at once, answered by `hosts` processes. */
export async function measureHosts({ place, base, hosts, count, concurrency = 16 }) {
  const url = copyRemote(base, join(place, `hosts-${hosts}.git`));
  const settings = { CROSSTALK_CONCURRENCY: String(concurrency), CROSSTALK_INTERVAL: '500ms' };
  const running = Array.from({ length: hosts }, (_, n) =>
    startHost({ place: join(place, `hosts-${hosts}`), alias: `h${n}`, url, settings }),
  );
  await Promise.all(running.map((host) => host.until('models.loaded')));
  const { paths } = ask(url, count);
  const startedMs = performance.timeOrigin + performance.now();
  await untilPublished(running, count);
  for (const host of running) host.child.kill('SIGTERM');
  await Promise.all(running.map((host) => host.ended));
  return summarize({ running, paths, startedMs, url });
}

function summarize({ running, paths, startedMs, url }) {
  const facts = running.flatMap((host) => host.facts);
  const published = facts.filter(({ event }) => event === 'reply.published');
  const runs = facts.filter(({ event }) => event === 'attempt.started').length;
  const ends = facts.filter(({ event }) => event === 'end');
  const seconds = (Math.max(...published.map(({ atMs }) => atMs)) - startedMs) / 1000;
  const waits = published.map(({ atMs }) => atMs - startedMs);
  const shares = running.map(
    (host) => host.facts.filter(({ event }) => event === 'reply.published').length,
  );
  const sum = (pick) => ends.reduce((total, { pushes }) => total + pick(pushes), 0);
  return {
    perSecond: published.length / seconds,
    p50: quantile(waits, 0.5),
    p95: quantile(waits, 0.95),
    max: quantile(waits, 1),
    lost: unanswered(url, paths),
    duplicates: runs - paths.length,
    pushesPerReply: sum(({ branch, claims }) => branch + claims) / published.length,
    retries: sum(({ branch, branchLanded }) => branch - branchLanded),
    fairShares:
      longestWait(facts) /
      fairShareMs({
        hosts: running.length,
        seconds,
        landed: sum(({ branchLanded }) => branchLanded),
      }),
    readsPerSecond: ends.reduce((total, { reads }) => total + reads, 0) / seconds,
    branchPushes: sum(({ branch }) => branch),
    branchPushesPerLanded: sum(({ branch }) => branch) / sum(({ branchLanded }) => branchLanded),
    claimPushes: sum(({ claims }) => claims),
    lostClaims: facts.filter(({ event }) => event === 'claim.lost').length,
    shares,
    cpuMs: ends.map(({ cpuMs }) => Math.round(cpuMs)),
  };
}

/**
 * How long a finished answer may fairly wait: until every host has had its turn once, as often as
 * pushes landed in this run. A push carries all that waits on its host.
 */
function fairShareMs({ hosts, seconds, landed }) {
  return (hosts * seconds * 1_000) / landed;
}

/** Milliseconds from an agent's end to the moment its answer is on the remote, the longest. */
function longestWait(facts) {
  const ended = new Map(
    facts.flatMap(({ event, message, atMs }) =>
      event === 'attempt.ended' ? [[message, atMs]] : [],
    ),
  );
  return Math.max(
    ...facts.flatMap(({ event, message, atMs }) =>
      event === 'reply.published' ? [atMs - ended.get(message)] : [],
    ),
  );
}

async function untilPublished(running, count) {
  const untilMs = performance.now() + LIMIT_MS;
  const done = () =>
    running.reduce((total, host) => total + host.count('reply.published'), 0) >= count;
  while (!done() && performance.now() < untilMs)
    await new Promise((resolve) => setTimeout(resolve, 20));
}

export function startHost(options) {
  const child = spawn(process.execPath, [...process.execArgv, SCRIPT, JSON.stringify(options)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const facts = [];
  const counts = new Map();
  const waiting = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    const fact = JSON.parse(line);
    facts.push(fact);
    counts.set(fact.event, (counts.get(fact.event) ?? 0) + 1);
    for (const one of waiting) if (one.event === fact.event) one.resolve();
  });
  const closed = once(child.stdout, 'close');
  return {
    child,
    facts,
    count: (event) => counts.get(event) ?? 0,
    until: (event) =>
      new Promise((resolve) => (counts.has(event) ? resolve() : waiting.push({ event, resolve }))),
    ended: closed,
  };
}
