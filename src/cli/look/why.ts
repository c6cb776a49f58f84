/**
 * `crosstalkd why`: where a message, run, gate, model or host stands, why, and the command that
 * moves it. It always has an answer.
 */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { systemClock } from '../../base/clock.ts';
import { CrosstalkError } from '../../base/errors.ts';
import { parseAddress, suggestName } from '../../protocol/address.ts';
import { asksSomebody, LOOKED_AT_BYTES } from '../../protocol/misplaced.ts';
import { channelOf, isAttachment, isPage, messageId, workflowFile } from '../../protocol/paths.ts';
import type { Reason } from '../../protocol/reason.ts';
import { fixOf, tellReason } from '../../protocol/remedy.ts';
import { sayReason } from '../../protocol/say-reason.ts';
import { reasonOf } from './status-needs.ts';
import type { Invocation } from '../command.ts';
import { createExplainer } from './explain-work.ts';
import { explainMessage, type Part, tellRejected, type Told } from './explain-message.ts';
import { tellGate, tellRun, tellRunByPrefix } from './explain-run.ts';
import { doubtOf, liveHosts, namesakesOf } from './host-opinions.ts';
import { type HostSeen, type Surroundings, withSurroundings } from './look-around.ts';
import { type Io, paint, plain, printFix } from '../io.ts';
import { printJson, wantsJson } from './reading.ts';
import { matchId, resolveId } from './resolve-id.ts';
import { listAll } from './read-conversation.ts';
import { shortId } from './short-id.ts';
import { findUnsent } from './unsent.ts';
import { lineOfHost, stateOf } from './status.ts';
import { andThen, fixBy, orElse, withNote } from '../../base/fix.ts';

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
    return [`the remote does not answer (${outage}); this is as it was at the last look`];
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

function hostsKnown({ hosts, here, session }: Surroundings): ReadonlySet<string> {
  const own = here === null ? [] : [here.alias];
  return new Set([...hosts.map(({ alias }) => alias), ...own, session.config.alias]);
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
  if (rejected !== null) return rejected;
  try {
    const file = await resolveId(around.session, asked);
    return (await tellGate(around, file)) ?? (await explainMessage(around, file));
  } catch (error) {
    if (!(error instanceof CrosstalkError) || error.code !== 'NOT_FOUND') throw error;
    const run = await tellRunByPrefix(around, asked);
    if (run !== null) return run;
    throw await describeUnknown(invocation, around, asked);
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

/** The path of a file of the transport that is not a message, as it was asked for; null: none. */
async function findPushed({ session, index }: Surroundings, asked: string): Promise<string | null> {
  const path = asked.replace(/^\.\//, '');
  if (index.tip === null) return null;
  const [entry] = await session.repository.lookUp(index.tip, [path]);
  return entry?.kind === 'file' ? path : null;
}

/** Of a file that may begin as a message does, and stands where none is read. */
async function whyNone({ session, index }: Surroundings, path: string): Promise<string> {
  const [entry] = index.tip === null ? [] : await session.repository.lookUp(index.tip, [path]);
  const [blob] =
    entry?.kind === 'file' ? await session.repository.readBlobs([entry.oid], LOOKED_AT_BYTES) : [];
  if (blob?.kind !== 'bytes' || !asksSomebody(blob.bytes)) return 'nothing in it asks anybody';
  const name = path.slice(path.lastIndexOf('/') + 1);
  if (isAttachment(path)) return 'what stands in a folder ".files" goes with a message';
  if (isPage(name)) return `what is called "${name}" explains a folder`;
  return channelOf(path) === null
    ? `${path.slice(0, path.lastIndexOf('/'))} holds no messages`
    : `nothing that is called "${name}" is read as one`;
}

/** Not in the transport: a file that was never sent, or a slip. */
async function describeUnknown(
  invocation: Invocation,
  around: Surroundings,
  asked: string,
): Promise<CrosstalkError> {
  const { clone } = around.session.located;
  const file = [
    resolve(invocation.cwd, asked),
    ...(clone === null ? [] : [join(clone, asked)]),
  ].find((path) => existsSync(path));
  const saved = /^data\/workflows\/([^/]+)\.md$/.exec(asked)?.[1] ?? asked;
  if ((await findPushed(around, workflowFile(saved))) !== null)
    return new CrosstalkError(
      'NOT_FOUND',
      `"${saved}" is a saved workflow: why explains its runs`,
      { fix: orElse(fixBy`crosstalkd workflow check ${saved}`, fixBy`crosstalkd workflow list`) },
    );
  const pushed = await findPushed(around, asked);
  if (pushed !== null)
    return new CrosstalkError(
      'NOT_FOUND',
      `${pushed} is in the transport and is not a message: ${await whyNone(around, pushed)}`,
      { fix: fixBy`crosstalkd lint ${pushed}` },
    );
  const unsent = await findUnsent(around.session);
  const draft =
    file === undefined ? unsent?.files.find((path) => messageId(path) === asked) : asked;
  if (draft !== undefined)
    return new CrosstalkError(
      'NOT_FOUND',
      `${draft} is on this disk and not in the transport: it was never sent`,
      {
        fix: fixBy`crosstalkd send ${draft}`,
      },
    );
  if (unsent !== null && unsent.commits > 0)
    return new CrosstalkError(
      'NOT_FOUND',
      `"${asked}" is not in the transport, and this clone has commits that were never pushed`,
      {
        fix: andThen(fixBy`git pull --rebase`, fixBy`git push`),
      },
    );
  const files = await listAll(around.session);
  if (files.some(({ channel }) => channel === asked))
    return new CrosstalkError(
      'NOT_FOUND',
      `"${asked}" is a channel; what stands where is said of its messages`,
      {
        fix: withNote(fixBy`crosstalkd log ${asked}`, 'then: crosstalkd why ID'),
      },
    );
  const host = parseAddress(asked)?.host ?? null;
  const hosts = hostsKnown(around);
  if (host !== null && !hosts.has(host)) {
    const meant = suggestName(host, hosts);
    return new CrosstalkError(
      'NOT_FOUND',
      `no host "${host}" has shown itself${meant === null ? '' : ` (did you mean "${meant}"?)`}`,
      { fix: fixBy`crosstalkd hosts` },
    );
  }
  const near = suggestName(asked, [
    ...around.index.models,
    ...around.hosts.map(({ alias }) => alias),
    ...files.map(({ stem }) => stem),
  ]);
  const [first] = near === null ? [] : matchId(files, near);
  const hint =
    near === null ? '' : `; did you mean "${first === undefined ? near : messageId(first.path)}"?`;
  return new CrosstalkError(
    'NOT_FOUND',
    `"${asked}" is not a message, run, model or host of this transport${hint}`,
    {
      fix: orElse(fixBy`crosstalkd log`, fixBy`crosstalkd status`),
    },
  );
}
