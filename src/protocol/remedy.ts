/**
 * The remedy for each kind of reason: the command that resolves it, and whether it needs a person.
 * Pure.
 */
import {
  andThen,
  onAnotherHost,
  type Fix,
  fixBy,
  fixByHand,
  orElse,
  withNote,
} from '../base/fix.ts';
import { BUDGETS_FILE, MODELS_FILE } from './paths.ts';
import type { HostSays, Reason, ReasonKind, ReasonOf } from './reason.ts';
import { nameOf, sayReason } from './say-reason.ts';

const PUSH_OR_FOLLOW =
  'push the branch again; if it was renamed, in each clone: git fetch, then git branch --set-upstream-to=origin/NEW-NAME';

/** A reason with its words, as `--json`, the page and MCP carry it. */
export interface Told {
  readonly kind: ReasonKind;
  readonly says: string;
  readonly fix: Fix | null;
  readonly needs_person: boolean;
  /** What each host says of the same, where it is asked; `host` alone is its name. */
  readonly hosts: readonly { readonly host: string; readonly says: string }[];
}

/** The command that helps; null = nothing needs to be done. */
export function fixOf(reason: Reason): Fix | null {
  const remedy = REMEDIES[reason.kind] as ((facts: Reason) => Fix | null) | undefined;
  return remedy?.(reason) ?? null;
}

/** The reason in words, with what helps. */
export function tellReason(reason: Reason): Told {
  return {
    kind: reason.kind,
    says: sayReason(reason),
    fix: fixOf(reason),
    needs_person: needsPerson(reason),
    hosts: hostsOf(reason).map((one) => ({
      host: nameOf(one),
      says: sayReason(one.reason),
    })),
  };
}

/** Of tasks it is what they wait for that hosts are asked about. */
function hostsOf(reason: Reason): readonly HostSays[] {
  return reason.hosts ?? (reason.kind === 'tasks' ? hostsOf(reason.why) : []);
}

/** True when it does not move without a person. */
export function needsPerson(reason: Reason): boolean {
  switch (reason.kind) {
    case 'holder-silent':
      return !reason.isWatched;
    case 'waiting':
      return reason.project !== null;
    case 'tasks':
      return needsPerson(reason.why);
    default:
      return NEED_PERSON.has(reason.kind);
  }
}

const NEED_PERSON: ReadonlySet<ReasonKind> = new Set<ReasonKind>([
  'asks',
  'asked',
  'stale',
  'hops',
  'twin',
  'unsigned',
  'not-accepted',
  'no-project',
  'claim-unreadable',
  'host-suspect',
  'unknown-name',
  'asked-nobody',
  'ran-before',
  'all-paused',
  'paused',
  'pinned-away',
  'nobody-serves',
  'not-allowed',
  'parked',
  'odd-reply',
  'unreadable-reply',
  'files-refused',
  'unopened',
  'newer-engine',
  'run-paused',
  'follow-unsafe',
  'run-budget',
  'gate',
  'event',
]);

type Remedies = { readonly [K in ReasonKind]?: (facts: ReasonOf<K>) => Fix | null };

const REMEDIES: Remedies = {
  'claims-refused': () => fixBy`crosstalkd doctor`,
  budget: () => fixByHand(`edit ${BUDGETS_FILE}, or wait`),

  unapproved: ({ model }) => fixBy`crosstalkd allow ${model}`,
  'changed-since-approval': ({ model }) => fixBy`crosstalkd allow ${model}`,
  invalid: ({ file }) => fixBy`crosstalkd lint ${file}`,
  older: () => fixBy`crosstalkd upgrade-transport`,
  excluded: ({ model }) => fixByHand(`remove "only" from config.yaml, or add ${model} to it`),
  'no-entry': () => fixBy`crosstalkd models`,
  'no-program': ({ program }) =>
    fixByHand(`install "${program}", or write its path in command: [...]`),

  'program-elsewhere': ({ place }) =>
    fixByHand(`command: [${JSON.stringify(place)}] in models.yaml`),

  ready: ({ project }) => (project === null ? null : projectFix(project)),
  twin: ({ path }) => inClone(fixBy`git rm ${path}`, 'Remove a copy'),
  unsigned: (reason) =>
    reason.isOfAnother === true && reason.path !== MODELS_FILE
      ? unsignedFileFix(reason)
      : there(fixBy`crosstalkd trust message ${reason.path}`, reason.host ?? null),
  workflow: ({ id }) => fixBy`crosstalkd workflow show ${id}`,
  stale: ({ id }) => fixBy`crosstalkd retry ${id}`,
  hops: ({ id }) => fixBy`crosstalkd cancel ${id}`,
  'pinned-away': ({ id, on: [first = ''], isHere }) =>
    isHere
      ? fixBy`crosstalkd run`
      : orElse(
          onAnotherHost(fixBy`crosstalkd run --alias ${first}`, `the first one on ${first}`),
          fixBy`crosstalkd cancel ${id}`,
        ),
  'not-served': ({ offer }) => fixOf(offer),
  'ran-before': ({ id }) => andThen(fixBy`crosstalkd cancel ${id}`, fixBy`crosstalkd retry ${id}`),
  'no-project': ({ project }) => projectFix(project),
  'not-accepted': ({ model, key }) =>
    fixByHand(`its operator changes "${key}" of ${model} in models.yaml, or somebody else asks`),
  rests: ({ why, model, host }) => restFix(why, model, host),
  waiting: ({ project }) => (project === null ? null : projectFix(project)),
  parked: ({ why, model, resumeOn, isNobodyUp }) => {
    const [first] = why;
    if (first === undefined) return fixBy`crosstalkd models`;
    const fix = restFix(why.find(({ kind }) => kind === 'budget') ?? first, model, resumeOn);
    return isNobodyUp === true ? andThen(fix, fixBy`crosstalkd run`) : fix;
  },
  'all-paused': () => fixBy`crosstalkd resume --all`,
  paused: ({ on }) => there(fixBy`crosstalkd resume`, on),
  'unknown-name': ({ id, path, near }) =>
    near === null
      ? fixBy`crosstalkd cancel ${id}`
      : withNote(fixBy`crosstalkd cancel ${id}`, `or correct "to:" in ${path}`),
  'nobody-serves': ({ here }) =>
    here === 'could'
      ? fixBy`crosstalkd run`
      : here === 'unseen'
        ? fixBy`crosstalkd doctor`
        : fixBy`crosstalkd models`,
  'not-allowed': ({ model }) => fixBy`crosstalkd allow ${model}`,
  'remote-away': () => fixBy`crosstalkd doctor`,

  running: ({ id }) => fixBy`crosstalkd cancel ${id}`,
  // Anyone who agrees has read what runs.
  asks: ({ question }) =>
    [
      fixBy`crosstalkd answer ${question} approve`,
      fixBy`crosstalkd answer ${question} deny`,
    ].reduce(orElse, fixBy`crosstalkd show ${question}`),
  'answer-refused': ({ isBlocked }) => publishFix(isBlocked),
  'claim-unreadable': () => fixBy`crosstalkd doctor --fix`,
  'holder-silent': ({ host, isWatched }) =>
    isWatched
      ? onAnotherHost(
          fixBy`crosstalkd run --alias ${host}`,
          'there, if it should not wait for the lease',
        )
      : fixBy`crosstalkd run`,

  'host-suspect': ({ host }) =>
    onAnotherHost(fixBy`crosstalkd run --alias ${host}`, `on ${host}, if its dispatcher has died`),

  unopened: () => fixBy`crosstalkd run`,
  'newer-engine': () => fixBy`npm install -g crosstalkd`,
  'group-full': ({ behind: [first = ''] }) => fixBy`crosstalkd workflow why ${first}`,
  'follow-unsafe': ({ run }) =>
    withNote(
      andThen(fixBy`crosstalkd workflow cancel ${run}`, fixBy`crosstalkd workflow rerun ${run}`),
      'to start over with the new one, or let it end',
    ),
  'marker-edited': ({ run }) =>
    withNote(
      andThen(fixBy`crosstalkd workflow cancel ${run}`, fixBy`crosstalkd workflow rerun ${run}`),
      'to start over with it as it is now, or let it end',
    ),
  'run-paused': ({ run }) => fixBy`crosstalkd workflow resume ${run}`,
  'run-budget': ({ run, limit, raised }) =>
    fixBy`crosstalkd workflow budget ${run} --${limit} ${raised}`,
  gate: answerGate,
  'gate-decided': ({ run }) => fixBy`crosstalkd workflow show ${run}`,
  'gate-unanswered': ({ run }) => fixBy`crosstalkd workflow show ${run}`,
  event: ({ run, event }) => fixBy`crosstalkd workflow signal ${run} ${event}`,
  schedule: ({ name }) => fixBy`crosstalkd workflow check ${name}`,
  tasks: ({ why }) => fixOf(why),
  'child-run': ({ path }) => fixBy`crosstalkd workflow why ${path}`,
  'task-unseen': ({ path }) => fixBy`crosstalkd why ${path}`,
  'files-refused': ({ isBlocked }) => publishFix(isBlocked),
  'run-ended': ({ retry }) => (retry === null ? null : fixBy`crosstalkd workflow retry ${retry}`),
  'run-moves': ({ run }) => fixBy`crosstalkd workflow show ${run}`,
  'run-over': ({ run }) => fixBy`crosstalkd workflow show ${run}`,

  cancelled: ({ id }) => fixBy`crosstalkd retry ${id}`,
  answered: ({ reply }) => fixBy`crosstalkd show ${reply}`,
  'answer-failed': ({ id }) => fixBy`crosstalkd retry ${id}`,
  'run-answered': ({ id }) => fixBy`crosstalkd workflow show ${id}`,
  dismissed: () => null,
  retried: ({ by }) => fixBy`crosstalkd why ${by}`,
  'answered-elsewhere': ({ by }) => fixBy`crosstalkd show ${by}`,
  'ended-by-older': () => fixBy`crosstalkd channels`,
  unread: () => fixBy`crosstalkd status`,
  closed: ({ id }) => fixBy`crosstalkd thread ${id}`,
  'order-nowhere': () => fixBy`crosstalkd workflow list`,
  'asked-nobody': () => withNote(fixBy`crosstalkd models`, `write ${MODELS_FILE} first`),
  'is-answer': ({ to }) => fixBy`crosstalkd why ${to}`,
  gone: () => fixBy`crosstalkd log`,
  'odd-reply': ({ path }) => makeRoom(path),
  'unreadable-reply': ({ path }) => makeRoom(path),
  late: ({ id, recipient }) =>
    orElse(
      fixBy`crosstalkd adopt ${id} --to ${recipient}`,
      fixBy`crosstalkd adopt ${id} --to ${recipient} --discard`,
    ),
  asked: ({ question }) =>
    orElse(fixBy`crosstalkd show ${question}`, fixBy`crosstalkd answer ${question} -m ANSWER`),
  'question-closed': ({ id }) => fixBy`crosstalkd thread ${id}`,
  're-nothing': ({ path }) => fixBy`crosstalkd lint ${path}`,
  'files-rejected': () => fixBy`crosstalkd lint`,
  rejected: ({ path, isCopy, remedy }) => {
    if (isCopy) return inClone(fixBy`git rm ${path}`, 'Remove a copy');
    if (remedy === null) return fixBy`crosstalkd lint ${path}`;
    const change = fixBy`${remedy}`;
    // A command of ours publishes what it changes.
    if (remedy[0] !== 'git') return change;
    const to = remedy[1] === 'mv' ? (remedy.at(-1) ?? '') : '';
    const place = fixBy`mkdir -p ${to.slice(0, to.lastIndexOf('/'))}`;
    return inClone(to === '' ? change : andThen(place, change), 'Fix a file that is not a message');
  },

  outage: () => fixBy`crosstalkd doctor`,
  rewritten: ({ isGone }) =>
    isGone ? fixByHand(PUSH_OR_FOLLOW) : fixBy`crosstalkd accept-rewrite`,
  config: () => fixBy`crosstalkd doctor`,
  'version-changed': () => fixBy`crosstalkd accept-rewrite`,
  halted: () => fixBy`crosstalkd accept-rewrite`,
  'silent-here': () => fixBy`crosstalkd doctor`,
  'waits-for-remote': () => fixBy`crosstalkd doctor`,
  outbox: () => fixBy`crosstalkd run`,
  'publish-refused': ({ isBlocked }) => publishFix(isBlocked),
  'paused-here': () => fixBy`crosstalkd resume`,
  'model-not-served': ({ offer }) => fixOf(offer),
  'models-unreadable': ({ path = MODELS_FILE }) => fixBy`crosstalkd lint ${path}`,
  'garbage-claims': () => fixBy`crosstalkd doctor --fix`,
  'mirror-behind': ({ url }) =>
    withNote(fixBy`git ls-remote ${url}`, 'retried with the next change of the branch'),
  failure: failureFix,
  'outcome-unknown': failureFix,
  unsent: ({ clone, first }) => fixBy`crosstalkd send -C ${clone} ${first}`,
  unpushed: ({ clone, isBehind }) =>
    isBehind
      ? andThen(fixBy`git -C ${clone} pull --rebase --autostash`, fixBy`git -C ${clone} push`)
      : fixBy`git -C ${clone} push`,
  'no-dispatcher': () => fixBy`crosstalkd run`,
  host: ({ host, isPaused, isHere, also }) =>
    isPaused
      ? there(fixBy`crosstalkd resume`, isHere ? null : host)
      : also === undefined
        ? null
        : fixOf(also),
  'host-down': ({ host, isHere }) =>
    isHere ? fixBy`crosstalkd run` : there(fixBy`crosstalkd run --alias ${host}`, host),
  'alias-twice': () => onAnotherHost(fixBy`crosstalkd run --alias NAME`, 'on one of them'),
};

/** More choices than this are not spelled out. */
const CHOICES_MAX = 4;

/** The command that answers a gate, with what it needs for that and what else it takes. */
export function answerGate({
  run,
  gate,
  form,
  choices,
}: Pick<ReasonOf<'gate'>, 'run' | 'gate' | 'form' | 'choices'>): Fix {
  const approve = fixBy`crosstalkd workflow approve ${run} ${gate}`;
  switch (form) {
    case 'approve':
      return approve;
    case 'input':
      return { ...approve, command: [...approve.command, '-m', 'ANSWER'] };
    case 'choose': {
      const [first, ...others] = choices.slice(0, CHOICES_MAX).map((choice) => ({
        ...approve,
        command: [...approve.command, ...fixBy`--choice ${choice}`.command],
      }));
      return others.reduce(orElse, first ?? approve);
    }
  }
}

/** Ask again, or let it be. */
function failureFix({ id, run, model }: ReasonOf<'failure' | 'outcome-unknown'>): Fix {
  // A marker that is wrong is as wrong the next time: its answer lists what must be fixed.
  if (run === null && model === 'workflow')
    return orElse(fixBy`crosstalkd show ${id}`, fixBy`crosstalkd ack ${id}`);
  return run === null
    ? orElse(fixBy`crosstalkd retry ${id}`, fixBy`crosstalkd ack ${id}`)
    : orElse(fixBy`crosstalkd workflow retry ${run}`, fixBy`crosstalkd ack ${run}`);
}

function restFix(why: Reason, model: string, host: string | null): Fix {
  return fixOf(why) ?? there(fixBy`crosstalkd resume ${model}`, host);
}

function there(fix: Fix, host: string | null): Fix {
  return host === null ? fix : onAnotherHost(fix, `on ${host}`);
}

function publishFix(isBlocked: boolean): Fix {
  return isBlocked
    ? fixByHand('remove what is in the way: git rm, commit, push')
    : fixBy`crosstalkd doctor`;
}

/** Where a project is written that a host lacks. */
function projectFix(project: string): Fix {
  return fixByHand(
    `put "projects: { ${project}: <directory> }" into the config.yaml of a host that serves it, then there: crosstalkd stop, crosstalkd run`,
  );
}

function makeRoom(path: string): Fix {
  return inClone(fixBy`git rm -r ${path}`, 'Make room for the answer');
}

/** An unknown key is more often that of a new host than of a forger: nothing is removed for it. */
function unsignedFileFix({ path, found }: ReasonOf<'unsigned'>): Fix {
  const accept = fixBy`crosstalkd trust message ${path}`;
  if (found.kind === 'stranger')
    return withNote(
      accept,
      'this file only; if a host of yours has that key: crosstalkd trust add HOST --host',
    );
  const remove = inClone(fixBy`git rm ${path}`, 'Remove a file that nobody known signed');
  return withNote(
    orElse(remove, accept),
    `${IN_CLONE}; without the file the message is open again`,
  );
}

const IN_CLONE = 'in a clone of the transport';

/** A change in a clone, which may be behind, and everything until all hosts see it. */
function inClone(change: Fix, subject: string): Fix {
  const published = andThen(fixBy`git commit -m ${subject}`, fixBy`git push`);
  return withNote(andThen(fixBy`git pull --rebase`, andThen(change, published)), IN_CLONE);
}
