/**
 * The phrase book: every kind of reason in one short sentence, as what is said of a message, model,
 * host or run. Nothing else puts a reason into words. Pure.
 */
import { formatIso } from '../base/clock.ts';
import { formatDuration } from '../base/duration.ts';
import { MODELS_FILE } from './paths.ts';
import type { Awaited, HowAnswered, Reason, ReasonKind, ReasonOf } from './reason.ts';

/** A reason in words, without a full stop. It may hold names and details that others wrote. */
export function sayReason(reason: Reason): string {
  const says = PHRASES[reason.kind] as (facts: Reason) => string;
  const own = says(reason);
  return reason.also === undefined ? own : `${own}; ${sayReason(reason.also)}`;
}

/** The status of a run as people say it. */
export function sayStatus(status: string): string {
  return { 'waiting-human': 'needs a person', compile: 'compiling' }[status] ?? status;
}

const PHRASES: { readonly [K in ReasonKind]: (facts: ReasonOf<K>) => string } = {
  other: ({ text }) => text,

  failed: (it) =>
    `${it.class}: ${it.detail}${it.isOpenEnded === true ? ' (no time named: it rests longer each time)' : ''}`,
  failures: (it) =>
    `${it.count} failures within ${span(it.windowMs)}, the last: ${it.class}: ${it.detail}`,
  'fallback-failed': ({ model, detail }) => `its fallback ${model}: ${detail}`,
  setup: ({ detail }) => detail,
  'claims-refused': ({ line }) => `the remote takes no claims: ${line}`,
  budget: ({ who, used, limit, unit, per, untilMs }) => {
    const amount = unit === 'USD' ? used.toFixed(2) : String(used);
    const until = `${formatIso(untilMs).slice(0, 16)}Z`;
    return `budget: ${who ?? 'all models'} used ${amount} of ${limit} ${unit} this ${per}; resumes at ${until}`;
  },

  served: () => 'served',
  unapproved: () => 'not approved on this host',
  'changed-since-approval': () => 'changed since it was approved',
  invalid: ({ file, line, found, expected }) =>
    `${file}:${line}: found ${found}; expected ${expected}`,
  older: ({ command }) => `has the format of versions before 8 (${command})`,
  excluded: () => 'left out by --only',
  'no-entry': ({ model }) => `no entry for "${model}" in models.yaml`,
  'no-program': ({ program }) => `program "${program}" is not installed`,
  'program-elsewhere': ({ program, place }) =>
    `program "${program}" is not on the PATH here, but at ${place}`,

  ready: ({ takers, project }) =>
    takers.length === 0
      ? 'ready to be claimed'
      : `is ready; ${takers.join(' or ')} takes it at its next poll${project === null ? '' : `, if its config.yaml has the project "${project}"`}`,
  twin: ({ of }) => `has the same id as ${of}, which counts; this copy is never run`,
  unsigned: ({ path, from, found, isOfAnother, host = 'this host' }) => {
    const file = isOfAnother === true ? `rests on ${path}, which ` : '';
    switch (found.kind) {
      case 'nobody':
        return `${file}is not signed, and ${host} requires the signature of ${from}`;
      case 'other':
        return `${file}is from ${from}, but signed by ${found.by}`;
      case 'stranger':
        return `${file}is signed with a key that this host does not know: ${found.key}`;
      case 'bad':
        return `${file}has a signature that does not count: ${found.why}`;
    }
  },
  workflow: () => 'is a workflow; its run shows where it stands',
  stale: ({ ageMs, maxAgeMs }) =>
    `is ${span(ageMs)} old (max-age ${span(maxAgeMs)}): it runs only when asked again`,
  hops: ({ hops, limit }) => `took ${hops} hops (limit ${limit}): agents kept answering agents`,
  held: ({ host }) => `is in progress on ${host}`,
  pinned: ({ model, on }) => `is for ${model} on ${on.join(' or ')} only`,
  'pinned-away': ({ on, isHere }) =>
    isHere
      ? 'waits for this host, and no dispatcher runs here'
      : `waits for host ${on.map((host) => `"${host}"`).join(' or ')}, which is not up`,
  'not-served': ({ offer }) => sayReason(offer),
  'ran-before': ({ host }) => `was run on ${host} before the branch was rewritten`,
  started: ({ by }) => `was started on ${by} and may have had effects: no host starts it again`,
  attempts: ({ host, attempts }) => `had ${attempts} attempts on ${host} already`,
  'not-accepted': ({ host, model, key, found, accepts }) =>
    key === 'projects'
      ? `${model} on ${host} works in ${accepts.join(', ')} only, and this is about "${found}"`
      : `${model} on ${host} takes messages of ${accepts.join(', ')} only, and this is from ${found}`,
  'no-project': ({ host, project }) => `${host} has no project "${project}" in its config.yaml`,
  rests: ({ model, forMs, why }) => `${model} rests${lasting(forMs)}: ${sayReason(why)}`,
  claimed: () => 'is claimed by another dispatcher',
  'not-taking': ({ state }) => `is ${state}`,
  'model-busy': ({ model, running, limit }) => `${model} runs ${running} of ${limit} at a time`,
  rate: ({ model, limit, forMs }) =>
    `${model} has used its ${limit} runs of this hour; resumes in ${span(forMs)}`,
  'slots-busy': ({ slots }) => `all ${slots} slots are busy`,
  waiting: ({ hosts }) =>
    (hosts ?? [])
      .filter(({ reason }) => reason.kind !== 'does-not-serve' && reason.kind !== 'pinned')
      .map((one) => `${nameOf(one)}: ${sayReason(one.reason)}`)
      .join('; ') || 'no host that is up would take it',
  parked: ({ model, why, hosts = [] }) =>
    hosts.length === 0
      ? `${model} rests here: ${why.map(sayReason).join('; ')}`
      : PHRASES.waiting({ kind: 'waiting', project: null, hosts }),
  'all-paused': ({ by }) => `all hosts are paused, ordered by ${by}`,
  paused: ({ hosts }) => PHRASES.waiting({ kind: 'waiting', project: null, ...pass(hosts) }),
  'unknown-name': ({ name, near }) =>
    `nobody is named "${name}": neither a model of this transport nor a person seen in it${near === null ? '' : `; did you mean "${near}"?`}`,
  'nobody-serves': ({ model, here }) =>
    here === 'could'
      ? `no dispatcher that serves ${model} is up; this host can serve it`
      : here === 'unseen'
        ? `this host serves ${model}, but its beat is not on the remote`
        : `no host that is up serves ${model}`,
  'not-allowed': ({ model, state }) =>
    `no host that is up serves ${model}; here it ${state === 'unapproved' ? 'is not approved' : 'was changed since it was approved'}`,
  'remote-away': ({ model }) =>
    `the remote is away, so it is unknown which hosts serve ${model} now`,
  'preferred-away': ({ host }) => `it prefers ${host}, which is not up`,

  running: ({ host, attempt, stage, forMs, signMs, continues }) =>
    `runs on ${host}${stage === null ? '' : ' (this host)'}${nth(attempt)}${begunWith(continues)}; ${doing(stage, forMs, signMs)}`,
  asks: ({ host, people, title, forMs }) =>
    `waits on ${host} for ${people.join(' or ')} to allow it, for ${span(forMs)}: ${title}`,
  'answer-refused': ({ host, attempt, line }) =>
    `is answered on ${host} (this host)${nth(attempt)}, but the answer cannot be published: ${line}`,
  'claim-unreadable': () =>
    'has an unreadable claim; a dispatcher removes it one lease after it has seen it',
  'holder-silent': ({ host, attempt, signMs, silentMs, leaseMs, effects }) =>
    `${host} is silent${silentMs === null ? '' : ` for ${span(silentMs)}`} (lease ${span(leaseMs)})${nth(attempt)}; ${sign(signMs)}. Next: ${
      effects === 'none' ? 'another host runs it again' : 'a host answers "outcome unknown"'
    }`,

  'beat-unreadable': () => 'its beat cannot be read',
  'host-silent': ({ ageMs }) =>
    `is silent: its last beat is ${span(ageMs)} old by its own clock; after a lease of silence others take over`,
  'host-suspect': ({ waitedMs, pollMs }) =>
    `is suspect: it could have taken work for ${span(waitedMs)} and has not (it polls every ${span(pollMs)})`,
  'does-not-serve': ({ model }) => `does not serve ${model}`,
  free: ({ free, slots }) => `serves it and has ${free} of ${slots} slots free`,

  unopened: () => 'no host has opened it yet',
  'plan-refused': ({ problem }) => problem,
  'newer-engine': ({ engine }) => `it was started by engine ${engine}; this host is older`,
  'group-full': ({ group, behind: [first = '', ...more] }) =>
    `the group "${group}" is full: it waits for ${first}${more.length === 0 ? '' : ` and ${more.length} more`} to end`,
  'run-paused': () => 'it is paused',
  'marker-edited': () =>
    'its marker was edited since it began, and it keeps the plan it began with',
  'follow-unsafe': ({ workflow, problem }) =>
    `continues with its old plan; it cannot follow the new "${workflow}": ${problem}`,
  'run-budget': ({ limit, value }) => `its budget is used up (${limit} ${value})`,
  gate: ({ gate, title, approvers, quorum, received, ignored, isVoid }) =>
    `gate ${gate}: "${title}" waits for ${approvers.join(', ')}${quorum > 1 ? ` (${received} of ${quorum})` : ''}${ignored
      .map(({ from, problem }) => `; the answer of ${from} does not count: ${problem}`)
      .join(
        '',
      )}${isVoid ? '; its decision.json has no answers behind it and is ignored: git rm it' : ''}`,
  'gate-decided': ({ gate, title, decision }) => `gate ${gate}: "${title}" is decided: ${decision}`,
  'gate-unanswered': ({ gate, title }) =>
    `gate ${gate}: "${title}" was not answered before its run ended`,
  event: ({ step, event }) => `${step} waits ${sayAwaited({ kind: 'event', event })}`,
  schedule: ({ path, problem }) => `${path} does not start on its own: ${problem}`,
  'step-waits': ({ step, for: what }) => `${step} waits ${sayAwaited(what)}`,
  tasks: ({ names, to, why }) => `${few(names)} (${to}): ${sayReason(why)}`,
  'child-run': () => 'is not over',
  'task-unseen': () => 'waiting',
  'files-refused': ({ line }) => `its next files cannot be published: ${line}`,
  'run-ended': ({ step, detail }) => (step === null ? detail : `${step}: ${detail}`),
  'run-moves': () => 'nothing blocks it: a host advances it at its next poll',
  'run-over': ({ status }) => `is over: ${status}`,

  cancelled: ({ by, agoMs }) => `cancelled by ${by}, ${ago(agoMs)}`,
  'answered-by-hand': ({ by, agoMs, isLate }) =>
    `answered ${isLate ? 'late, ' : ''}by hand by ${by}, ${ago(agoMs)}`,
  answered: ({ agoMs, how }) => `answered ${ago(agoMs)} ${where(how)}`,
  'answer-failed': (it) =>
    `failed ${ago(it.agoMs)} ${where(it.how)}: ${it.detail === '' ? (it.class ?? 'no reason given') : it.detail}`,
  'run-answered': ({ agoMs, failed }) =>
    `${failed ? 'failed' : 'answered'} ${ago(agoMs)} by its run`,
  retried: ({ by }) => `was asked again by ${by}`,
  dismissed: () => 'dismissed, so nothing has to be done',
  'answered-elsewhere': ({ by }) => `answered by ${by}`,
  'ended-by-older': ({ channel }) => `was ended by an older program in ${channel}`,
  own: () => 'wrote it; nobody answers their own message',
  'is-reply': () => 'is answered with this; a reply asks nobody',
  person: () => 'is a person; people answer when they want to',
  unread: () => 'is not read yet',
  closed: () => 'need not answer: the message was closed',
  'asked-nobody': () => 'asks "all", and this transport has no models',
  'order-nowhere': ({ channel }) => `an order to a workflow run, and "${channel}" is not a run`,
  'is-answer': (it) =>
    `is the ${it.failed ? `failure (${it.class ?? 'no reason given'})` : 'answer'} of ${it.recipient} to ${it.to}${begunWith(it.continues)}`,
  gone: () => 'does not exist any more',
  'odd-reply': ({ path, what }) =>
    `cannot be answered: a ${what === 'folder' ? 'folder' : 'link or submodule'} stands where the answer belongs (${path}); remove it in a clone`,
  'unreadable-reply': ({ path, line, found, expected }) =>
    `is closed by ${path}, which is not a message: line ${line}: found ${found}; expected ${expected}; fix it, or remove it to ask again`,
  late: ({ recipient, attempt, agoMs, form, why }) =>
    `${LATE_FORMS[form]} of ${recipient}${nth(attempt)} was kept here ${ago(agoMs)} and not published: ${why}`,
  asked: ({ model, people, text, agoMs }) =>
    `${model} asked ${people.join(' and ')} ${ago(agoMs)}: ${text}`,
  'question-closed': () =>
    'needs no answer any more: the attempt that asked it has continued or ended',
  're-nothing': ({ re }) => `its re: names ${re}, which does not exist: it starts its own thread`,
  rejected: ({ line, found, expected, closes }) =>
    `is not a message: line ${line}: found ${found}; expected ${expected}${closes === null ? '' : `; at this path it closes ${closes.id} for ${closes.recipient}`}`,
  'files-rejected': ({ count }) =>
    `${counted(count, 'file')} ${count === 1 ? 'is not a message' : 'are not messages'}`,
  idle: () => 'nothing waits for it',

  outage: ({ line }) => `the remote does not answer: ${line}`,
  rewritten: ({ isGone }) =>
    isGone
      ? 'the branch is gone from the remote; nothing runs'
      : 'the branch on the remote does not contain what was read before; nothing runs until you have looked',
  config: ({ problem }) => problem,
  'version-changed': ({ was, now }) =>
    `CROSSTALK-VERSION changed from "${was}" to "${now}", which moves the claims; nothing runs until you have looked`,
  halted: () => 'the dispatcher here has halted until you accept what is on the branch',
  'silent-here': () => 'a dispatcher holds this state directory but does not answer',
  'waits-for-remote': ({ line }) => `the dispatcher here waits for the remote: ${line}`,
  outbox: ({ count }) =>
    `${counted(count, 'finished answer')} of this host ${count === 1 ? 'waits' : 'wait'} to be delivered`,
  'publish-refused': ({ path, line, forMs }) =>
    `${path} has been refused for ${span(forMs)}: ${line}`,
  'paused-here': ({ host }) => `${host} (this host) is paused`,
  'model-not-served': ({ model, offer }) => `${model}: ${sayReason(offer)}`,
  'models-unreadable': ({ path, line, found, expected }) =>
    `${path ?? MODELS_FILE} line ${line}: found ${found}; expected ${expected}; the last good ${path === undefined ? 'models stay' : 'version stays'} in force`,
  'garbage-claims': ({ count }) => `${counted(count, 'claim')} on the remote cannot be read`,
  'mirror-behind': ({ url, line }) => `the mirror ${url} does not get the branch: ${line}`,
  failure: ({ agoMs, detail }) => `failed ${ago(agoMs)}: ${detail}`,
  'outcome-unknown': ({ agoMs, detail }) => `${ago(agoMs)}: ${detail}`,
  unsent: ({ count }) =>
    `${counted(count, 'message')} in this clone ${count === 1 ? 'is' : 'are'} not sent`,
  unpushed: ({ count }) =>
    `${counted(count, 'commit')} with messages in this clone ${count === 1 ? 'is' : 'are'} not sent`,
  'no-dispatcher': () => 'no dispatcher runs on this host for this transport',
  host: ({ line, holds }) =>
    `${line}; holds ${holds.map(({ id, model }) => `${id} for ${model}`).join(', ') || 'nothing'}`,
  'host-down': ({ isHere }) =>
    isHere ? 'no dispatcher runs here' : 'no dispatcher with this name is up',
  'alias-twice': ({ host, count }) =>
    `${count} hosts have this name; both work, but ${host} means two machines`,
};

const LATE_FORMS = {
  answer: 'an answer',
  failure: 'a failure',
  part: 'an unfinished answer',
} as const;

/** `1 message`, `3 messages`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** A host in an opinion: the one here says so. */
export function nameOf(one: { readonly host: string; readonly isHere: boolean }): string {
  return one.isHere ? `${one.host} (this host)` : one.host;
}

function pass(hosts: Reason['hosts']): Pick<Reason, 'hosts'> {
  return hosts === undefined ? {} : { hosts };
}

function span(ms: number): string {
  return formatDuration(Math.max(0, ms));
}

function ago(ms: number): string {
  return `${span(ms)} ago`;
}

function lasting(ms: number | null): string {
  return ms === null ? '' : ` for ${span(ms)}`;
}

function nth(attempt: number): string {
  return attempt === 1 ? '' : `, attempt ${attempt}`;
}

function sign(signMs: number | null): string {
  return signMs === null
    ? 'no beat of it is on the remote'
    : `its last beat is ${span(signMs)} old by its own clock`;
}

function doing(
  stage: ReasonOf<'running'>['stage'],
  forMs: number | null,
  signMs: number | null,
): string {
  switch (stage) {
    case 'publishing':
      return 'its answer is being published';
    case 'starting':
      return 'its agent starts';
    case 'agent':
      return `its agent has run for ${span(forMs ?? 0)}`;
    case null:
      return sign(signMs);
  }
}

function where({ host, attempt, durationMs, continues }: HowAnswered): string {
  const took = durationMs === null ? '' : `, ${span(durationMs)}`;
  return `on ${host ?? 'a host'}${nth(attempt)}${took}${begunWith(continues)}`;
}

/** An attempt began with the capsule of an earlier one. */
function begunWith(continues: string | null): string {
  return continues === null ? '' : ` (continues ${continues})`;
}

function few(names: readonly string[]): string {
  return names.length <= 3
    ? names.join(', ')
    : `${names.slice(0, 2).join(', ')} and ${names.length - 2} more`;
}

/** What a step waits for: `until …`, `for …`. */
export function sayAwaited(what: Awaited): string {
  switch (what.kind) {
    case 'event':
      return `for the event "${what.event}"`;
    case 'time':
      return `until ${formatIso(what.atMs)}`;
    case 'retry':
      return 'until a retry is due';
    case 'message': {
      const from = what.from === null ? '' : ` from ${what.from}`;
      return `for a message${from}${what.contains === null ? '' : ` with "${what.contains}"`}`;
    }
  }
}
