// One dispatcher as a process: the loop of `crosstalkd run` with an agent that answers at once.
// Started by the rows, never by hand.
import { readFileSync } from 'node:fs';
import { runDispatcher } from '../../build/dispatcher/loop.js';
import { openHost } from './host.mjs';

const options = JSON.parse(process.argv[2]);
const tell = (fact) =>
  process.stdout.write(
    `${JSON.stringify({ atMs: performance.timeOrigin + performance.now(), ...fact })}\n`,
  );
const pushes = { claims: 0, branch: 0, branchLanded: 0 };
let reads = 0;
const stop = new AbortController();
process.on('SIGTERM', () => stop.abort());

const host = await openHost({
  ...options,
  door: (repository) => ({
    ...repository,
    push: (updates, how) => countPush(repository, updates, how),
    listRefs: (...asked) => countRead(() => repository.listRefs(...asked)),
    fetch: (want) => countRead(() => repository.fetch(want)),
  }),
  onEvent: ({ event, fields }) =>
    [
      'attempt.started',
      'attempt.ended',
      'reply.published',
      'claim.lost',
      'publish.retried',
      'models.loaded',
    ].includes(event) &&
    tell({ event, message: fields.message ?? null, ...(event === 'models.loaded' && spent()) }),
});
tell({ event: 'open' });
await runDispatcher(host.dispatcher, {
  once: false,
  stop: stop.signal,
  kill: new AbortController().signal,
});
await host.close();
tell({
  event: 'end',
  pushes,
  reads,
  rss: process.memoryUsage.rss(),
  ...spent(),
});

/** Processor time so far: of this process, and of the gits that it started and that have ended. */
function spent() {
  const { user, system } = process.cpuUsage();
  return { cpuMs: (user + system) / 1000, gitCpuMs: childTicks() * 10 };
}

/** User and system time of ended children, in hundredths of a second; 0 where /proc is not. */
function childTicks() {
  if (process.platform !== 'linux') return 0;
  const fields = readFileSync('/proc/self/stat', 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  return Number(fields[13]) + Number(fields[14]);
}

function countRead(read) {
  reads += 1;
  return read();
}

async function countPush(repository, updates, how) {
  const branch = updates.some(
    ({ ref, expected, next }) => ref === 'refs/heads/main' && expected !== next,
  );
  pushes[branch ? 'branch' : 'claims'] += 1;
  const outcome = await repository.push(updates, how);
  if (
    branch &&
    outcome.kind === 'answered' &&
    outcome.refs.get('refs/heads/main')?.kind === 'landed'
  )
    pushes.branchLanded += 1;
  return outcome;
}
