/** `crosstalkd metrics`: what `status` and the history say, as numbers for Prometheus. */
import { chmod, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { SECOND, systemClock } from '../../base/clock.ts';
import { CrosstalkError, ERROR_CODES, errorText } from '../../base/errors.ts';
import { formatMetrics, type Metric, type Sample } from '../../base/prometheus.ts';
import { type Invocation, option } from '../command.ts';
import { liveHosts } from './host-opinions.ts';
import { type Surroundings, withSurroundings } from './look-around.ts';
import { readReplyTotals, type ReplyTotals } from './reply-totals.ts';
import { printJson, wantsJson } from './reading.ts';
import { describeStatus } from './status.ts';
import { VERSION } from '../version.ts';
import { fixBy } from '../../base/fix.ts';

/**
 * Prints the numbers, or puts them into a file that a collector reads. Numbers are given also while
 * the remote is away: that is one of them.
 */
export function showMetrics(invocation: Invocation): Promise<number> {
  return withSurroundings(invocation, async (around) => {
    const metrics = [
      ...metricsOfStatus(around, await describeStatus(around)),
      ...metricsOfHosts(around),
      ...metricsOfModels(around),
      ...metricsOfReplies(await readReplyTotals(around.session)),
    ];
    const out = option(invocation, 'out');
    if (out !== null) await writeForCollector(resolve(invocation.cwd, out), formatMetrics(metrics));
    const isUp = around.outage === null;
    if (wantsJson(invocation))
      printJson(invocation, { ok: isUp, health: isUp ? 'good' : 'degraded', metrics });
    else if (out === null) invocation.io.write(formatMetrics(metrics));
    return around.outage === null ? 0 : ERROR_CODES.REMOTE_UNREACHABLE.exit;
  });
}

/** As the textfile collector wants it: whole at any moment, readable by another user. */
async function writeForCollector(path: string, text: string): Promise<void> {
  const tmp = join(dirname(path), `.${basename(path)}.${process.pid}.tmp`);
  try {
    await writeFile(tmp, text, { flag: 'wx' });
    await chmod(tmp, 0o644);
    await rename(tmp, path);
  } catch (error) {
    await rm(tmp, { force: true }).catch(() => undefined);
    throw new CrosstalkError('USAGE', `${path}: ${errorText(error)}`, {
      fix: fixBy`crosstalkd metrics --out FILE`,
      cause: error,
    });
  }
}

function one(value: number | boolean): readonly Sample[] {
  return [{ labels: {}, value: Number(value) }];
}

function gauge(name: string, help: string, samples: readonly Sample[]): Metric {
  return { name: `crosstalkd_${name}`, type: 'gauge', help, samples };
}

type Status = Awaited<ReturnType<typeof describeStatus>>;

function metricsOfStatus(around: Surroundings, status: Status): readonly Metric[] {
  const open = [...status.waiting, ...status.running];
  const oldest = Math.max(
    0,
    ...status.waiting.map(({ sinceMs }) => systemClock.wallMs() - sinceMs),
  );
  return [
    gauge('build_info', 'Version of the program that reports these numbers.', [
      { labels: { version: VERSION }, value: 1 },
    ]),
    gauge('remote_up', 'Whether the remote answers.', one(around.outage === null)),
    gauge(
      'dispatcher_up',
      'Whether a dispatcher of this transport runs on this host and answers.',
      one(around.here !== null),
    ),
    gauge(
      'history_rewritten',
      'Whether nothing runs until a person accepts a rewritten branch.',
      one(around.rewrite !== null),
    ),
    gauge(
      'work_open',
      'Open work: one for each message and recipient.',
      countBy(open, ({ to, kind }) => ({ recipient: to, state: kind })),
    ),
    gauge(
      'work_oldest_seconds',
      'Age of the oldest waiting work, by its own timestamp.',
      one(Math.round(oldest / SECOND)),
    ),
    gauge('needs_person', 'What needs a person, as status lists it.', [
      ...countBy(status.needs, ({ kind }) => ({ kind })),
      ...(status.needs.length === 0 ? [{ labels: { kind: 'none' }, value: 0 }] : []),
    ]),
    gauge(
      'files_rejected',
      'Files below a channel that are not messages.',
      one(status.rejected.length),
    ),
    gauge('claims', 'Claims on the remote.', one(around.claims.size)),
    gauge(
      'outbox_answers',
      'Finished answers of this host that are not on the remote yet.',
      one(around.here?.unsent ?? 0),
    ),
  ];
}

function metricsOfHosts(around: Surroundings): readonly Metric[] {
  const live = new Set(liveHosts(around));
  const each = (value: (host: Surroundings['hosts'][number]) => number | null): readonly Sample[] =>
    around.hosts.flatMap((host) => {
      const read = value(host);
      return read === null
        ? []
        : [{ labels: { host: host.alias, instance_id: host.instance }, value: read }];
    });
  return [
    gauge(
      'host_up',
      'Whether a host counts as up: neither silent with claims in hand, nor suspect, nor stopped.',
      each((host) => Number(live.has(host) && host.beat?.state !== 'stopped')),
    ),
    gauge(
      'host_slots',
      'Agents that a host may run at the same time.',
      each(({ beat }) => beat?.slots ?? null),
    ),
    gauge(
      'host_claims',
      'Claims that a host holds.',
      each(({ claims }) => claims.length),
    ),
    gauge(
      'host_beat_age_seconds',
      'Time since the last sign of life, by two clocks; a host without claims need not give any.',
      each(({ ageMs }) => (ageMs === null ? null : Math.round(ageMs / SECOND))),
    ),
  ];
}

function metricsOfModels(around: Surroundings): readonly Metric[] {
  const served = around.offers.map(({ name, state }) => ({
    labels: { model: name },
    value: Number(state.kind === 'served'),
  }));
  const parked = around.resting.map(({ model, forMs }) => ({
    labels: { model },
    value: Math.round(forMs / SECOND),
  }));
  return [
    gauge('model_served', 'Whether this host serves a model of the transport.', served),
    gauge('model_parked_seconds', 'Time until a resting model works again on this host.', parked),
  ];
}

function metricsOfReplies(totals: readonly ReplyTotals[]): readonly Metric[] {
  const counter = (
    name: string,
    help: string,
    samples: (sum: ReplyTotals) => readonly [Readonly<Record<string, string>>, number][],
  ): Metric => ({
    name: `crosstalkd_${name}_total`,
    type: 'counter',
    help,
    samples: totals.flatMap((sum) =>
      samples(sum).map(([labels, value]) => ({
        labels: { model: sum.model, host: sum.host, ...labels },
        value,
      })),
    ),
  });
  return [
    counter('replies', 'Replies in the history of the transport.', ({ answered, failed }) => [
      [{ outcome: 'answered' }, answered],
      [{ outcome: 'failed' }, failed],
    ]),
    counter(
      'attempts_repeated',
      'Attempts beyond the first that replies report.',
      ({ retried }) => [[{}, retried]],
    ),
    counter('tokens', 'Tokens that replies report.', ({ tokensIn, tokensOut }) => [
      [{ direction: 'in' }, tokensIn],
      [{ direction: 'out' }, tokensOut],
    ]),
    counter('cost_usd', 'Cost that replies report, in US dollars.', ({ costUsd }) => [
      [{}, Math.round(costUsd * 10_000) / 10_000],
    ]),
  ];
}

function countBy<T>(
  list: readonly T[],
  labelsOf: (one: T) => Readonly<Record<string, string>>,
): readonly Sample[] {
  const counts = new Map<
    string,
    { readonly labels: Readonly<Record<string, string>>; value: number }
  >();
  for (const each of list) {
    const labels = labelsOf(each);
    const key = JSON.stringify(labels);
    const sample = counts.get(key) ?? { labels, value: 0 };
    sample.value += 1;
    counts.set(key, sample);
  }
  return [...counts.values()];
}
