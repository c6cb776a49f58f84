/**
 * Why something stands where it stands: one closed set of kinds, each with its facts. A reason is
 * made where the fact is known and carried as it is; say-reason.ts puts it into words and remedy.ts
 * names the command that helps. Nobody takes the words apart again.
 *
 * Times are milliseconds. `host: null` means this host. Names, ids and details may come from others
 * and are data: anyone who prints them makes them safe for a terminal.
 */
import type { NotAdmitted } from './admission.ts';

/** A reason. `also` is said after it; `hosts`: what each host says of the same. */
export type Reason = {
  readonly [K in keyof Facts]: { readonly kind: K } & Readonly<Facts[K]> & Common;
}[keyof Facts];

interface Common {
  readonly also?: Reason;
  readonly hosts?: readonly HostSays[];
}

export type ReasonKind = Reason['kind'];

/** Reasons of some kinds. */
export type ReasonOf<K extends ReasonKind> = Extract<Reason, { kind: K }>;

/** What one host says of a piece of work. */
export interface HostSays {
  readonly host: string;
  readonly isHere: boolean;
  readonly reason: Reason;
}

/** Why a model rests: these kinds travel in beats. */
export type RestReason = ReasonOf<keyof RestFacts | 'other'>;
/** Whether a model is served here, and if not, why not. */
export type OfferReason = ReasonOf<keyof OfferFacts | 'other'>;

type None = object;

interface Facts
  extends
    RestFacts,
    OfferFacts,
    WorkFacts,
    ClaimFacts,
    HostFacts,
    RunFacts,
    MessageFacts,
    PlaceFacts {
  /** From another version, which put it into words itself. */
  other: { text: string };
}

interface RestFacts {
  /** An agent failed in a way that will not pass at once. `isOpenEnded`: it named no time. */
  failed: { class: string; detail: string; isOpenEnded?: boolean };
  /** It failed again and again. */
  failures: { count: number; windowMs: number; class: string; detail: string };
  'fallback-failed': { model: string; detail: string };
  /** What this host does to run it has failed. */
  setup: { detail: string };
  'claims-refused': { line: string };
  /** `who`: null = all models together. `untilMs`: when it may continue, since the epoch. */
  budget: {
    who: string | null;
    used: number;
    limit: number;
    unit: 'USD' | 'tokens' | 'runs';
    per: 'day' | 'hour';
    untilMs: number;
  };
}

interface OfferFacts {
  served: None;
  unapproved: { model: string };
  'changed-since-approval': { model: string };
  invalid: { model: string; file: string; line: number; found: string; expected: string };
  /** Written as programs before 8 did. */
  older: { model: string; command: string };
  /** Not among the names of `only`. */
  excluded: { model: string };
  'no-entry': { model: string };
  'no-program': { program: string };
  /** `command`: what runs it there. */
  'program-elsewhere': { program: string; place: string };
}

/** The state of a piece of open work that nobody holds. */
interface WorkFacts {
  /** `takers`: empty = this host. `project`: what a taker must have. */
  ready: { takers: readonly string[]; project: string | null };
  twin: { path: string; of: string };
  /** This host requires a signature of somebody it knows, by the name that the message gives. */
  unsigned: {
    path: string;
    /** What it is said of rests on the file at this path, and is another one. */
    isOfAnother?: true;
    /** The host that requires it; absent: this one. */
    host?: string;
    from: string;
    found:
      | { readonly kind: 'nobody' }
      | { readonly kind: 'other'; readonly by: string }
      | { readonly kind: 'stranger'; readonly key: string }
      | { readonly kind: 'bad'; readonly why: string };
  };
  workflow: { id: string };
  stale: { id: string; ageMs: number; maxAgeMs: number };
  hops: { id: string; hops: number; limit: number };
  held: { host: string };
  /** `hosts` is taken: `on` names them. */
  pinned: { model: string; on: readonly string[] };
  /** `isHere`: this host is one of them, and no dispatcher runs here. */
  'pinned-away': { id: string; model: string; on: readonly string[]; isHere: boolean };
  'not-served': { model: string; offer: OfferReason };
  'ran-before': { id: string; host: string };
  /** What acts outside is started once: `by` names the host that has. */
  started: { by: string };
  attempts: { host: string; attempts: number };
  'no-project': { host: string; project: string };
  'not-accepted': { host: string; model: string } & NotAdmitted;
  rests: { model: string; host: string | null; forMs: number | null; why: RestReason };
  claimed: None;
  /** `state`: paused or draining. */
  'not-taking': { host: string; state: string };
  'model-busy': { model: string; running: number; limit: number };
  rate: { model: string; limit: number; forMs: number };
  'slots-busy': { host: string; slots: number };
  /** Nobody takes it now; `hosts` say why. */
  waiting: { project: string | null };
  /** `isNobodyUp`: it rests on this host, and no dispatcher runs that could serve it then. */
  parked: {
    model: string;
    why: readonly RestReason[];
    resumeOn: string | null;
    isNobodyUp?: true;
  };
  'all-paused': { by: string };
  /** `on`: the host that is paused; null = this one. */
  paused: { on: string | null };
  'unknown-name': { id: string; path: string; name: string; near: string | null };
  /** `could`: this host would serve it if a dispatcher ran. */
  'nobody-serves': { model: string; here: 'could' | 'unseen' | 'no' };
  /** No host that is up serves it; here it waits for an approval. */
  'not-allowed': { model: string; state: 'unapproved' | 'changed-since-approval' };
  /** The remote is away: what is known is as of the last look. */
  'remote-away': { model: string };
  'preferred-away': { host: string };
}

interface ClaimFacts {
  /** `stage`: null = another host's. */
  running: {
    id: string;
    host: string;
    attempt: number;
    stage: 'publishing' | 'starting' | 'agent' | null;
    forMs: number | null;
    signMs: number | null;
    /** The earlier attempt that it began with, if known here. */
    continues: string | null;
  };
  /** Its agent waits for a person's yes or no; `question`: the id of what is asked. */
  asks: {
    id: string;
    question: string;
    model: string;
    host: string;
    people: readonly string[];
    title: string;
    forMs: number;
  };
  'answer-refused': { host: string; attempt: number; line: string; isBlocked: boolean };
  'claim-unreadable': None;
  /** `silentMs`: seen by a dispatcher here; null: none runs. `isWatched`: another can take over. */
  'holder-silent': {
    host: string;
    attempt: number;
    signMs: number | null;
    silentMs: number | null;
    leaseMs: number;
    effects: 'none' | 'external';
    isWatched: boolean;
  };
}

/** What is known of a host by its beat. */
interface HostFacts {
  'beat-unreadable': None;
  'host-silent': { ageMs: number };
  /** It could have taken work for some of its poll intervals and has not. */
  'host-suspect': { host: string; waitedMs: number; pollMs: number };
  'does-not-serve': { model: string };
  free: { free: number; slots: number };
}

/** What a run waits for. */
interface RunFacts {
  unopened: None;
  'plan-refused': { problem: string };
  'newer-engine': { engine: number };
  'group-full': { group: string; behind: readonly string[] };
  /** It was edited since the run began, which keeps what it began with. */
  'marker-edited': { run: string };
  'run-paused': { run: string };
  /** Its saved workflow has changed in a way that it cannot take over. */
  'follow-unsafe': { run: string; workflow: string; problem: string };
  'run-budget': {
    run: string;
    limit: 'usd' | 'tokens' | 'agents' | 'minutes';
    value: number;
    /** A limit that would let it continue. */
    raised: number;
  };
  gate: {
    run: string;
    gate: string;
    title: string;
    form: 'approve' | 'choose' | 'input';
    choices: readonly string[];
    approvers: readonly string[];
    received: number;
    quorum: number;
    /** Its decision.json has no answers behind it. */
    isVoid: boolean;
    ignored: readonly { readonly from: string; readonly problem: string }[];
  };
  'gate-decided': { run: string; gate: string; title: string; decision: string };
  'gate-unanswered': { run: string; gate: string; title: string };
  event: { run: string; step: string; event: string };
  /** A saved workflow that should start by the clock and cannot. */
  schedule: { path: string; name: string; problem: string };
  'step-waits': { step: string; for: Exclude<Awaited, { kind: 'event' }> };
  /** Tasks that wait for the same. */
  tasks: { names: readonly string[]; to: string; why: Reason };
  'child-run': { path: string };
  'task-unseen': { path: string };
  'files-refused': { line: string; isBlocked: boolean };
  /** Why the run ended as it did; `retry`: it can continue. */
  'run-ended': { step: string | null; detail: string; retry: string | null };
  'run-moves': { run: string };
  'run-over': { run: string; status: string };
}

/** What a step of a run waits for that is not an answer of a task. */
export type Awaited =
  | { readonly kind: 'event'; readonly event: string }
  | { readonly kind: 'time'; readonly atMs: number }
  | { readonly kind: 'message'; readonly from: string | null; readonly contains: string | null }
  | { readonly kind: 'retry' };

/** Where a message stands for one of those it asks. */
interface MessageFacts {
  cancelled: { id: string; by: string; agoMs: number };
  /** `isLate`: with what a host had kept, by `adopt`. */
  'answered-by-hand': { by: string; agoMs: number; isLate: boolean };
  answered: { reply: string; agoMs: number; how: HowAnswered };
  'answer-failed': {
    id: string;
    agoMs: number;
    how: HowAnswered;
    class: string | null;
    detail: string;
  };
  'run-answered': { id: string; agoMs: number; failed: boolean };
  retried: { by: string };
  /** A person has noted that nothing has to be done about it. */
  dismissed: None;
  'answered-elsewhere': { by: string };
  'ended-by-older': { channel: string };
  own: None;
  'is-reply': None;
  person: None;
  unread: None;
  closed: { id: string };
  'asked-nobody': { path: string };
  'order-nowhere': { channel: string };
  'is-answer': {
    failed: boolean;
    class: string | null;
    recipient: string;
    to: string;
    continues: string | null;
  };
  gone: None;
  'odd-reply': { path: string; what: 'folder' | 'link' };
  'unreadable-reply': { path: string; line: number; found: string; expected: string };
  /** An agent has asked a person and ended its turn: the answer wakes it. */
  asked: {
    question: string;
    model: string;
    people: readonly string[];
    text: string;
    agoMs: number;
  };
  /** A question of an agent that nobody waits for any more. */
  'question-closed': { id: string };
  're-nothing': { path: string; re: string };
  /** Output of an attempt here that came too late; `form`: how whole it is. */
  late: {
    id: string;
    recipient: string;
    attempt: number;
    agoMs: number;
    form: 'answer' | 'failure' | 'part';
    why: string;
  };
  rejected: {
    path: string;
    line: number;
    found: string;
    expected: string;
    isCopy: boolean;
    /** What it closes by standing where an answer belongs. */
    closes: { id: string; recipient: string } | null;
    remedy: Remedy | null;
  };
  /** Several of them. */
  'files-rejected': { count: number };
  idle: None;
}

/** Which attempt gave an answer. */
export interface HowAnswered {
  readonly host: string | null;
  readonly attempt: number;
  readonly durationMs: number | null;
  /** The earlier attempt that it began with. */
  readonly continues: string | null;
}

/** What the reader of a file knows of its remedy: the words of a command. */
export type Remedy = readonly string[];

/** A message without an answer, or a run that failed; `run`: null = a message. */
interface Unanswered {
  id: string;
  model: string;
  agoMs: number;
  detail: string;
  run: string | null;
}

/** What `status` finds at this place: the remote, the host, the clone. */
interface PlaceFacts {
  outage: { line: string };
  rewritten: { isGone: boolean };
  'version-changed': { was: string; now: string };
  config: { problem: string };
  halted: None;
  'silent-here': None;
  'waits-for-remote': { line: string };
  outbox: { count: number };
  'publish-refused': { path: string; line: string; isBlocked: boolean; forMs: number };
  'paused-here': { host: string };
  'model-not-served': { model: string; offer: OfferReason };
  /** `path`: another file of settings than models.yaml. */
  'models-unreadable': { path?: string; line: number; found: string; expected: string };
  'garbage-claims': { count: number };
  /** The second remote lacks what the first one has. */
  'mirror-behind': { url: string; line: string };
  failure: Unanswered;
  /** The same, and nobody knows what the agent did before its host was lost. */
  'outcome-unknown': Unanswered;
  unsent: { clone: string; count: number; first: string };
  unpushed: { clone: string; count: number; isBehind: boolean };
  'no-dispatcher': None;
  /** `line`: state, slots and models, as `hosts` lists them. */
  host: {
    host: string;
    line: string;
    holds: readonly { readonly id: string; readonly model: string }[];
    isPaused: boolean;
    isHere: boolean;
  };
  'host-down': { host: string; isHere: boolean };
  'alias-twice': { host: string; count: number };
}
