/**
 * One pass of the loop as a list of verbs: poll, settle what is known, keep the lease, take free
 * work, advance workflows.
 */
import type { Work } from '../protocol/list-work.ts';
import { advanceWorkflows } from './advance-workflow.ts';
import { adoptClaims, claimMessages } from './claim-message.ts';
import { checkSignatures } from './check-signatures.ts';
import { heedAnswers } from './ask-person.ts';
import type { Dispatcher } from './dispatcher.ts';
import { isLive, type OwnClaim } from './own-claims.ts';
import { fireSchedules } from './fire-schedules.ts';
import { currentWork } from './follow-moves.ts';
import { forgetDeadHosts, keepBeat, stopLostAttempts } from './keep-lease.ts';
import { grantTurn, limitsNow, readPace, recallPace, stealAfterMs } from './keep-pace.ts';
import { observe } from './observe.ts';
import { resumePublishing } from './post.ts';
import { recoverClaims } from './recover.ts';
import { pushesRest } from './rest-pushes.ts';
import type { Reason } from '../protocol/reason.ts';
import { judgeWork, selectWork, type WorkView } from './select-work.ts';
import { settleLapsedClaims } from './settle-claims.ts';
import { startedBy } from './lapsed-claims.ts';
import { MODELS_READABLE } from '../transport/read-models.ts';
import { readInForce } from './in-force.ts';
import { settleStarted } from './settle-started.ts';
import { attemptsHere } from './start-ledger.ts';
import { watchBudgets } from './watch-budgets.ts';

export type TickResult = 'done' | 'unreachable' | 'halted';

/** Looks once and does everything that follows from it. */
export async function tick(dispatcher: Dispatcher): Promise<TickResult> {
  const { state } = dispatcher;
  if (state.seenMs === Number.NEGATIVE_INFINITY) await recallPace(dispatcher);
  const observed = await observe(dispatcher);
  if (observed !== 'seen') return observed;
  const isNewPace = await readPace(dispatcher);
  Object.assign(state.pace, { sight: isNewPace ? 'old' : 'seen', askedMs: null });
  try {
    return await actOnLook(dispatcher);
  } finally {
    state.pace.sight = 'old';
  }
}

async function actOnLook(dispatcher: Dispatcher): Promise<TickResult> {
  const { state, doors, mirror } = dispatcher;
  state.claims.recovered ||= await recoverClaims(dispatcher);
  if (!state.claims.recovered) return 'unreachable';
  await adoptClaims(dispatcher);
  await stopLostAttempts(dispatcher);
  await heedAnswers(dispatcher);
  state.models.serving = await doors.serving(
    await modelsInForce(dispatcher),
    mirror.modelsProblem(),
  );
  await watchBudgets(dispatcher);
  applyControlOrder(dispatcher);
  grantTurn(dispatcher);
  await keepBeat(dispatcher);
  await forgetDeadHosts(dispatcher);
  const works = currentWork(dispatcher);
  noteFirstSeen(dispatcher, works);
  await checkSignatures(dispatcher, works);
  settleStarted(dispatcher, works);
  await settleLapsedClaims(dispatcher, works, viewWork(dispatcher));
  // Polls a second time where the push of a claim left open whether its work is still open.
  await claimMessages(
    dispatcher,
    selectWork(works, viewWork(dispatcher)).map(({ work, entry }) => ({
      work,
      entry,
      attempt: 1 + attemptsHere(state.claims.ledger, work.key),
      expected: null,
    })),
  );
  if (dispatcher.settings.onlyMessage === undefined) {
    await fireSchedules(dispatcher);
    await advanceWorkflows(dispatcher);
  }
  resumePublishing(dispatcher);
  return 'done';
}

async function modelsInForce(dispatcher: Dispatcher): Promise<string | null> {
  const { mirror } = dispatcher;
  const { tip } = mirror.index();
  const text = mirror.modelsText();
  return tip === null
    ? text
    : readInForce(dispatcher, { ...MODELS_READABLE, kind: 'models', tip }, () =>
        Promise.resolve(text),
      );
}

/** What this host would say of each piece of open work now. */
export function judgeAllWork(
  dispatcher: Dispatcher,
): readonly { readonly work: Work; readonly reason: Reason }[] {
  const view = viewWork(dispatcher);
  return currentWork(dispatcher).map((work) => ({ work, reason: judgeWork(work, view) }));
}

/** The moment, as select-work.ts sees it. */
export function viewWork(dispatcher: Dispatcher): WorkView {
  const { settings, state, doors } = dispatcher;
  const own = [...state.claims.own.values()];
  return {
    alias: settings.alias,
    instance: doors.local.instance,
    mode: state.host.mode,
    serving: state.models.serving,
    refs: state.refs,
    claimsPrefix: settings.refs.claims,
    hostsPrefix: settings.refs.hosts,
    // A claim that may have landed takes its slot too.
    held: new Map(own.filter(takesSlot).map(({ work }) => [work.key, work.recipient])),
    finishing: new Set(own.filter((claim) => !takesSlot(claim)).map(({ key }) => key)),
    startedBy: (work) => startedBy(dispatcher, work),
    attemptsHere: ({ key }) => attemptsHere(state.claims.ledger, key),
    blocked: state.claims.blocked,
    pushesRest: pushesRest(dispatcher),
    refusedClaims: state.claims.refused,
    parked: state.models.parked,
    budgets: state.models.day.budgets,
    spentOut: state.models.spentOut,
    starts: state.models.starts,
    unsigned: state.trust.held,
    firstSeen: state.claims.firstSeen,
    concurrency: settings.concurrency,
    maxAgeMs: settings.maxAgeMs,
    hopsMax: settings.hopsMax,
    stealAfterMs: stealAfterMs(dispatcher),
    sharesByTurn: limitsNow(dispatcher) !== null,
    projects: Object.keys(settings.projects),
    wallMs: doors.clock.wallMs(),
    monotonicMs: doors.clock.monotonicMs(),
  };
}

/** While a person is asked, an entry may give its slot to other work. */
function takesSlot(claim: OwnClaim): boolean {
  if (isLive(claim)) return claim.state.asking?.isSlotFree !== true;
  return claim.state.kind !== 'publishing';
}

/**
 * Orders to all hosts: a pause holds while it stands; drain and stop reach only the runs that they
 * name.
 */
function applyControlOrder(dispatcher: Dispatcher): void {
  const { state, run, doors } = dispatcher;
  const { control } = state.host;
  const named = control !== null && control.op !== 'pause' && control.runs.includes(run);
  const before = state.host.mode;
  if (named && control.op === 'stop') state.host.stopOrdered = true;
  if (named && state.host.mode !== 'draining') state.host.drainOrdered = true;
  if (state.host.mode === 'draining' || named) state.host.mode = 'draining';
  else state.host.mode = state.host.pausedHere || control?.op === 'pause' ? 'paused' : 'running';
  if (state.host.mode !== before)
    doors.log.status(`host.${state.host.mode}`, { by: control?.by ?? 'this host' });
}

function noteFirstSeen(dispatcher: Dispatcher, works: readonly Work[]): void {
  const { claims } = dispatcher.state;
  if (works === claims.seenWorks) return;
  claims.seenWorks = works;
  const { firstSeen } = claims;
  const nowMs = dispatcher.doors.clock.monotonicMs();
  let count = 0;
  for (const { key, twinOf } of works) {
    if (!firstSeen.has(key)) firstSeen.set(key, nowMs);
    if (twinOf === null) count += 1;
  }
  if (firstSeen.size === count) return;
  const open = new Set(works.map(({ key }) => key));
  for (const key of firstSeen.keys()) if (!open.has(key)) firstSeen.delete(key);
}
