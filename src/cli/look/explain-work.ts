/**
 * Why a piece of open work stands where it stands: the reason of select-work.ts for this host, and
 * for each other host what its own beat says.
 */
import { judgeWork, type WorkView } from '../../dispatcher/select-work.ts';
import { suggestName } from '../../protocol/address.ts';
import type { Claim } from '../../protocol/claim.ts';
import { messageId, MODELS_FILE } from '../../protocol/paths.ts';
import type { Work } from '../../protocol/list-work.ts';
import type { HostSays, Reason, RestReason } from '../../protocol/reason.ts';
import { nameOf } from '../../protocol/say-reason.ts';
import { liveHosts, opinionsOn, viewOf, wouldTake } from './host-opinions.ts';
import type { HostSeen, Surroundings } from './look-around.ts';

/** The moment, prepared for many questions. */
interface Scene extends Surroundings {
  readonly view: WorkView;
  /** What the dispatcher here said of each key. */
  readonly told: ReadonlyMap<string, Reason>;
  readonly known: ReadonlySet<string>;
  readonly live: readonly HostSeen[];
}

/** Gives for each piece of work where it stands and why. */
export function createExplainer(around: Surroundings): (work: Work) => Reason {
  const beats = around.hosts.flatMap(({ beat }) => beat?.models ?? []);
  const waiting = around.here?.waiting ?? [];
  const scene: Scene = {
    ...around,
    view: viewOf(around),
    told: new Map(waiting.map(({ key, reason }) => [key, reason])),
    known: new Set([...around.index.models, ...around.offers.map((offer) => offer.name), ...beats]),
    live: liveHosts(around),
  };
  return (work) => withPreference(scene, work, explainWork(scene, work));
}

/** A preferred host that is not up holds nothing, but people should know why another one works. */
function withPreference({ live }: Scene, { message, recipient }: Work, reason: Reason): Reason {
  const { preferredHost: host } = message;
  if (host === null || recipient === 'workflow' || live.some(({ alias }) => alias === host))
    return reason;
  return { ...reason, also: { kind: 'preferred-away', host } };
}

/** Reasons that lie in the message: no host makes a difference. */
const IN_MESSAGE: readonly Reason['kind'][] = ['stale', 'hops', 'twin', 'unsigned', 'workflow'];

function explainWork(around: Scene, work: Work): Reason {
  const verdict = judgeHere(around, work);
  if (IN_MESSAGE.includes(verdict.kind)) return verdict;
  const claimed = explainClaim(around, work);
  if (claimed !== null) return claimed;
  if (around.outage !== null) return { kind: 'remote-away', model: work.recipient };
  const id = messageId(work.message.path);
  const hosts = opinionsOn(around, work, verdict);
  return explainUnclaimed(around, { work, id, verdict, hosts });
}

function explainClaim(around: Scene, work: Work): Reason | null {
  const seen = around.claims.get(work.key);
  if (seen === undefined) return null;
  const { claim } = seen;
  if (claim === null) return { kind: 'claim-unreadable' };
  const question = around.questions.get(work.key);
  const own = around.here?.running.find(({ key }) => key === work.key);
  const { alias: host, attempt } = claim;
  const refused = around.here?.refused?.find(({ about }) => about === work.message.path);
  const holder = own === undefined ? explainHolder(around, work, claim) : null;
  if (question !== undefined && holder?.kind !== 'holder-silent') return question.reason;
  if (own === undefined) return holder;
  if (own.publishing && refused !== undefined) {
    const { reason: line, blocked: isBlocked } = refused;
    return { kind: 'answer-refused', host, attempt, line, isBlocked };
  }
  return {
    kind: 'running',
    id: messageId(work.message.path),
    host,
    attempt,
    stage: own.publishing ? 'publishing' : own.forMs === null ? 'starting' : 'agent',
    forMs: own.forMs,
    signMs: null,
    continues: own.continues ?? null,
  };
}

function explainHolder(around: Scene, work: Work, claim: Claim): Reason {
  const { alias: host, attempt, effects } = claim;
  // What this host has begun, or answered and not delivered, continues with its next dispatcher.
  const isLeftHere = claim.instance === around.ownInstance && around.here === null;
  if (isLeftHere && !around.hereSilent) return { kind: 'host-down', host, isHere: true };
  const holder = around.hosts.find(
    ({ alias, instance }) => alias === host && instance === claim.instance,
  );
  const { leaseMs } = around;
  const silentMs = around.here?.silent.find(({ key }) => key === work.key)?.silentMs ?? null;
  const signMs = holder?.ageMs ?? null;
  const isSilent =
    silentMs === null ? holder === undefined || holder.silent : silentMs >= leaseMs / 2;
  if (!isSilent)
    return {
      kind: 'running',
      id: messageId(work.message.path),
      host,
      attempt,
      stage: null,
      forMs: null,
      signMs,
      continues: null,
    };
  const isWatched = around.here !== null || around.live.some((other) => other !== holder);
  const silence = { signMs, silentMs, leaseMs, isWatched };
  return { kind: 'holder-silent', host, attempt, effects, ...silence };
}

interface Unclaimed {
  readonly work: Work;
  readonly id: string;
  readonly verdict: Reason;
  readonly hosts: readonly HostSays[];
}

function explainUnclaimed(around: Scene, unclaimed: Unclaimed): Reason {
  const { work, id, verdict, hosts } = unclaimed;
  const { recipient: name, message } = work;
  if (!around.known.has(name)) {
    const near = suggestName(name, [...around.known, ...around.index.people]);
    return { kind: 'unknown-name', id, path: message.path, name, near };
  }
  const takers = hosts.filter(wouldTake).map(nameOf);
  // Beats do not say which projects a host has.
  const project = verdict.kind === 'no-project' ? verdict.project : null;
  // Nor whose messages one takes: what the entry here says holds for most.
  if (verdict.kind === 'not-accepted') return { ...verdict, hosts };
  if (takers.length > 0) return { kind: 'ready', takers, project, hosts };
  if (verdict.kind === 'ran-before') return { ...verdict, hosts };
  if (around.control?.op === 'pause') return { kind: 'all-paused', by: around.control.by, hosts };
  return explainIdle(around, unclaimed);
}

/** Nobody would take it now: the reason that a person can do most about comes first. */
function explainIdle(around: Scene, { work, id, verdict, hosts }: Unclaimed): Reason {
  const { live } = around;
  const { recipient: model, hosts: on } = work;
  if (on !== null && !live.some(({ alias }) => on.includes(alias)))
    return {
      kind: 'pinned-away',
      id,
      model,
      on,
      isHere: around.here === null && on.includes(around.session.config.alias),
      hosts,
    };
  const suspect = hosts.flatMap(({ reason }) =>
    reason.kind === 'host-suspect' ? [reason] : [],
  )[0];
  if (suspect !== undefined) return { ...suspect, hosts };
  const serving = live.filter(({ beat }) => beat?.models.includes(model) === true);
  if (serving.length === 0) return { ...explainUnserved(around, model, verdict), hosts };
  const unsigned = hosts.flatMap(({ reason }) => (reason.kind === 'unsigned' ? [reason] : []))[0];
  if (unsigned !== undefined) return { ...unsigned, hosts };
  const resting = hosts.filter(({ reason }) => reason.kind === 'rests');
  if (resting.length > 0) {
    const why = resting.flatMap(({ reason }): readonly RestReason[] =>
      reason.kind === 'rests' ? [reason.why] : [],
    );
    const resumeOn = resting.some(({ isHere }) => isHere) ? null : (resting[0]?.host ?? null);
    return { kind: 'parked', model, why, resumeOn, hosts };
  }
  if (verdict.kind === 'not-taking' && around.here?.pausedHere === true)
    return { kind: 'paused', on: null, hosts };
  if (serving.every(({ beat }) => beat?.state === 'paused'))
    return { kind: 'paused', on: serving[0]?.alias ?? null, hosts };
  return {
    kind: 'waiting',
    project: verdict.kind === 'no-project' ? verdict.project : null,
    hosts,
  };
}

/** No host that is up says that it serves the model. */
function explainUnserved(
  { here, offers, index, unsignedFiles }: Scene,
  model: string,
  verdict: Reason,
): Reason {
  // It would rest in a dispatcher that starts here, too.
  if (verdict.kind === 'rests') {
    const parked = { kind: 'parked', model, why: [verdict.why], resumeOn: null } as const;
    return here === null ? { ...parked, isNobodyUp: true } : parked;
  }
  if (here === null && verdict.kind === 'no-project') return verdict;
  const state = offers.find(({ name }) => name === model)?.state;
  if (state?.kind === 'served')
    return { kind: 'nobody-serves', model, here: here === null ? 'could' : 'unseen' };
  if (state?.kind === 'unapproved' || state?.kind === 'changed-since-approval')
    return { kind: 'not-allowed', model, state: state.kind };
  // It stands in a version of the file that nobody known here has signed.
  const held = unsignedFiles.find(({ path }) => path === MODELS_FILE);
  if (state === undefined && held !== undefined && index.models.includes(model))
    return { ...held, isOfAnother: true };
  return { kind: 'nobody-serves', model, here: 'no' };
}

/** What the dispatcher of this host says of the work; where none runs, what it would say. */
function judgeHere(around: Scene, work: Work): Reason {
  return around.told.get(work.key) ?? judgeWork(work, around.view);
}
