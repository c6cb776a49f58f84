/**
 * A dispatcher is started against a remote that takes no more calls, or is away: it waits and tries
 * again, and ends only for what a person has to mend.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Clock } from '../../src/base/clock.ts';
import { createLog, type LogRecord } from '../../src/base/log.ts';
import { openPatiently } from '../../src/cli/begin/open-patiently.ts';
import type { Invocation } from '../../src/cli/command.ts';
import { openSession, type TransportSession } from '../../src/cli/session/transport-session.ts';
import { createReadLine } from '../../src/transport/space-reads.ts';
import { createGitFixture, type GitFixture } from '../support/git-fixture.ts';
import { startHttpRemote, type TestServer } from '../support/http-remote.ts';
import { publishFiles } from '../support/publish-files.ts';

const LIMITED = { status: 429, body: 'Too many requests' };

let fixture: GitFixture;
let server: TestServer;
/** What the server says to its nth connection, from 1 on; null = it serves. */
let says: (nth: number) => number | typeof LIMITED | null;
let connections: number;

beforeEach(async () => {
  fixture = createGitFixture();
  [says, connections] = [() => null, 0];
  await publishFiles(await fixture.open(), { 'CROSSTALK-VERSION': '7\n' });
  fixture.remote(['branch', 'crosstalk', 'main']);
  fixture.remote(['update-ref', 'refs/heads/main', emptyCommit()]);
  server = await startHttpRemote({
    root: fixture.root,
    env: fixture.env,
    refuse: ({ url = '' }) => (url.includes('/info/refs') ? says((connections += 1)) : null),
  });
});

afterEach(async () => {
  await server.close();
  await fixture.dispose();
});

const emptyCommit = (): string =>
  fixture.remote(['commit-tree', '-m', 'code', fixture.remote(['mktree'])]);

/** A host that begins, on a clock whose pauses take no time. */
function begin() {
  let nowMs = 0;
  // Between two reads, and before it tries again: the latter ends when it is told to stop.
  const [gapsMs, waitsMs] = [[] as number[], [] as number[]];
  const told: LogRecord[] = [];
  const stopping = new AbortController();
  const clock: Clock = {
    wallMs: () => nowMs,
    monotonicMs: () => nowMs,
    sleep: (ms, signal) => {
      (signal === undefined ? gapsMs : waitsMs).push(ms);
      nowMs += ms;
      return Promise.resolve();
    },
  };
  const random = { next: () => 0.5, hex: (bytes: number) => '0'.repeat(bytes * 2) };
  const spacing = createReadLine(clock, random);
  const open = (): Promise<TransportSession> => openSession(invocation, { unread: true, spacing });
  const opened = (): Promise<TransportSession | null> =>
    openPatiently(open, {
      spacing,
      clock,
      random,
      log: createLog((record) => told.push(record)),
      stop: stopping.signal,
    });
  const invocation = {
    args: [],
    options: new Map([
      ['dir', [`${server.url}/remote.git`]],
      ['state', [join(fixture.root, 'state')]],
    ]),
    io: { warn: () => undefined },
    env: {
      ...fixture.env,
      CROSSTALK_ALLOW_HTTP: 'true',
      CROSSTALK_CONFIG_DIR: join(fixture.root, 'config'),
    },
    cwd: fixture.root,
  } as unknown as Invocation;
  return { opened, gapsMs, waitsMs, told, stopping };
}

describe('a host that begins', () => {
  it('opens the right branch, whichever of its first reads is refused, and keeps them apart', async () => {
    const reads = 5;
    for (let refused = 1; refused <= reads + 1; refused += 1) {
      connections = 0;
      says = (nth) => (nth === refused ? LIMITED : null);
      const { opened, gapsMs, waitsMs, told } = begin();
      const session = await opened();
      expect(session?.branch).toBe('crosstalk');
      await session?.close();
      rmSync(join(fixture.root, 'state'), { recursive: true });
      expect(gapsMs.length).toBeGreaterThanOrEqual(reads - 1);
      // The first read waits for a part of the gap.
      expect(new Set(gapsMs)).toEqual(new Set([1_500, 3_000]));
      if (refused > reads) expect(told).toEqual([]);
      else {
        expect(told.map(({ event }) => event)).toEqual(['remote.unreachable', 'remote.reached']);
        expect(told[0]?.fields['reason']).toContain('Too many requests');
        expect(waitsMs).toEqual([60_000]);
      }
    }
  });

  it.each([
    ['too many calls', 429],
    ['maintenance', 503],
    ['a gateway that waited in vain', 504],
  ])('waits longer each time: %s', async (_, status) => {
    says = (nth) => (nth <= 4 ? status : null);
    const { opened, waitsMs } = begin();
    await (await opened())?.close();
    expect(waitsMs).toHaveLength(4);
    expect(waitsMs).toEqual([...waitsMs].sort((a, b) => a - b));
    expect(waitsMs[3]).toBeGreaterThan(waitsMs[0] ?? Infinity);
  });

  it('gives up waiting when it is told to stop', async () => {
    const { opened, stopping, told } = begin();
    says = (nth) => {
      if (nth === 2) stopping.abort();
      return 503;
    };
    expect(await opened()).toBeNull();
    expect(told.map(({ event }) => event)).not.toContain('remote.reached');
  });

  it.each([
    ['a password that is wrong', 401],
    ['somebody who may not read', 403],
    ['no such repository', 404],
  ])('ends for what a person has to mend: %s', async (_, status) => {
    says = () => status;
    const { opened, waitsMs } = begin();
    await expect(opened()).rejects.toMatchObject({ code: 'REMOTE_UNREACHABLE' });
    expect(waitsMs).toEqual([]);
  });
});
