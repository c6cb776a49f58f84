/**
 * `crosstalkd why`: where a message, run, gate, model or host stands, why, and the command that
 * moves it. It always has an answer.
 */
import { systemClock } from '../../base/clock.ts';
import { CrosstalkError } from '../../base/errors.ts';
import { parseAddress } from '../../protocol/address.ts';
import { messageId } from '../../protocol/paths.ts';
import type { Reason } from '../../protocol/reason.ts';
import { fixOf, tellReason } from '../../protocol/remedy.ts';
import { sayReason } from '../../protocol/say-reason.ts';
import { reasonOf } from './status-needs.ts';
import type { Invocation } from '../command.ts';
import { createExplainer } from './explain-work.ts';
import {
  explainMessage,
  noteDismissedFile,
  type Part,
  tellRejected,
  type Told,
} from './explain-message.ts';
import { tellGate, tellRun, tellRunByPrefix } from './explain-run.ts';
import { explainAbsence } from './explain-absence.ts';
import { doubtOf, hostsKnown, liveHosts, namesakesOf } from './host-opinions.ts';
import { type HostSeen, type Surroundings, withSurroundings } from './look-around.ts';
import { type Io, paint, plain, printFix } from '../io.ts';
import { printJson, wantsJson } from './reading.ts';
import { resolveId } from './resolve-id.ts';
import { shortId } from './short-id.ts';
import { lineOfHost, stateOf } from './status.ts';

/** Most pieces of work of one model that are listed. */
const WORKS_MAX = 20;

/** Explains one thing. */
export function explain(invocation: Invocation): Promise<number> {
  const asked = invocation.args[0] ?? '';
  return withSurroundings(invocation, async (around) => {
    const told = await explainFrom(invocation, around, asked);
    if (wantsJson(invocation))
      printJson(invocation, {
        ok: true,
        health: told.notes.length === 0 ? 'good' : 'degraded',
        ...describeTold(told),
      });
    else print(invocation, told);
    return 0;
  });
}

/** What is known of a name, a run or a message. Throws NOT_FOUND and ID_AMBIGUOUS. */
export async function explainFrom(
  invocation: Invocation,
  around: Surroundings,
  asked: string,
): Promise<Told & { readonly notes: readonly string[] }> {
  const told =
    tellName(around, asked) ??
    (await tellRun(around, asked)) ??
    (await tellMessage(invocation, around, asked));
  return { ...told, notes: notesOf(around) };
}

/** What limits every answer: it may be old, or nothing runs at all. */
function notesOf({ outage, rewrite }: Surroundings): readonly string[] {
  if (outage !== null)
    return [`the remote does not answer (${outage}); this was the state at the last poll`];
  return rewrite === null ? [] : [sayReason(reasonOf(rewrite))];
}

/** The same as `--json` prints it: each part with its words and its command. */
export function describeTold({ parts, ...told }: Told & { readonly notes: readonly string[] }) {
  return {
    ...told,
    parts: parts.map(({ name, reason }) => ({
      name,
      ...tellReason(reason),
      // What holds everything up comes first.
      ...(told.notes.length === 0 ? {} : { fix: null }),
      head: headOf(reason),
    })),
  };
}

function print({ io }: Invocation, told: Told & { readonly notes: readonly string[] }): void {
  for (const note of told.notes) io.print(paint(io, 'yellow', plain(note)));
  io.print(paint(io, 'bold', plain(told.about)));
  printParts(io, told.parts, told.notes.length === 0);
}

/** Prints each part with what the hosts say of it; with `helps`, also the command that moves it. */
export function printParts(io: Io, parts: readonly Part[], helps: boolean): void {
  for (const { name, reason } of parts) {
    const says = headOf(reason);
    io.print(`  ${plain(name === null ? says : `${name}: ${says}`)}`);
    for (const { host, says: opinion } of tellReason(reason).hosts)
      io.print(paint(io, 'dim', `      ${plain(`${host}: ${opinion}`)}`));
    if (helps) printFix(io, fixOf(reason));
  }
}

/** Reasons that are what the hosts say, which follows host by host. */
const BY_HOST: readonly Reason['kind'][] = ['waiting', 'parked', 'paused'];

/** What is said before the hosts are listed. */
export function headOf(reason: Reason): string {
  const isListed = BY_HOST.includes(reason.kind) && tellReason(reason).hosts.length > 0;
  return isListed ? 'no host takes it now' : sayReason(reason);
}

function tellName(around: Surroundings, asked: string): Told | null {
  const { name, host } = parseAddress(asked) ?? { name: '', host: null };
  const models = new Set([
    ...around.index.models,
    ...around.offers.map((offer) => offer.name),
    ...around.hosts.flatMap(({ beat }) => beat?.models ?? []),
  ]);
  const hosts = hostsKnown(around);
  if (host !== null)
    return models.has(name) && hosts.has(host) ? tellModelAt(around, name, host) : null;
  if (models.has(name)) return tellModel(around, name);
  return hosts.has(name) ? tellHost(around, name) : null;
}

/** A model as an address pins it to a host: what is said of both. */
function tellModelAt(around: Surroundings, name: string, host: string): Told {
  const of = `on ${host}`;
  const model = tellModel(around, name);
  return {
    ...model,
    parts: [
      ...model.parts.filter((part) => part.name === null || part.name === of),
      ...tellHost(around, host).parts.map(({ reason }) => ({ name: of, reason })),
    ],
  };
}

function tellModel(around: Surroundings, name: string): Told {
  const explainWork = createExplainer(around);
  const offer = around.offers.find((one) => one.name === name);
  const works = around.works.filter(({ recipient }) => recipient === name);
  const live = liveHosts(around).filter(({ beat }) => beat?.models.includes(name) === true);
  const nowMs = systemClock.wallMs();
  const resting = around.hosts.flatMap(({ alias, beat }) =>
    (beat?.blocked ?? []).flatMap(({ model, why, untilMs }): readonly Part[] => {
      const forMs = untilMs === null ? null : untilMs - nowMs;
      if (model !== name || (forMs !== null && forMs <= 0)) return [];
      const host = alias === around.here?.alias ? null : alias;
      return [{ name: `on ${alias}`, reason: { kind: 'rests', model, host, forMs, why } }];
    }),
  );
  const isServed = offer?.state.kind === 'served';
  const none = isServed && around.here === null && live.length === 0;
  const here: Reason = none
    ? { kind: 'nobody-serves', model: name, here: 'could' }
    : (offer?.state ?? { kind: 'no-entry', model: name });
  return {
    kind: 'model',
    about: `${name} is a model; ${live.length === 0 ? 'no host that is up serves it' : `served by ${live.map(({ alias }) => alias).join(', ')}`}`,
    parts: [
      { name: 'on this host', reason: here },
      ...resting,
      ...works
        .slice(0, WORKS_MAX)
        .map((work) => ({ name: shortId(work.message.path), reason: explainWork(work) })),
      ...(works.length === 0 ? [{ name: null, reason: { kind: 'idle' } as const }] : []),
    ],
  };
}

function tellHost(around: Surroundings, alias: string): Told {
  const hosts = around.hosts.filter((host) => host.alias === alias);
  const isThis = alias === around.session.config.alias;
  const isDown = hosts.length === 0 && around.here?.alias !== alias;
  return {
    kind: 'host',
    about: `${alias} is a host${isThis ? ' (this one)' : ''}`,
    parts: [
      ...(isDown
        ? [{ name: null, reason: { kind: 'host-down', host: alias, isHere: isThis } as const }]
        : []),
      ...hosts.map((host) => ({ name: null, reason: hostReason(around, host) })),
      ...hosts.slice(0, 1).flatMap((host) => {
        const reason = namesakesOf(around, host);
        return reason === null ? [] : [{ name: null, reason }];
      }),
    ],
  };
}

/** How a host is, with what it holds; and why it does not count as up, when it does not. */
function hostReason(around: Surroundings, host: HostSeen): Reason {
  const doubt = doubtOf(around, host);
  return {
    kind: 'host',
    host: host.alias,
    line: lineOfHost(host, around),
    holds: host.claims.flatMap(({ claim }) =>
      claim === null ? [] : [{ id: shortId(claim.message), model: claim.recipient }],
    ),
    isPaused: doubt === null && stateOf(host, around) === 'paused',
    isHere: host.instance === around.here?.instance,
    ...(doubt === null ? {} : { also: doubt }),
  };
}

async function tellMessage(
  invocation: Invocation,
  around: Surroundings,
  asked: string,
): Promise<Told> {
  const rejected = findRejected(around, asked);
  if (rejected !== null) return noteDismissedFile(around, rejected);
  try {
    const file = await resolveId(around.session, asked);
    return (await tellGate(around, file)) ?? (await explainMessage(around, file));
  } catch (error) {
    if (!(error instanceof CrosstalkError) || error.code !== 'NOT_FOUND') throw error;
    const run = await tellRunByPrefix(around, asked);
    if (run !== null) return run;
    const { says, fix } = await explainAbsence(invocation, around, asked);
    throw new CrosstalkError('NOT_FOUND', says, { fix });
  }
}

/**
 * What is said of a file that is not a message, by its path, its name, or its id; the id of a copy
 * is that of the message that counts.
 */
export function findRejected(around: Surroundings, asked: string): Told | null {
  const name = asked.replace(/^\.\//, '');
  // A file at the root is found by its name, too.
  const file = [...around.strays.values()].find(
    ({ path, twinOf }) =>
      `/${path}`.endsWith(`/${name}`) ||
      `/${path}`.endsWith(`/${name.replace(/\.md$/, '')}.md`) ||
      (twinOf === undefined && messageId(path) === asked),
  );
  if (file === undefined) return null;
  return tellRejected(file);
}
