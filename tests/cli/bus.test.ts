/** What people are told of the pushes of all hosts, and of a transport larger than advised. */
import { expect, it } from 'vitest';
import { examineLoad } from '../../src/cli/care/doctor-load.ts';
import { countPushes, readBus, sayBus } from '../../src/cli/look/bus.ts';
import type { Surroundings } from '../../src/cli/look/look-around.ts';
import { createMirror } from '../../src/transport/mirror.ts';
import { createMemoryRemote } from '../support/memory-repository.ts';

const WHO = { name: 'Ada', email: 'ada@example.org' };

/** What a look shows of a transport with these files and refs, on a forge. */
async function around(
  files: Readonly<Record<string, string>>,
  parts: { readonly refs?: number; readonly pushes?: readonly number[] } = {},
): Promise<Surroundings> {
  const remote = createMemoryRemote();
  const repository = remote.open();
  const writes = Object.entries(files).map(([path, content]) => ({ path, content }));
  const draft = { writes, author: WHO, committer: WHO, atMs: 0, message: 'x' };
  const tip = remote.commit([], draft);
  remote.setRef('refs/heads/main', tip);
  for (let at = 0; at < (parts.refs ?? 0); at += 1) remote.setRef(`refs/tags/t${at}`, tip);
  const mirror = createMirror(repository, null);
  await mirror.pull({ tip, asOf: mirror.epoch() });
  const located = { url: 'https://github.com/ada/mail.git' };
  const hosts = [{ beat: { pushes: parts.pushes ?? [] }, ageMs: 10_000 }];
  return { session: { repository, mirror, located }, hosts, here: null } as never;
}

it('counts the pushes of the last minute, as old as the beat that tells of them', () => {
  const host = (pushes: readonly number[], ageMs: number | null) =>
    ({ beat: { pushes }, ageMs }) as never;
  expect(countPushes([host([0, 10, 40], 10_000), host([0, 49, 51], 9_000)])).toBe(5);
  expect(countPushes([host([0], null), host([0], 60_000)])).toBe(0);
});

it('tells the bus where a pace limits it, and how long the next push waits', async () => {
  const hosted = { 'data/transport.yaml': 'pace: hosted\n' };
  expect(await readBus(await around({}))).toBeNull();
  const bus = await readBus(await around(hosted, { pushes: [0, 5] }));
  expect(bus).toEqual({ pushes: 2, limit: 6, waitMs: null });
  expect(sayBus(bus!)).toBe('bus 2 of 6 pushes a minute');
  expect(sayBus({ ...bus!, waitMs: 12_000 })).toMatch(/; the next one waits 12s$/);
});

it('warns of more pushes, refs and files in a folder than forges advise', async () => {
  const folder = (count: number): Readonly<Record<string, string>> =>
    Object.fromEntries(
      Array.from({ length: count }, (_, at) => [`data/channels/general/${at}.txt`, 'x']),
    );
  const told = async (seen: Promise<Surroundings>): Promise<readonly string[]> =>
    (await examineLoad(await seen)).map(({ name }) => name);
  expect(await told(around(folder(3_000), { refs: 4_999, pushes: [0, 1, 2, 3, 4, 5] }))).toEqual(
    [],
  );
  expect(await told(around(folder(3_001), { refs: 5_001, pushes: [0, 1, 2, 3, 4, 5, 6] }))).toEqual(
    ['refs', 'folders', 'pushes'],
  );
});
