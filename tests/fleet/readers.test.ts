/**
 * Commands that read, many at once, in the state directory of a dispatcher that works, while its
 * cache is packed: nobody sees half of anything.
 */
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { type Fleet, startFleet } from '../support/fleet.ts';

const fleets: Fleet[] = [];
afterEach(async () => {
  for (const fleet of fleets.splice(0)) await fleet.close();
});

const ROUNDS = Number(process.env['READER_ROUNDS'] ?? 3);
const MESSAGES = 6;

/** Packs a cache again and again until told to stop, harder than upkeep ever does. */
function packForEver(cache: string, env: Readonly<Record<string, string>>): () => Promise<void> {
  const script = `while :; do git --git-dir="$1" repack --geometric=2 -d -l -q || exit; git --git-dir="$1" prune-packed -q; sleep 0.05; done`;
  const child = spawn('/bin/sh', ['-c', script, 'sh', cache], {
    env,
    stdio: 'ignore',
    detached: true,
  });
  const ended = new Promise<void>((done) => child.on('exit', () => done()));
  return async () => {
    process.kill(-(child.pid ?? 0), 'SIGKILL');
    await ended;
  };
}

describe('one state directory', () => {
  it('serves a dispatcher and many commands that read at once', async () => {
    const fleet = await startFleet(
      'models:\n  echo: { adapter: command, command: [cat], effects: none, concurrency: 8 }\n',
    );
    fleets.push(fleet);
    const state = join(fleet.place, 'state-one');
    const host = fleet.start('one');
    await host.until(({ event }) => event === 'dispatcher.started');
    const reads = ['status', 'log', 'hosts', 'channels'].map((name) => [
      name,
      '--json',
      '-C',
      fleet.clone,
      '--state',
      state,
    ]);
    const first = await fleet.run(reads[0]!);
    expect(first.code, first.stderr).toBe(0);
    const folder = readdirSync(state).find((name) => /^[0-9a-f]{16}$/.test(name)) ?? '';
    const stop = packForEver(join(state, folder, 'cache.git'), fleet.env);
    try {
      for (let round = 0; round < ROUNDS; round += 1) {
        const paths = Array.from(
          { length: MESSAGES },
          (_, index) => `data/channels/general/r${round}-${index}.md`,
        );
        fleet.say(Object.fromEntries(paths.map((path) => [path, '---\nto: echo\n---\nhi\n'])));
        const answers = await Promise.all(reads.map((args) => fleet.run(args)));
        for (const [index, { code, stdout, stderr }] of answers.entries()) {
          expect([code, stderr], `${reads[index]?.[0] ?? ''}, round ${round}`).toEqual([0, '']);
          expect(JSON.parse(stdout)).toMatchObject({ ok: true });
        }
      }
      await fleet.untilPulled(
        () =>
          readdirSync(join(fleet.clone, 'data/channels/general')).filter((name) =>
            /^r.*\.re\.echo\.md$/.test(name),
          ).length ===
          ROUNDS * MESSAGES,
      );
    } finally {
      await stop();
    }
    host.kill('SIGTERM');
    expect(await host.ended).toBe(0);
    const bad = host.events.filter(
      ({ level, event }) => level === 'alert' || level === 'warning' || event === 'stderr',
    );
    expect(bad).toEqual([]);
    expect((await fleet.run(['verify', '-C', fleet.clone, '--state', state])).code).toBe(0);
  });
});
