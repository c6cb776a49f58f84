/**
 * `crosstalkd status`: the verdict first, then what needs a person, then everything else that goes
 * on.
 */
import { readdir } from 'node:fs/promises';
import { systemClock } from '../../base/clock.ts';
import { formatDuration } from '../../base/duration.ts';
import { ERROR_CODES } from '../../base/errors.ts';
import { SETTINGS } from '../../local/config-settings.ts';
import type { Config } from '../../local/config.ts';
import { formatOrigin } from '../../local/decode-config.ts';
import { describeNotifier } from '../../local/notify-settings.ts';
import { messageId, parseGatePath } from '../../protocol/paths.ts';
import { given, type Invocation } from '../command.ts';
import { needsOfSchedules } from './schedule-needs.ts';
import { lineOfRun, needsOfRuns, readOpenRuns } from './explain-run.ts';
import { createExplainer } from './explain-work.ts';
import { type FailedLately, readFailedLately } from './failed-lately.ts';
import { liveHosts } from './host-opinions.ts';
import { type HostSeen, lookAround, type Surroundings } from './look-around.ts';
import { formatJson, type Io, paint, plain } from '../io.ts';
import { describeOffer } from './serving.ts';
import { shortId } from './short-id.ts';
import { counted, listNeeds, type Need, type Stood } from './status-needs.ts';
import { openSession } from '../session/transport-session.ts';
import type { RunSeen } from './runs.ts';
import { type CloneSeen, findUnsent, lookAtClone } from './unsent.ts';

/** Lines of one kind that are shown to people; `--json` has all. */
const LINES_MAX = 10;

/** What is going on. */
export async function showStatus(invocation: Invocation): Promise<number> {
  if (given(invocation, 'config')) return showConfig(invocation);
  let clone: Promise<CloneSeen | null> | undefined;
  const around = await lookAround(
    invocation,
    (session) => (clone = lookAtClone(session).catch(() => null)),
  );
  try {
    const told = await tell(around, clone);
    if (given(invocation, 'json')) invocation.io.print(formatJson(toJson(told)));
    else print(invocation.io, told);
    if (around.outage !== null) return ERROR_CODES.REMOTE_UNREACHABLE.exit;
    return around.rewrite === null ? 0 : ERROR_CODES.HISTORY_REWRITTEN.exit;
  } finally {
    await around.session.close();
  }
}

/** The same as one object, as `--json` prints it. */
export async function describeStatus(around: Surroundings) {
  return toJson(await tell(around));
}

interface Told {
  readonly around: Surroundings;
  readonly stood: readonly Stood[];
  readonly needs: readonly Need[];
  readonly failed: readonly FailedLately[];
  readonly runs: readonly RunSeen[];
}

async function tell(around: Surroundings, clone?: Promise<CloneSeen | null>): Promise<Told> {
  const explain = createExplainer(around);
  const stood = around.works
    .filter(({ message }) => parseGatePath(message.path) === null)
    .map((work) => ({ work, standing: explain(work) }));
  const [failed, unsent, runs, schedules, outbox] = await Promise.all([
    readFailedLately(around.session),
    findUnsent(around.session, clone),
    readOpenRuns(around),
    needsOfSchedules(around),
    readdir(around.session.directory.outbox).catch(() => []),
  ]);
  const needs = [
    ...needsOfRuns(runs),
    ...schedules,
    ...listNeeds({
      around,
      stood,
      failed,
      unsent,
      outbox: outbox.filter((name) => name.endsWith('.json')).length,
    }),
  ];
  return { around, stood, needs, failed, runs };
}

function verdictOf({ needs, stood }: Told): string {
  const running = stood.filter(({ standing }) => standing.kind === 'running').length;
  const waiting = stood.length - running;
  const going = [
    ...(running > 0 ? [`${running} running`] : []),
    ...(waiting > 0 ? [`${waiting} waiting`] : []),
  ].join(', ');
  if (needs.length === 0)
    return going === '' ? 'All is well: nothing waits.' : `All is well: ${going}.`;
  return `${counted(needs.length, 'thing')} ${needs.length === 1 ? 'needs' : 'need'} you${going === '' ? '.' : `; ${going}.`}`;
}

function healthOf({ around, needs }: Told): string {
  if (around.outage !== null) return 'unreachable';
  if (around.rewrite !== null) return 'halted';
  return needs.length === 0 ? 'good' : 'degraded';
}

function toJson(told: Told) {
  const { around, stood, needs, failed, runs } = told;
  const { here, index } = around;
  return {
    ok: around.outage === null && around.rewrite === null,
    health: healthOf(told),
    verdict: verdictOf(told),
    needs,
    waiting: stood
      .filter(({ standing }) => standing.kind !== 'running')
      .map(({ work, standing }) => ({
        ...describeWork(work),
        ...pick(standing),
        sinceMs: work.message.timestampMs,
      })),
    running: stood
      .filter(({ standing }) => standing.kind === 'running')
      .map(({ work, standing }) => ({
        ...describeWork(work),
        ...pick(standing),
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
    })),
    parked: listParked(around),
    models: around.offers.map((offer) => ({
      name: offer.name,
      state: offer.state.kind,
      says: describeOffer(offer),
    })),
    rejected: [...index.rejected.values()],
    failed,
    here,
    remote: around.session.located.url,
    branch: around.session.branch,
    tip: index.tip,
    outage: around.outage,
  };
}

function describeWork(work: Stood['work']) {
  return {
    id: messageId(work.message.path),
    path: work.message.path,
    from: work.message.from,
    to: work.recipient,
  };
}

function pick({ kind, says, fix }: Stood['standing']) {
  return { kind, says, fix };
}

function print(io: Io, told: Told): void {
  const { around, needs, stood } = told;
  io.print(paint(io, needs.length === 0 ? 'green' : 'yellow', verdictOf(told)));
  section(io, {
    title: 'Needs you',
    items: needs,
    lines: ({ what, fix, about, count }) => [
      what,
      ...(count > 1
        ? [`  ${about.map(shortId).join(', ')}${count > about.length ? ', …' : ''}`]
        : []),
      { command: fix },
    ],
  });
  section(io, {
    title: 'Running',
    items: stood.filter(({ standing }) => standing.kind === 'running'),
    lines: ({ work, standing }) => [
      `${shortId(work.message.path)}  ${work.recipient}  ${standing.says}`,
    ],
  });
  section(io, {
    title: 'Runs',
    items: told.runs,
    lines: (seen) => {
      const { line, command } = lineOfRun(around, seen);
      return [line, { command }];
    },
  });
  section(io, {
    title: 'Waiting',
    items: stood.filter(
      ({ standing }) => !['running', 'workflow'].includes(standing.kind) && !standing.needsPerson,
    ),
    lines: ({ work, standing }) => [
      `${shortId(work.message.path)}  ${work.recipient}  since ${ageOf(work.message.timestampMs)}: ${standing.says}`,
    ],
  });
  section(io, {
    title: 'Failed in the last day',
    items: told.failed.filter(({ isUnknown }) => !isUnknown),
    lines: ({ id, model, reason, ageMs, command }) => [
      `${shortOf(id)}  ${model}  ${formatDuration(ageMs)} ago: ${reason}   (${command})`,
    ],
  });
  section(io, {
    title: 'Resting models',
    items: listParked(around),
    lines: ({ host, model, why, forMs }) => [
      `${model} on ${host}${forMs === null ? '' : ` for ${formatDuration(forMs)}`}: ${why}`,
    ],
  });
  const notServed = around.offers.filter(
    ({ state }) => state.kind === 'unapproved' || state.kind === 'invalid',
  );
  section(io, {
    title: 'Not served here',
    items: notServed,
    lines: (offer) => [`${offer.name}: ${describeOffer(offer)}`],
  });
  section(io, { title: 'Hosts', items: around.hosts, lines: (host) => [lineOfHost(host, around)] });
  if (needs.length + stood.length + notServed.length + around.hosts.length > 0) io.print('');
  if (around.here === null && !around.hereSilent && around.outage === null)
    io.print('No dispatcher runs on this host for this transport: crosstalkd run');
  io.print(
    paint(io, 'dim', `${plain(around.session.located.url)} (branch ${around.session.branch})`),
  );
}

type Line = string | { readonly command: string };
interface Section<T> {
  readonly title: string;
  readonly items: readonly T[];
  readonly lines: (item: T) => readonly Line[];
}

function section<T>(io: Io, { title, items, lines }: Section<T>): void {
  if (items.length === 0) return;
  io.print(`\n${paint(io, 'bold', title)}`);
  for (const line of items.slice(0, LINES_MAX).flatMap(lines))
    io.print(
      typeof line === 'string'
        ? `  ${plain(line)}`
        : `    ${paint(io, 'cyan', plain(line.command))}`,
    );
  if (items.length > LINES_MAX)
    io.print(`  … and ${items.length - LINES_MAX} more (crosstalkd status --json)`);
}

/** One host in a line: what it does, and how old that knowledge is. */
export function lineOfHost(host: HostSeen, around: Surroundings): string {
  const { beat } = host;
  const isHere = host.instance === around.here?.instance;
  if (beat === null) return `${host.alias}: its beat cannot be read`;
  const isUp = liveHosts(around).includes(host);
  const here = isHere ? around.here : null;
  const busy = here?.running.length ?? host.claims.length;
  const state = isUp ? (here?.state ?? beat.state) : 'silent';
  const age = isHere
    ? 'this host'
    : `last beat ${formatDuration(host.ageMs ?? 0)} ago by its own clock`;
  return `${host.alias}  ${state}  ${busy}/${beat.slots} busy  ${beat.models.join(', ') || 'no models'}  (${age})`;
}

interface ParkedSeen {
  readonly host: string;
  readonly model: string;
  readonly why: string;
  readonly forMs: number | null;
}

function listParked(around: Surroundings): readonly ParkedSeen[] {
  const { here } = around;
  const own =
    here?.parked.map(({ model, why, forMs }) => ({ host: here.alias, model, why, forMs })) ?? [];
  const others = around.hosts
    .filter(({ instance }) => instance !== here?.instance)
    .flatMap(({ alias, beat }) =>
      (beat?.blocked ?? []).map(({ model, why, untilMs }) => ({
        host: alias,
        model,
        why,
        forMs: untilMs === null ? null : untilMs - systemClock.wallMs(),
      })),
    );
  return [...own, ...others].filter(({ forMs }) => forMs === null || forMs > 0);
}

function ageOf(timestampMs: number): string {
  return formatDuration(Math.max(0, systemClock.wallMs() - timestampMs));
}

function shortOf(id: string): string {
  return id.length === 26 ? id.slice(0, 14) : id;
}

async function showConfig(invocation: Invocation): Promise<number> {
  const session = await openSession(invocation, { unread: true });
  await session.close();
  const fields = Object.keys(SETTINGS) as readonly (keyof Config)[];
  const rows = fields.map((field) => ({
    key: SETTINGS[field].key,
    value: showValue(field, session.config[field]),
    origin: formatOrigin(session.origins[field]),
    meaning: SETTINGS[field].meaning,
  }));
  if (given(invocation, 'json')) {
    const paths = { config: session.configDirectory.path, state: session.directory.path };
    invocation.io.print(formatJson({ ok: true, health: 'good', settings: rows, ...paths }));
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
  invocation.io.print(`\nconfiguration  ${session.configDirectory.configFile}`);
  invocation.io.print(`state          ${session.directory.path}`);
  return 0;
}

function showValue(field: keyof Config, value: Config[keyof Config]): string {
  if (field.endsWith('Ms') && typeof value === 'number') return formatDuration(value);
  if (field === 'notify')
    return (value as Config['notify']).map(describeNotifier).join(', ') || '-';
  if (value === null) return '-';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
