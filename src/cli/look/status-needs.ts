/**
 * What needs a person, worst first, each with the command that helps. The same list gives `status`
 * its verdict.
 */
import { HOUR, systemClock } from '../../base/clock.ts';
import type { Fix } from '../../base/fix.ts';
import { byCodeUnit } from '../../base/order.ts';
import type { Work } from '../../protocol/list-work.ts';
import { parseMessagePath, SCHEMAS, WORKFLOWS } from '../../protocol/paths.ts';
import type { Reason, ReasonKind, ReasonOf } from '../../protocol/reason.ts';
import { fixOf, needsPerson } from '../../protocol/remedy.ts';
import { counted, sayReason } from '../../protocol/say-reason.ts';
import { oneLine } from '../../base/plain-text.ts';
import type { Rewrite } from '../../transport/mirror.ts';
import { rejectedReason } from './explain-message.ts';
import type { Failure } from './failures.ts';
import { doubtOf, liveHosts, namesakesOf } from './host-opinions.ts';
import type { Surroundings } from './look-around.ts';
import { shortenId, shortId } from './short-id.ts';
import type { Unsent } from './unsent.ts';

/** One thing that a person must do. */
export interface Need {
  readonly reason: Reason;
  /** What it is said of; null = the reason says it. */
  readonly of: string | null;
  /** Messages that it is about, at most a few. */
  readonly about: readonly string[];
  /** How many messages it is about. */
  readonly count: number;
  /** Nothing can be done about it before what stands at the head of the list is settled. */
  readonly isLater?: true;
}

/** A piece of open work and where it stands. */
export interface Stood {
  readonly work: Work;
  readonly reason: Reason;
}

export interface NeedSources {
  readonly around: Surroundings;
  readonly stood: readonly Stood[];
  /** What open runs want of people. */
  readonly runs: readonly Need[];
  readonly failures: readonly Failure[];
  /** What agents have asked of people. */
  readonly asked: readonly ReasonOf<'asked'>[];
  /** Files that are not messages and that nobody has dismissed. */
  readonly strays: readonly string[];
  /** What the clone has and nobody else sees yet. */
  readonly unsent: Unsent | null;
  readonly mirrorTrouble: ReasonOf<'mirror-behind'> | null;
  /** Finished answers in this host's outbox. */
  readonly outbox: number;
}

const ABOUT_MAX = 3;
/** More files than these that are not messages become one line. */
const FILES_MAX = 2;

/** Everything that needs a person. */
export function listNeeds(sources: NeedSources): readonly Need[] {
  const { around, stood, runs, failures } = sources;
  const first = needsOfRemote(around);
  const rest = [
    ...runs,
    ...needsOfFailures(failures.filter(({ isUnknown }) => isUnknown)),
    ...needsOfHost(sources),
    ...needsOfWork(around, stood),
    ...sources.asked.map((reason) => ({ ...need(reason), about: [reason.question], count: 1 })),
    ...needsOfFailures(failures.filter(({ isUnknown }) => !isUnknown)),
    ...needsOfFiles(sources),
    ...needsOfClone(sources.unsent),
  ];
  return isHeldUp(around)
    ? [...first, ...rest.map((one) => ({ ...one, isLater: true as const }))]
    : [...first, ...needsOfPushes(around, rest), ...rest];
}

/** What the dispatcher here has heard of the remote, unless messages that wait for it say it. */
function needsOfPushes({ here }: Surroundings, told: readonly Need[]): readonly Need[] {
  const line = here?.outage ?? null;
  if (line === null || told.some((one) => sayNeed(one).includes(line))) return [];
  return [need({ kind: 'waits-for-remote', line })];
}

/** True while no command can change anything in the transport. */
export function isHeldUp({ outage, rewrite }: Surroundings): boolean {
  return outage !== null || rewrite !== null;
}

/** The command that helps now. */
export function fixOfNeed({ reason, isLater }: Need): Fix | null {
  return isLater === true ? null : fixOf(reason);
}

/** A need in words. */
export function sayNeed({ reason, of }: Need): string {
  return of === null ? sayReason(reason) : `${of}: ${sayReason(reason)}`;
}

/** A need as `--json` prints it. */
export function describeNeed(need: Need) {
  const { reason } = need;
  const { kind } = reason;
  const fix = fixOfNeed(need);
  const run = 'run' in reason ? reason.run : null;
  const model = 'model' in reason ? reason.model : null;
  const question = reason.kind === 'asks' ? reason.question : null;
  const says = sayNeed(need);
  return { kind, says, fix, run, model, question, about: need.about, count: need.count };
}

function need(reason: Reason, of: string | null = null): Need {
  return { reason, of, about: [], count: 0 };
}

function needsOfRemote({ outage, rewrite, control }: Surroundings): readonly Need[] {
  if (outage !== null) return [need({ kind: 'outage', line: outage })];
  if (rewrite !== null) return [need(reasonOf(rewrite))];
  return control?.op === 'pause' ? [need({ kind: 'all-paused', by: control.by })] : [];
}

/** Why nothing continues. */
export function reasonOf({ now, version, descends }: Rewrite): Reason {
  if (!descends || version === null) return { kind: 'rewritten', isGone: now === null };
  return { kind: 'version-changed', was: sayVersion(version.was), now: sayVersion(version.now) };
}

/** A version file in a line. */
export function sayVersion(text: string | null): string {
  return text === null ? 'nothing' : oneLine(text.trim().split('\n').join(', '), 80);
}

/** Saved files of one folder of which the same is wrong are one need. */
function needsOfUnsigned(files: Surroundings['unsignedFiles']): readonly Need[] {
  const alike = new Map<string, typeof files>();
  for (const file of files) {
    const folder = [WORKFLOWS, SCHEMAS].find((one) => file.path.startsWith(`${one}/`));
    const key = JSON.stringify([folder ?? file.path, file.found]);
    alike.set(key, [...(alike.get(key) ?? []), file]);
  }
  return [...alike.values()].flatMap((group): readonly Need[] => {
    const about = group.map(({ path }) => path);
    const [first] = group;
    if (first === undefined) return [];
    const path = about.length === 1 ? first.path : first.path.replace(/\/[^/]*$/, '');
    return [{ ...need({ ...first, path }, path), about, count: about.length }];
  });
}

function needsOfHost({ around, outbox, stood, mirrorTrouble }: NeedSources): readonly Need[] {
  const { here, hereSilent, offers, offersProblem, modelsProblem, claims, rewrite } = around;
  const wanted = new Set(stood.map(({ work }) => work.recipient));
  const changed = offers.filter(
    ({ name, state }) =>
      state.kind === 'changed-since-approval' ||
      ((state.kind === 'invalid' || state.kind === 'older') && wanted.has(name)),
  );
  const garbage = [...claims.values()].filter(({ claim }) => claim === null).length;
  const isStopped = here?.halted === true && rewrite === null;
  return [
    ...(offersProblem === null ? [] : [need({ kind: 'config', problem: offersProblem })]),
    ...[modelsProblem ?? [], around.brokenSettings].flat().map((reason) => need(reason)),
    ...needsOfUnsigned(around.unsignedFiles),
    ...(isStopped ? [need({ kind: 'halted' })] : []),
    ...(hereSilent ? [need({ kind: 'silent-here' })] : []),
    ...(here === null && !hereSilent && outbox > 0
      ? [need({ kind: 'outbox', count: outbox })]
      : []),
    ...(here?.refused ?? []).map(({ about, reason: line, blocked: isBlocked, forMs }): Need => ({
      ...need({ kind: 'publish-refused', path: about, line, isBlocked, forMs }),
      about: [about],
      count: 1,
    })),
    ...(here?.pausedHere === true ? [need({ kind: 'paused-here', host: here.alias })] : []),
    ...changed.map(({ name: model, state: offer }) =>
      need({ kind: 'model-not-served', model, offer }),
    ),
    ...(garbage > 0 ? [need({ kind: 'garbage-claims', count: garbage })] : []),
    ...(mirrorTrouble === null ? [] : [need(mirrorTrouble)]),
    ...needsOfSuspects(around),
    ...needsOfNamesakes(around),
  ];
}

/** Hosts of one name, where each was up a short while ago: one that is gone need not be renamed. */
function needsOfNamesakes(around: Surroundings): readonly Need[] {
  const hosts = liveHosts(around).filter(({ ageMs }) => ageMs !== null && ageMs < HOUR);
  return hosts.flatMap((host, at) => {
    const reason = namesakesOf({ ...around, hosts }, host);
    const isFirst = hosts.findIndex(({ alias }) => alias === host.alias) === at;
    return reason !== null && isFirst ? [need(reason, host.alias)] : [];
  });
}

function needsOfSuspects(around: Surroundings): readonly Need[] {
  return around.hosts.flatMap((host) => {
    const doubt = doubtOf(around, host);
    return doubt?.kind === 'host-suspect' ? [need(doubt, host.alias)] : [];
  });
}

function needsOfFiles({ around, strays }: NeedSources): readonly Need[] {
  const files = strays.filter((path) => !isNote(around, path)).sort(byCodeUnit);
  if (files.length > FILES_MAX)
    return [
      {
        ...need({ kind: 'files-rejected', count: files.length }),
        about: files.slice(0, ABOUT_MAX),
        count: files.length,
      },
    ];
  return files.flatMap((path) => {
    const file = around.strays.get(path);
    return file === undefined
      ? []
      : [{ ...need(rejectedReason(file), path), about: [path], count: 1 }];
  });
}

/** A file without a head that closes nothing: nobody meant a message. */
function isNote({ strays }: Surroundings, path: string): boolean {
  return strays.get(path)?.isNote === true && (parseMessagePath(path)?.replyTo ?? null) === null;
}

/** Told once for all the work that waits for it. */
const TOLD_ELSEWHERE: readonly ReasonKind[] = ['all-paused', 'host-suspect'];
/** The same for every message, whatever its figures. */
const ALIKE: readonly ReasonKind[] = ['stale', 'hops'];
/** Another thing for every message. */
const EACH: readonly ReasonKind[] = ['twin', 'unknown-name', 'asks'];

/** Work that waits for a person, put together by what it waits for. */
function needsOfWork({ here }: Surroundings, stood: readonly Stood[]): readonly Need[] {
  const groups = new Map<string, Stood[]>();
  for (const one of stood) {
    const { work, reason } = one;
    const { kind } = reason;
    const isTold =
      TOLD_ELSEWHERE.includes(kind) ||
      (reason.kind === 'paused' && reason.on === null && here?.pausedHere === true);
    if (!needsPerson(reason) || isTold) continue;
    const key = ALIKE.includes(kind)
      ? kind
      : `${kind} ${work.recipient} ${EACH.includes(kind) ? work.message.path : sayReason(reason)}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [one]);
    else group.push(one);
  }
  return [...groups.values()].flatMap(describeGroup);
}

function describeGroup(group: readonly Stood[]): readonly Need[] {
  const [first] = group;
  if (first === undefined) return [];
  const paths = [...new Set(group.map(({ work }) => work.message.path))];
  const [path = ''] = paths;
  const names = [...new Set(group.map(({ work }) => work.recipient))].sort(byCodeUnit);
  const what = paths.length === 1 ? shortId(path) : counted(paths.length, 'message');
  return [
    {
      reason: first.reason,
      of: `${what} to ${names.join(', ')}`,
      about: paths.slice(0, ABOUT_MAX),
      count: paths.length,
    },
  ];
}

/** A run that failed, with what became of its tasks, is one thing. */
function needsOfFailures(failures: readonly Failure[]): readonly Need[] {
  const seen = new Set<string>();
  return failures.flatMap((one) => {
    const { id, model, run, failed, detail, isUnknown } = one;
    const key = run ?? `${id} ${model}`;
    if (seen.has(key)) return [];
    seen.add(key);
    const agoMs = Math.max(0, systemClock.wallMs() - one.atMs);
    const facts = { id, model, agoMs, detail: `${failed}: ${detail}`, run };
    return [
      {
        ...need(
          { kind: isUnknown ? 'outcome-unknown' : 'failure', ...facts },
          run === null || isUnknown ? `${shortenId(id)} to ${model}` : `run ${run}`,
        ),
        about: [id],
        count: 1,
      },
    ];
  });
}

function needsOfClone(unsent: Unsent | null): readonly Need[] {
  if (unsent === null) return [];
  const { clone, files, commits: count, isBehind } = unsent;
  const [first] = files;
  return [
    ...(first === undefined
      ? []
      : [
          {
            ...need({ kind: 'unsent', clone, count: files.length, first }),
            about: files.slice(0, ABOUT_MAX),
            count: files.length,
          },
        ]),
    ...(count === 0 ? [] : [need({ kind: 'unpushed', clone, count, isBehind })]),
  ];
}
