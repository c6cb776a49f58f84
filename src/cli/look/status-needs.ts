/**
 * What needs a person, worst first, each with the command that fixes it. The same list gives
 * `status` its verdict.
 */
import { formatDuration } from '../../base/duration.ts';
import { byCodeUnit } from '../../base/order.ts';
import { shellWord } from '../../base/shell-word.ts';
import { fixOf } from '../../dispatcher/refused-work.ts';
import type { Work } from '../../protocol/open-work.ts';
import { describeRejected } from './explain-message.ts';
import type { FailedLately } from './failed-lately.ts';
import type { Standing } from './explain-work.ts';
import type { Surroundings } from './look-around.ts';
import { describeOffer } from './serving.ts';
import { shortId } from './short-id.ts';
import type { Unsent } from './unsent.ts';

/** One thing that a person has to do. */
export interface Need {
  readonly kind: string;
  readonly what: string;
  readonly fix: string;
  /** Messages that it is about, at most a few. */
  readonly about: readonly string[];
  /** How many messages it is about. */
  readonly count: number;
}

/** A piece of open work and where it stands. */
export interface Stood {
  readonly work: Work;
  readonly standing: Standing;
}

export interface NeedSources {
  readonly around: Surroundings;
  readonly stood: readonly Stood[];
  readonly failed: readonly FailedLately[];
  /** What the clone has and nobody else sees yet. */
  readonly unsent: Unsent | null;
  /** Finished answers in this host's outbox. */
  readonly outbox: number;
}

const ABOUT_MAX = 3;

/** Everything that needs a person. */
export function listNeeds(sources: NeedSources): readonly Need[] {
  return [
    ...needsOfRemote(sources.around),
    ...needsOfHost(sources),
    ...needsOfFiles(sources.around),
    ...needsOfWork(sources.stood),
    ...needsOfFailures(sources.failed),
    ...needsOfClone(sources.unsent),
  ];
}

function need(kind: string, what: string, fix: string): Need {
  return { kind, what, fix, about: [], count: 0 };
}

function needsOfRemote({ outage, rewrite, control }: Surroundings): readonly Need[] {
  if (outage !== null)
    return [need('outage', `the remote does not answer: ${outage}`, 'crosstalkd doctor')];
  if (rewrite !== null)
    return [
      need(
        'rewritten',
        rewrite.now === null
          ? 'the branch is gone from the remote; nothing runs'
          : 'the branch on the remote does not contain what was read before; nothing runs until you have looked',
        rewrite.now === null ? 'push the branch again' : 'crosstalkd accept-rewrite',
      ),
    ];
  return control?.op === 'pause'
    ? [need('paused', `all hosts are paused, ordered by ${control.by}`, 'crosstalkd resume --all')]
    : [];
}

function needsOfHost({ around, outbox, stood }: NeedSources): readonly Need[] {
  const { here, hereSilent, offers, offersProblem, claims } = around;
  const wanted = new Set(stood.map(({ work }) => work.recipient));
  const changed = offers.filter(
    ({ name, state }) =>
      state.kind === 'changed-since-approval' ||
      ((state.kind === 'invalid' || state.kind === 'older') && wanted.has(name)),
  );
  const garbage = [...claims.values()].filter(({ claim }) => claim === null).length;
  return [
    ...(offersProblem === null ? [] : [need('config', offersProblem, 'crosstalkd doctor')]),
    ...(here?.halted === true && around.rewrite === null
      ? [
          need(
            'halted',
            'the dispatcher here has stopped: the branch was rewritten',
            'crosstalkd accept-rewrite',
          ),
        ]
      : []),
    ...(hereSilent
      ? [
          need(
            'silent-here',
            'a dispatcher holds this state directory but does not answer',
            'crosstalkd doctor',
          ),
        ]
      : []),
    ...(here === null && !hereSilent && outbox > 0
      ? [
          need(
            'outbox',
            `${counted(outbox, 'finished answer')} of this host ${outbox === 1 ? 'waits' : 'wait'} to be delivered`,
            'crosstalkd run',
          ),
        ]
      : []),
    ...(here?.refused ?? []).map(({ about, reason, blocked, forMs }) => ({
      ...need(
        'refused',
        `${about} cannot be published for ${formatDuration(forMs)}: ${reason}`,
        fixOf(blocked),
      ),
      about: [about],
      count: 1,
    })),
    ...(here?.pausedHere === true
      ? [need('paused-here', `${here.alias} (this host) is paused`, 'crosstalkd resume')]
      : []),
    ...changed.map((offer) =>
      need(
        'model',
        `${offer.name}: ${describeOffer(offer)}`,
        offer.state.kind === 'invalid'
          ? 'crosstalkd models'
          : offer.state.kind === 'older'
            ? 'crosstalkd upgrade-transport'
            : `crosstalkd allow ${offer.name}`,
      ),
    ),
    ...(garbage > 0
      ? [
          need(
            'garbage-claims',
            `${counted(garbage, 'claim')} on the remote cannot be read`,
            'crosstalkd doctor --fix',
          ),
        ]
      : []),
  ];
}

function needsOfFiles({ index }: Surroundings): readonly Need[] {
  return [...index.rejected.values()]
    .sort((a, b) => byCodeUnit(a.path, b.path))
    .map((file) => ({
      ...need(
        'rejected',
        `${file.path}:${file.line}: found ${file.found}; expected ${file.expected}`,
        describeRejected(file).fix,
      ),
      about: [file.path],
      count: 1,
    }));
}

/** Work that waits for a person, put together by what it waits for. */
function needsOfWork(stood: readonly Stood[]): readonly Need[] {
  const groups = new Map<string, Stood[]>();
  for (const one of stood) {
    if (!one.standing.needsPerson) continue;
    const { kind, says } = one.standing;
    const key = ['stale', 'hops'].includes(kind)
      ? kind
      : `${kind} ${one.work.recipient} ${kind === 'twin' || kind === 'unknown-name' ? one.work.message.path : says}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [one]);
    else group.push(one);
  }
  return [...groups.values()].map(describeGroup);
}

function describeGroup(group: readonly Stood[]): Need {
  const paths = [...new Set(group.map(({ work }) => work.message.path))];
  const [first] = group;
  const standing = first?.standing;
  const what = `${paths.length === 1 ? shortId(paths[0] ?? '') : counted(paths.length, 'message')} to ${[...new Set(group.map(({ work }) => work.recipient))].sort(byCodeUnit).join(', ')}: ${standing?.says ?? ''}`;
  return {
    kind: standing?.kind ?? '',
    what,
    fix: standing?.fix ?? 'crosstalkd why <id>',
    about: paths.slice(0, ABOUT_MAX),
    count: paths.length,
  };
}

function needsOfFailures(failed: readonly FailedLately[]): readonly Need[] {
  return failed
    .filter(({ isUnknown }) => isUnknown)
    .map(({ id, model, reason, ageMs, command }) => ({
      ...need(
        'outcome-unknown',
        `${id} to ${model}, ${formatDuration(ageMs)} ago: ${reason}`,
        command,
      ),
      about: [id],
      count: 1,
    }));
}

function needsOfClone(unsent: Unsent | null): readonly Need[] {
  if (unsent === null) return [];
  const { clone, files, commits } = unsent;
  const [first] = files;
  const isHere = (count: number): string => `${count === 1 ? 'is' : 'are'} not sent`;
  return [
    ...(first === undefined
      ? []
      : [
          {
            ...need(
              'unsent',
              `${counted(files.length, 'message')} in this clone ${isHere(files.length)}`,
              `crosstalkd send -C ${shellWord(clone)} ${shellWord(first)}`,
            ),
            about: files.slice(0, ABOUT_MAX),
            count: files.length,
          },
        ]),
    ...(commits === 0
      ? []
      : [
          need(
            'unpushed',
            `${counted(commits, 'commit')} with messages in this clone ${isHere(commits)}`,
            `git -C ${clone} push`,
          ),
        ]),
  ];
}

/** `1 message`, `3 messages`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
