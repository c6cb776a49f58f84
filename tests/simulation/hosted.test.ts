/** A remote that allows few calls, and hosts that have to get along with it. */
import { expect, it } from 'vitest';
import { formatTransport, HOSTED_PACE } from '../../src/protocol/pace.ts';
import { runScale, type ScaleOptions } from './scale.ts';

const MINUTE = 60_000;
const HOSTED = {
  hosts: 8,
  concurrency: 4,
  pushMs: 300,
  connectMs: 700,
  startMs: 10_000,
  // Longer than two beats.
  longMs: 7 * MINUTE,
  transport: formatTransport(HOSTED_PACE),
  limit: { pushesPerMinute: 6, readsPerSecond: 8, lockMs: 15 * MINUTE },
} satisfies Partial<ScaleOptions>;
/** Seeds and hours. One hour is as the next, so eight will do; `npm run soak` takes days. */
const LIVES: readonly (readonly [seed: number, hours: number])[] =
  process.env['SEEDS'] === undefined ? [[1, 8]] : [1, 2, 3, 4].map((seed) => [seed, 24]);

it.each(LIVES)(
  'eight hosts answer the messages of many hours without one call too many (seed %i, %i hours)',
  { timeout: 240_000 },
  async (seed, hours) => {
    const messages = 6 * hours;
    const report = await runScale({ ...HOSTED, seed, messages, rate: 6 / 3_600 });
    expect(report).toMatchObject({ answered: messages, unanswered: 0, twice: [], refused: 0 });
    expect(report.virtualMs).toBeGreaterThan((hours - 1) * 60 * MINUTE);
    expect(report.most.push).toBeLessThanOrEqual(6);
    expect(report.most.read).toBeLessThanOrEqual(8);
    expect(report.answerMs.max).toBeLessThan(10 * MINUTE);
    // What agents say goes along with pushes that are made anyway.
    expect(report.capsules.along).toBeGreaterThan(0);
    expect(report.capsules.alone).toBe(0);
  },
);

it('as many messages as the pushes carry are answered, and nobody waits for ever', async () => {
  const report = await runScale({ ...HOSTED, seed: 3, messages: 60, rate: 2 / 60 });
  expect(report).toMatchObject({ answered: 60, unanswered: 0, twice: [], refused: 0 });
  expect(report.answerMs.max).toBeLessThan(HOSTED.longMs + 5 * MINUTE);
});

it('a burst is answered with few pushes: what waits goes together', async () => {
  const report = await runScale({ ...HOSTED, seed: 4, hosts: 3, messages: 120, rate: 2 });
  expect(report).toMatchObject({ answered: 120, unanswered: 0, twice: [], refused: 0 });
  expect(report.allPushes.perReply).toBeLessThan(1);
});

it.each([0, 1_000, 7_000])(
  'three hosts that start %i ms apart stay within the limit from their first minute on',
  async (startMs) => {
    for (const seed of [2, 4, 5]) {
      const more = { seed, hosts: 3, messages: 12, rate: 0.2, startMs };
      const report = await runScale({ ...HOSTED, ...more });
      expect(report).toMatchObject({ answered: 12, refused: 0 });
      expect(report.most.push).toBeLessThanOrEqual(6);
    }
  },
);

it('a push carries the beat along, so that hardly one is pushed alone', async () => {
  const report = await runScale({
    seed: 5,
    hosts: 3,
    messages: 300,
    rate: 1,
    concurrency: 4,
    pushMs: 50,
  });
  const others = report.allPushes.perReply * 300 - report.claimPushes;
  const branch = report.pushes.landed + report.pushes.lost;
  // Its first one, and one where nothing happened for a while.
  expect(others - branch).toBeLessThanOrEqual(2 * 3);
});
