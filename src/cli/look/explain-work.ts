/**
 * Why a piece of open work stands where it stands: the words of select-work.ts for this host, and
 * for each other host what its own beat says.
 */
import { formatDuration } from '../../base/duration.ts';
import { shellWord } from '../../base/shell-word.ts';
import { CLAIMS_REFUSED } from '../../dispatcher/claim-message.ts';
import { fixOf } from '../../dispatcher/refused-work.ts';
import { judgeWork, type Verdict, type WorkView } from '../../dispatcher/select-work.ts';
import { suggestName } from '../../protocol/address.ts';
import { BUDGET_REACHED } from '../../protocol/budgets.ts';
import { messageId } from '../../protocol/paths.ts';
import type { Work } from '../../protocol/open-work.ts';
import { type HostOpinion, liveHosts, opinionsOn, viewOf } from './host-opinions.ts';
import type { HostSeen, Surroundings } from './look-around.ts';

/** What becomes of a piece of work. */
export type StandingKind =
  | 'running'
  | 'refused'
  | 'holder-silent'
  | 'ready'
  | 'waiting'
  | 'paused'
  | 'parked'
  | 'not-allowed'
  | 'nobody-serves'
  | 'ran-before'
  | 'unknown-name'
  | 'pinned'
  | 'stale'
  | 'unsigned'
  | 'hops'
  | 'twin'
  | 'workflow';

export interface Standing {
  readonly kind: StandingKind;
  readonly says: string;
  /** What a person can do about it; null = nothing has to be done. */
  readonly fix: string | null;
  readonly needsPerson: boolean;
  readonly hosts: readonly HostOpinion[];
}

/** The moment, prepared for many questions. */
interface Scene extends Surroundings {
  readonly view: WorkView;
  /** What the dispatcher here said of each key. */
  readonly told: ReadonlyMap<string, Verdict>;
  readonly known: ReadonlySet<string>;
  readonly live: readonly HostSeen[];
}

/** Gives for each piece of work where it stands, why, and what moves it. */
export function createExplainer(around: Surroundings): (work: Work) => Standing {
  const beats = around.hosts.flatMap(({ beat }) => beat?.models ?? []);
  const waiting = around.here?.waiting ?? [];
  const scene: Scene = {
    ...around,
    view: viewOf(around),
    told: new Map(
      waiting.map(({ key, kind, detail }) => [key, { kind: kind as Verdict['kind'], detail }]),
    ),
    known: new Set([...around.index.models, ...around.offers.map((offer) => offer.name), ...beats]),
    live: liveHosts(around),
  };
  return (work) => withPreference(scene, work, explainWork(scene, work));
}

/** A preferred host that is not up holds nothing, but people should know why another one works. */
function withPreference(
  { live }: Scene,
  { message, recipient }: Work,
  standing: Standing,
): Standing {
  const { preferredHost } = message;
  if (
    preferredHost === null ||
    recipient === 'workflow' ||
    live.some(({ alias }) => alias === preferredHost)
  )
    return standing;
  return { ...standing, says: `${standing.says}; it prefers ${preferredHost}, which is not up` };
}

function explainWork(around: Scene, work: Work): Standing {
  const verdict = judgeHere(around, work);
  const id = messageId(work.message.path);
  const inMessage = explainMessage(verdict, { work, id });
  if (inMessage !== null) return inMessage;
  const claimed = explainClaim(around, work);
  if (claimed !== null) return claimed;
  const hosts = opinionsOn(around, work, verdict);
  return explainUnclaimed(around, { work, id, verdict, hosts });
}

function explainMessage(
  verdict: Verdict,
  { work, id }: { readonly work: Work; readonly id: string },
): Standing | null {
  const told = (kind: StandingKind, says: string, fix: string): Standing => ({
    kind,
    says,
    fix,
    needsPerson: true,
    hosts: [],
  });
  switch (verdict.kind) {
    case 'stale':
      return told(
        'stale',
        `${verdict.detail}; nobody runs it by itself`,
        `crosstalkd retry ${shellWord(id)}`,
      );
    case 'hops':
      return told(
        'hops',
        `${verdict.detail}: agents have answered agents too often`,
        `crosstalkd cancel ${shellWord(id)}`,
      );
    case 'unsigned':
      return told(
        'unsigned',
        verdict.detail,
        `crosstalkd trust message ${shellWord(work.message.path)}`,
      );
    case 'twin':
      return told(
        'twin',
        `${verdict.detail}; this copy is never run`,
        `remove the copy: git rm ${shellWord(work.message.path)}`,
      );
    case 'workflow':
      return {
        kind: 'workflow',
        says: 'is a workflow; its run shows where it stands',
        fix: `crosstalkd workflow show ${shellWord(id)}`,
        needsPerson: false,
        hosts: [],
      };
    default:
      return null;
  }
}

function explainClaim(around: Scene, work: Work): Standing | null {
  const seen = around.claims.get(work.key);
  if (seen === undefined) return null;
  const { claim } = seen;
  if (claim === null)
    return {
      kind: 'holder-silent',
      says: 'is claimed by a record that nobody can read; it is removed one lease after a dispatcher has seen it',
      fix: 'crosstalkd doctor --fix',
      needsPerson: true,
      hosts: [],
    };
  const own = around.here?.running.find(({ key }) => key === work.key);
  const holder = around.hosts.find(
    ({ alias, instance }) => alias === claim.alias && instance === claim.instance,
  );
  const attempt = claim.attempt === 1 ? '' : `, attempt ${claim.attempt}`;
  const refused = around.here?.refused?.find(({ about }) => about === work.message.path);
  if (own?.publishing === true && refused !== undefined)
    return {
      kind: 'refused',
      says: `is answered on ${claim.alias} (this host)${attempt}, but the answer cannot be published: ${refused.reason}`,
      fix: fixOf(refused.blocked),
      // Told among what the host needs.
      needsPerson: false,
      hosts: [],
    };
  if (own !== undefined) {
    const does = own.publishing
      ? 'its answer is on its way out'
      : own.forMs === null
        ? 'its agent starts'
        : `its agent has run for ${formatDuration(own.forMs)}`;
    return {
      kind: 'running',
      says: `runs on ${claim.alias} (this host)${attempt}; ${does}`,
      fix: `crosstalkd cancel ${shellWord(messageId(work.message.path))}`,
      needsPerson: false,
      hosts: [],
    };
  }
  return explainHolder(around, {
    work,
    holder,
    alias: claim.alias,
    attempt,
    effects: claim.effects,
  });
}

function explainHolder(
  around: Scene,
  held: {
    readonly work: Work;
    readonly holder: HostSeen | undefined;
    readonly alias: string;
    readonly attempt: string;
    readonly effects: string;
  },
): Standing {
  const { work, holder, alias, attempt } = held;
  const leaseMs = around.session.config.leaseMs;
  const silentMs = around.here?.silent.find(({ key }) => key === work.key)?.silentMs ?? null;
  const sign =
    holder?.ageMs == null
      ? 'no sign of life is on the remote'
      : `its last sign of life is ${formatDuration(holder.ageMs)} old by its own clock`;
  const left =
    silentMs === null
      ? `how much of its lease (${formatDuration(leaseMs)}) is left only a running dispatcher can know`
      : `seen from here it has been silent for ${formatDuration(silentMs)} of the lease of ${formatDuration(leaseMs)}`;
  const silent =
    silentMs === null ? holder === undefined || holder.silent : silentMs >= leaseMs / 2;
  if (!silent)
    return {
      kind: 'running',
      says: `runs on ${alias}${attempt}; ${sign}`,
      fix: `crosstalkd cancel ${shellWord(messageId(work.message.path))}`,
      needsPerson: false,
      hosts: [],
    };
  const then =
    held.effects === 'none'
      ? 'another host that serves it runs it again'
      : 'the next host that looks says "outcome unknown"';
  const alive =
    around.here !== null || around.hosts.some((host) => host !== holder && !host.silent);
  return {
    kind: 'holder-silent',
    says: `was claimed by ${alias}${attempt}, which is silent: ${sign}; ${left}; after the lease ${then}`,
    fix: alive
      ? `crosstalkd run --alias ${alias}   (there, if it should not wait for the lease)`
      : 'crosstalkd run',
    needsPerson: !alive,
    hosts: [],
  };
}

interface Unclaimed {
  readonly work: Work;
  readonly id: string;
  readonly verdict: Verdict;
  readonly hosts: readonly HostOpinion[];
}

function explainUnclaimed(around: Scene, { work, id, verdict, hosts }: Unclaimed): Standing {
  const name = work.recipient;
  if (!around.known.has(name)) {
    const near = suggestName(name, [...around.known, ...around.index.people]);
    const says = `nobody is called "${name}": neither a model of this transport nor a person seen in it${near === null ? '' : `; did you mean "${near}"?`}`;
    return {
      kind: 'unknown-name',
      says,
      fix:
        near === null
          ? `crosstalkd cancel ${shellWord(id)}`
          : `correct "to:" in ${work.message.path} (or: crosstalkd cancel ${shellWord(id)})`,
      needsPerson: true,
      hosts: [],
    };
  }
  const takers = hosts.filter(({ wouldTake }) => wouldTake).map(({ host }) => host);
  if (takers.length > 0) {
    // Beats do not say which projects a host has.
    const fix = projectFix(work, verdict);
    const isOpen =
      fix === null ? '' : `, if its config.yaml has the project "${work.message.project ?? ''}"`;
    return {
      kind: 'ready',
      says: `is ready; ${takers.join(' or ')} takes it with its next look${isOpen}`,
      fix,
      needsPerson: false,
      hosts,
    };
  }
  if (verdict.kind === 'ran-before')
    return {
      kind: 'ran-before',
      says: verdict.detail,
      fix: `crosstalkd cancel ${shellWord(id)}   (then: crosstalkd retry ${shellWord(id)})`,
      needsPerson: true,
      hosts,
    };
  if (around.control?.op === 'pause')
    return {
      kind: 'paused',
      says: `every host is paused, ordered by ${around.control.by}`,
      fix: 'crosstalkd resume --all',
      needsPerson: true,
      hosts,
    };
  return explainIdle(around, { work, id, verdict, hosts });
}

const NOT_ALLOWED = {
  unapproved: 'is not approved',
  'changed-since-approval': 'was changed since it was approved',
} as const;

/** Nobody would take it now: the reason that a person can do most about comes first. */
function explainIdle(around: Scene, { work, id, verdict, hosts }: Unclaimed): Standing {
  const { live } = around;
  const served = live.some(({ beat }) => beat?.models.includes(work.recipient) === true);
  if (work.hosts !== null && !live.some(({ alias }) => work.hosts?.includes(alias) === true))
    return {
      kind: 'pinned',
      says: `${verdict.kind === 'pinned' ? verdict.detail : `is for ${work.recipient} on ${work.hosts.join(' or ')} only`}, and no such host is up`,
      fix: `crosstalkd run --alias ${work.hosts[0] ?? ''}   (there), or: crosstalkd cancel ${shellWord(id)}`,
      needsPerson: true,
      hosts,
    };
  if (!served) return { ...explainUnserved(around, work.recipient), needsPerson: true, hosts };
  const reasons = hosts
    .filter(({ says }) => !says.startsWith('does not serve'))
    .map(({ host, says }) => `${host}: ${says}`);
  const says = reasons.join('; ');
  if (verdict.kind === 'parked' || hosts.some((host) => host.says.includes('rests')))
    return { kind: 'parked', says, fix: fixOfRest(says), needsPerson: true, hosts };
  if (verdict.kind === 'paused' && around.here?.pausedHere === true)
    return { kind: 'paused', says, fix: 'crosstalkd resume', needsPerson: true, hosts };
  const paused = pausedElsewhere(live, work.recipient);
  if (paused !== null)
    return {
      kind: 'paused',
      says,
      fix: `crosstalkd resume   (on ${paused})`,
      needsPerson: true,
      hosts,
    };
  const fix = projectFix(work, verdict);
  return { kind: 'waiting', says, fix, needsPerson: fix !== null, hosts };
}

/**
 * The first host that serves the model, when everyone who does is paused; else null: somebody takes
 * it when there is room.
 */
function pausedElsewhere(live: readonly HostSeen[], model: string): string | null {
  const serving = live.filter(({ beat }) => beat?.models.includes(model) === true);
  return serving.every(({ beat }) => beat?.state === 'paused') ? (serving[0]?.alias ?? null) : null;
}

/** No host that is up says that it serves the model. */
function explainUnserved(
  { here, offers }: Scene,
  model: string,
): Pick<Standing, 'kind' | 'says' | 'fix'> {
  const offer = offers.find(({ name }) => name === model);
  if (offer?.state.kind === 'served' && here === null)
    return {
      kind: 'nobody-serves',
      says: `no dispatcher that serves ${model} is up; this host could`,
      fix: 'crosstalkd run',
    };
  if (offer?.state.kind === 'served' && here !== null)
    return {
      kind: 'nobody-serves',
      says: `${here.alias} (this host) serves ${model}, but its sign of life is not on the remote`,
      fix: 'crosstalkd doctor',
    };
  if (offer?.state.kind === 'unapproved' || offer?.state.kind === 'changed-since-approval')
    return {
      kind: 'not-allowed',
      says: `no host that is up serves ${model}; here it ${NOT_ALLOWED[offer.state.kind]}`,
      fix: `crosstalkd allow ${model}`,
    };
  return {
    kind: 'nobody-serves',
    says: `no host that is up serves ${model}`,
    fix: 'crosstalkd models',
  };
}

/**
 * What ends a rest before its time. The reasons are our own words, and come from other hosts as
 * text.
 */
function fixOfRest(says: string): string {
  if (says.includes(BUDGET_REACHED)) return 'edit data/budgets.yaml, or wait';
  return says.includes(CLAIMS_REFUSED) ? 'crosstalkd doctor' : 'crosstalkd models';
}

/**
 * Where a project is written that this host lacks; null when that is not what the work waits for.
 */
function projectFix({ message }: Work, verdict: Verdict): string | null {
  if (verdict.kind !== 'no-project' || message.project === null) return null;
  return `put "projects: { ${message.project}: <directory> }" into the config.yaml of a host that serves it, then there: crosstalkd stop, crosstalkd run`;
}

/** What the dispatcher of this host says of the work; where none runs, what it would say. */
function judgeHere(around: Scene, work: Work): Verdict {
  return around.told.get(work.key) ?? judgeWork(work, around.view);
}
