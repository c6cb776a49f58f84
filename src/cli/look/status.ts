/**
 * `crosstalkd status`: the verdict first, then what needs a person, then everything else that goes
 * on.
 */
import { readdir } from 'node:fs/promises';
import { snakeKeys } from '../../base/snake-keys.ts';
import { systemClock } from '../../base/clock.ts';
import { formatDuration } from '../../base/duration.ts';
import { ERROR_CODES } from '../../base/errors.ts';
import { SETTINGS } from '../../local/config-settings.ts';
import type { Config } from '../../local/config.ts';
import { tellIdleRights } from '../../local/trust-store.ts';
import { formatOrigin } from '../../local/decode-config.ts';
import { describeNotifier } from '../../local/notify-settings.ts';
import { IDLE_BEAT_MS } from '../../protocol/lease.ts';
import { messageId, parseGatePath } from '../../protocol/paths.ts';
import type { Reason, ReasonOf, RestReason } from '../../protocol/reason.ts';
import { needsPerson, tellReason } from '../../protocol/remedy.ts';
import { counted, sayReason } from '../../protocol/say-reason.ts';
import { given, type Invocation } from '../command.ts';
import { dropAcked } from './acks.ts';
import { type BusSeen, readBus, sayBus } from './bus.ts';
import { needsOfSchedules } from './schedule-needs.ts';
import { lineOfRun, needsOfRuns, readOpenRuns } from './explain-run.ts';
import { createExplainer } from './explain-work.ts';
import { type Failure, readLeft } from './failures.ts';
import { doubtOf } from './host-opinions.ts';
import { readAsked } from './open-questions.ts';
import { lateReason, readLate } from './late-answers.ts';
import { type HostSeen, lookAround, type Surroundings } from './look-around.ts';
import { fixBy, formatFix } from '../../base/fix.ts';
import { paint, plain } from '../io.ts';
import { printScreen, sayTogether, type Section } from './print-status.ts';
import { printGood, printJson, wantsJson } from './reading.ts';
import { shortId } from './short-id.ts';
import { describeNeed, isHeldUp, listNeeds, type Need, type Stood } from './status-needs.ts';
import { readMirrorTrouble } from './mirror-trouble.ts';
import { shownUrl } from '../../transport/remote-url.ts';
import { openSession, type TransportSession } from '../session/transport-session.ts';
import type { RunSeen } from './runs.ts';
import { type CloneSeen, findUnsent, lookAtClone } from './unsent.ts';

/** What is going on. */
export async function showStatus(invocation: Invocation): Promise<number> {
  if (given(invocation, 'config')) return showConfig(invocation);
  let clone: Promise<CloneSeen | null> | undefined;
  const around = await lookAround(
    invocation,
    (session) => (clone = lookAtClone(session).catch(() => null)),
  );
  try {
    const told = await readStatus(around, clone);
    if (wantsJson(invocation)) printJson(invocation, snakeKeys(toJson(told)));
    else
      printScreen(
        invocation.io,
        {
          verdict: verdictOf(told),
          needs: told.needs,
          sections: withoutFixes(told, listSections(told)),
        },
        given(invocation, 'all'),
      );
    if (around.outage !== null) return ERROR_CODES.REMOTE_UNREACHABLE.exit;
    return around.rewrite === null ? 0 : ERROR_CODES.HISTORY_REWRITTEN.exit;
  } finally {
    await around.session.close();
  }
}

/** The same as one object, as `--json` prints it. */
export async function describeStatus(around: Surroundings) {
  return toJson(await readStatus(around));
}

/** What needs a person now. */
export async function readNeeds(around: Surroundings): Promise<readonly Need[]> {
  return (await readStatus(around)).needs;
}

interface StatusText {
  readonly around: Surroundings;
  readonly stood: readonly Stood[];
  readonly needs: readonly Need[];
  readonly failures: readonly Failure[];
  readonly runs: readonly RunSeen[];
  /** Whole answers that came too late, newest first. */
  readonly late: readonly ReasonOf<'late'>[];
  /** Null: no pace limits pushes. */
  readonly bus: BusSeen | null;
}

async function readStatus(
  around: Surroundings,
  clone?: Promise<CloneSeen | null>,
): Promise<StatusText> {
  const explain = createExplainer(around);
  const stood = around.works
    .filter(({ message }) => parseGatePath(message.path) === null)
    .map((work) => ({ work, reason: explain(work) }));
  const [left, unsent, runs, schedules, outbox, kept, mirrorTrouble, bus] = await Promise.all([
    readLeft(around.session),
    findUnsent(around.session, clone),
    readOpenRuns(around),
    needsOfSchedules(around),
    readdir(around.session.directory.outbox).catch(() => []),
    readLate(around.session),
    readMirrorTrouble(around.session),
    readBus(around),
  ]);
  const { failures, strays } = await dropAcked(around, left.failures);
  const asked = await readAsked(around.session, left.asked);
  const needs = listNeeds({
    around,
    stood,
    runs: [...needsOfRuns(around, runs), ...schedules],
    failures,
    asked,
    strays,
    unsent,
    mirrorTrouble,
    outbox: outbox.filter((name) => name.endsWith('.json')).length,
  });
  const late = kept.filter(({ of }) => of.form === 'answer').map(lateReason);
  return { around, stood, needs, failures, runs, late, bus };
}

function verdictOf({ needs, stood }: StatusText): string {
  const running = stood.filter(({ reason }) => reason.kind === 'running').length;
  // What waits for a person is listed as what needs one.
  const waiting = stood.filter((one) => isWaiting(one)).length;
  const going = [
    ...(running > 0 ? [`${running} running`] : []),
    ...(waiting > 0 ? [`${waiting} waiting`] : []),
  ].join(', ');
  const [only] = needs;
  if (only === undefined)
    return going === '' ? 'All is well: nothing waits.' : `All is well: ${going}.`;
  const isOneMessage = needs.length === 1 && stood.some(({ reason }) => reason === only.reason);
  const head =
    isOneMessage && only.count === 1
      ? '1 message waits, and it needs you'
      : `${counted(needs.length, 'thing')} ${needs.length === 1 ? 'needs' : 'need'} you`;
  return going === '' ? `${head}.` : `${head}; ${going}.`;
}

/** It waits, and not for a person. */
function isWaiting({ reason }: Stood): boolean {
  return !['running', 'workflow'].includes(reason.kind) && !needsPerson(reason);
}

function healthOf({ around, needs }: StatusText): string {
  if (around.outage !== null) return 'unreachable';
  if (around.rewrite !== null) return 'halted';
  return needs.length === 0 ? 'good' : 'degraded';
}

function toJson(told: StatusText) {
  const { around, stood, needs, failures, runs } = told;
  const { here, index, strays } = around;
  return {
    ok: around.outage === null && around.rewrite === null,
    health: healthOf(told),
    verdict: verdictOf(told),
    needs: needs.map(describeNeed),
    waiting: stood
      .filter(({ reason }) => reason.kind !== 'running')
      .map(({ work, reason }) => ({
        ...describeWork(work),
        ...tellNow(around, reason),
        sinceMs: work.message.timestampMs,
      })),
    running: stood
      .filter(({ reason }) => reason.kind === 'running')
      .map(({ work, reason }) => ({
        ...describeWork(work),
        ...tellNow(around, reason),
        attempt: around.claims.get(work.key)?.claim?.attempt ?? null,
      })),
    runs: runs.map(({ input, view }) => ({
      run: input.run,
      status: view.status,
      marker: input.marker.path,
    })),
    hosts: around.hosts.map((host) => ({
      alias: host.alias,
      instance: host.instance,
      state: host.beat?.state ?? null,
      silent: host.silent,
      suspect: doubtOf(around, host)?.kind === 'host-suspect',
    })),
    parked: listParked(around).map(({ host, reason }) => ({
      host,
      model: reason.model,
      forMs: reason.forMs,
      ...tellNow(around, reason),
    })),
    models: around.offers.map(({ name, state }) => ({
      name,
      state: state.kind,
      says: sayReason(state),
    })),
    late: told.late.map((reason) => ({
      id: reason.id,
      to: reason.recipient,
      ...tellReason(reason),
    })),
    rejected: [...strays.values()],
    failed: failures,
    here,
    remote: around.session.located.url,
    branch: around.session.branch,
    bus: told.bus,
    tip: index.tip,
    outage: around.outage,
  };
}

function tellNow(around: Surroundings, reason: Reason): ReturnType<typeof tellReason> {
  const told = tellReason(reason);
  return isHeldUp(around) ? { ...told, fix: null } : told;
}

function describeWork(work: Stood['work']) {
  return {
    id: messageId(work.message.path),
    path: work.message.path,
    from: work.message.from,
    to: work.recipient,
  };
}

/** No command helps before what holds everything up is settled. */
function withoutFixes({ around }: StatusText, sections: readonly Section[]): readonly Section[] {
  return isHeldUp(around)
    ? sections.map((one) => ({ ...one, things: one.things.map(({ line }) => ({ line })) }))
    : sections;
}

/** What continues beside what needs a person; nothing is listed twice. */
function listSections(told: StatusText): readonly Section[] {
  const { around, needs, stood } = told;
  const isTold = (model: string): boolean =>
    needs.some(({ reason }) => 'model' in reason && reason.model === model);
  const offers = around.offers.filter(
    ({ name, state }) => ['unapproved', 'invalid'].includes(state.kind) && !isTold(name),
  );
  const parked = listParked(around).filter(({ reason: { model } }) => !isTold(model));
  const together = (works: readonly Stood[]) =>
    sayTogether(works, ({ work, reason }) => ({
      path: work.message.path,
      of: work.recipient,
      reason,
    }));
  const none = { kind: 'no-dispatcher' } as const;
  const isNobodyHere = around.here === null && !around.hereSilent && !isHeldUp(around);
  return [
    {
      title: 'Running',
      things: together(stood.filter(({ reason }) => reason.kind === 'running')),
    },
    { title: 'Runs', things: told.runs.flatMap((seen) => lineOfRun(around, seen) ?? []) },
    { title: 'Waiting', things: together(stood.filter(isWaiting)) },
    {
      title: 'Too late',
      things: told.late.map((reason) => ({
        line: `${shortId(reason.id)}: ${sayReason(reason)}`,
        reason,
      })),
    },
    {
      title: 'Resting',
      things: parked.map(({ host, reason }) => ({ line: `${host}: ${sayReason(reason)}`, reason })),
    },
    {
      title: 'Not served',
      things: offers.map(({ name, state }) => ({
        line: `${name}: ${sayReason(state)}`,
        reason: state,
      })),
    },
    { title: 'Hosts', things: around.hosts.map((host) => ({ line: lineOfHost(host, around) })) },
    ...(isNobodyHere ? [{ title: 'Here', things: [{ line: sayReason(none), reason: none }] }] : []),
    {
      title: 'Remote',
      things: [
        { line: `${around.session.located.url} (branch ${around.session.branch})` },
        ...(told.bus === null ? [] : [{ line: sayBus(told.bus) }]),
      ],
    },
  ];
}

/** One host in a line: what it does, and how old that knowledge is. */
export function lineOfHost(host: HostSeen, around: Surroundings): string {
  const { beat } = host;
  const isHere = host.instance === around.here?.instance;
  if (beat === null) return `${host.alias}: its beat cannot be read`;
  const here = isHere ? around.here : null;
  const busy = here?.running.length ?? host.claims.length;
  const isIdle =
    doubtOf(around, host) === null &&
    host.claims.length === 0 &&
    (host.ageMs ?? 0) > around.leaseMs;
  const beats = isIdle ? `idle: beats every ${formatDuration(IDLE_BEAT_MS)}, last` : 'last beat';
  const age = isHere
    ? 'this host'
    : `${beats} ${formatDuration(host.ageMs ?? 0)} ago by its own clock`;
  return `${host.alias}  ${stateOf(host, around)}  ${busy}/${beat.slots} busy  ${beat.models.join(', ') || 'no models'}  (${age})`;
}

/** `running`, `paused` …, or why it does not count as up: `silent`, `suspect`, `down`. */
export function stateOf(host: HostSeen, around: Surroundings): string {
  const doubt = doubtOf(around, host);
  if (doubt !== null) return DOUBTS[doubt.kind];
  if (host.beat === null) return 'unreadable';
  return host.instance === around.here?.instance ? around.here.state : host.beat.state;
}

const DOUBTS = {
  'host-silent': 'silent',
  'host-suspect': 'suspect',
  'host-down': 'down',
} as const;

interface ParkedSeen {
  readonly host: string;
  readonly reason: ReasonOf<'rests'>;
}

function listParked(around: Surroundings): readonly ParkedSeen[] {
  const { here, session } = around;
  const rest = (
    { model, why }: { readonly model: string; readonly why: RestReason },
    host: string | null,
    forMs: number | null,
  ): ReasonOf<'rests'> => ({ kind: 'rests', model, host, forMs, why });
  const alias = here?.alias ?? session.config.alias;
  const own = around.resting.map((one) => ({ host: alias, reason: rest(one, null, one.forMs) }));
  const nowMs = systemClock.wallMs();
  const others = around.hosts
    .filter(({ instance }) => instance !== (here?.instance ?? around.ownInstance))
    .flatMap(({ alias, beat }) =>
      (beat?.blocked ?? []).map((one) => ({
        host: alias,
        reason: rest(one, alias, one.untilMs === null ? null : one.untilMs - nowMs),
      })),
    );
  return [...own, ...others].filter(({ reason: { forMs } }) => forMs === null || forMs > 0);
}

async function showConfig(invocation: Invocation): Promise<number> {
  const session = await openSession(invocation, { unread: true });
  await session.close();
  const fields = Object.keys(SETTINGS) as readonly (keyof Config)[];
  const rows = fields.map((field) => ({
    key: SETTINGS[field].key,
    value: showValue(field, field === 'projects' ? session.projects : session.config[field]),
    origin: formatOrigin(session.origins[field]),
    meaning: SETTINGS[field].meaning,
  }));
  if (wantsJson(invocation)) {
    const paths = { config: session.configDirectory.path, state: session.directory.path };
    const idle = {
      rights_in_force: session.config.people !== null && tellIdleRights(session.config) === null,
    };
    printGood(invocation, { settings: rows, ...idle, ...paths });
    return 0;
  }
  const [keys, values] = [
    Math.max(...rows.map(({ key }) => key.length)),
    Math.max(...rows.map(({ value }) => Math.min(40, value.length))),
  ];
  for (const { key, value, origin, meaning } of rows)
    invocation.io.print(
      `${key.padEnd(keys)}  ${plain(value).padEnd(values)}  ${paint(invocation.io, 'dim', `${plain(origin)}: ${meaning}`)}`,
    );
  const idle = tellIdleRights(session.config);
  if (idle !== null) invocation.io.print(`\n${idle}: ${formatFix(fixBy`crosstalkd trust on`)}`);
  invocation.io.print(`\nconfiguration  ${session.configDirectory.configFile}`);
  invocation.io.print(`state          ${session.directory.path}`);
  return 0;
}

function showValue(
  field: keyof Config,
  value: Config[keyof Config] | TransportSession['projects'],
): string {
  if (field.endsWith('Ms') && typeof value === 'number') return formatDuration(value);
  if (field === 'notify')
    return (value as Config['notify']).map(describeNotifier).join(', ') || '-';
  if (field === 'mirror' && typeof value === 'string') return shownUrl(value);
  if (value === null) return '-';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
