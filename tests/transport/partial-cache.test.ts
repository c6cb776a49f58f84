import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ulid } from 'ulid';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DAY, systemClock } from '../../src/base/clock.ts';
import type { Oid } from '../../src/base/ids.ts';
import { formatMessage } from '../../src/protocol/message.ts';
import type { OpenIndex } from '../../src/protocol/open-work.ts';
import { newMessagePath, replyPath } from '../../src/protocol/paths.ts';
import type { GitRepositoryOptions } from '../../src/transport/git-repository.ts';
import { createMirror } from '../../src/transport/mirror.ts';
import type { Repository } from '../../src/transport/repository.ts';
import { createGitFixture, draftOf, reached, type GitFixture } from '../support/git-fixture.ts';
import { startHttpRemote, type TestServer } from '../support/http-remote.ts';
import { startSshRemote } from '../support/ssh-remote.ts';

const NONE = new Map<string, Oid>();
const MODELS = 'models:\n  echo: { adapter: command, command: [cat], effects: none }\n';

let fixture: GitFixture;
let servers: TestServer[];
beforeEach(() => {
  fixture = createGitFixture();
  fixture.remote(['config', 'uploadpack.allowFilter', 'true']);
  servers = [];
});
afterEach(async () => {
  await Promise.all(servers.map((server) => server.close()));
  await fixture.dispose();
});

/** A git in front of the real one that writes down what it is told. */
function listening(): { readonly PATH: string; readonly fetches: () => number } {
  const [bin, heard] = [join(fixture.root, 'listening'), join(fixture.root, 'heard')];
  mkdirSync(bin, { recursive: true });
  writeFileSync(heard, '');
  writeFileSync(
    join(bin, 'git'),
    `#!/bin/sh\necho "$*" >> ${heard}\nPATH=${fixture.env['PATH']} exec git "$@"\n`,
  );
  chmodSync(join(bin, 'git'), 0o755);
  return {
    PATH: `${bin}:${fixture.env['PATH'] ?? ''}`,
    fetches: () =>
      readFileSync(heard, 'utf8')
        .split('\n')
        .filter((line) => / fetch-pack /.test(line)).length,
  };
}

async function publish(
  host: Repository,
  drafts: Parameters<Repository['buildCommits']>[1],
): Promise<Oid> {
  const { tip } = reached(await host.listRefs([]));
  reached(await host.fetch({ tip, records: NONE }));
  const built = await host.buildCommits(tip, drafts);
  expect(
    await host.push([{ ref: 'refs/heads/main', expected: tip, next: built.at(-1)! }], {
      atomic: true,
    }),
  ).toMatchObject({
    kind: 'answered',
  });
  return built.at(-1)!;
}

async function catchUp(host: Repository): Promise<Oid> {
  const { tip } = reached(await host.listRefs([]));
  reached(await host.fetch({ tip, records: NONE }));
  return tip!;
}

async function blobsOf(host: Repository, tip: Oid): Promise<readonly Oid[]> {
  return (await host.diff({ from: null, to: tip, under: 'old' })).flatMap((change) =>
    change.kind === 'written' ? [change.blob] : [],
  );
}

/** How many of them a git finds in the cache that the last host opened. */
function standing(blobs: readonly Oid[]): number {
  const told = fixture.git(['cat-file', '--batch-check'], {
    cwd: fixture.cacheDir(),
    input: `${blobs.join('\n')}\n`,
  });
  return told.split('\n').filter((line) => line.includes(' blob ')).length;
}

/**
 * Leaves contents out, brings three hundred in one conversation, and what is new without being
 * asked.
 */
async function readLate(options: Partial<GitRepositoryOptions>): Promise<void> {
  const heard = listening();
  const told: string[] = [];
  const env = { ...fixture.env, ...options.env, PATH: heard.PATH };
  const host = await fixture.open({
    ...options,
    env,
    partial: true,
    onWhole: (why) => told.push(why),
  });
  const tip = await catchUp(host);
  const blobs = await blobsOf(host, tip);
  expect([told, blobs.length, standing(blobs)]).toEqual([[], 300, 0]);
  const before = heard.fetches();
  // By one and by many, at the same time and one after the other: one conversation for what is
  // missing at a time.
  const [first, ...others] = await Promise.all([
    host.readBlobs(blobs.slice(0, 250), 100),
    ...blobs.slice(200).map((oid) => host.readBlobs([oid], 100)),
  ]);
  expect([...first, ...others.flat()].every((blob) => blob.kind === 'bytes')).toBe(true);
  expect(await host.sizesOf(blobs.slice(0, 2))).toEqual([6, 6]);
  expect([heard.fetches() - before, standing(blobs)]).toEqual([1, 300]);
}

describe('a partial cache', () => {
  beforeEach(async () => {
    const files = Object.fromEntries(
      Array.from({ length: 300 }, (_, n) => [`old/${n}.md`, `n ${n + 1_000}`]),
    );
    await publish(await fixture.open(), [draftOf(files)]);
  });

  it('by path leaves contents out and fetches together those that are read', () => readLate({}));

  it('does so over http', async () => {
    const server = await startHttpRemote({ root: fixture.root, env: fixture.env });
    servers.push(server);
    await readLate({ url: `${server.url}/remote.git`, allowHttp: true });
  });

  it.runIf(existsSync('/usr/sbin/sshd'))(
    'over ssh a server that keeps to the old protocol gives everything, and that is told',
    async () => {
      const server = await startSshRemote(fixture);
      servers.push(server);
      const told: string[] = [];
      const env = { ...fixture.env, GIT_SSH_COMMAND: server.command };
      const host = await fixture.open({
        url: `${server.url}${fixture.remoteDir}`,
        env,
        partial: true,
        onWhole: (why) => told.push(why),
      });
      const tip = await catchUp(host);
      expect([told, standing(await blobsOf(host, tip))]).toEqual([
        ['it speaks an older protocol than version 2'],
        300,
      ]);
    },
  );

  it.runIf(existsSync('/usr/sbin/sshd'))(
    'does so over ssh with a server that takes GIT_PROTOCOL',
    async () => {
      const server = await startSshRemote(fixture, { takesProtocol: true });
      servers.push(server);
      await readLate({
        url: `${server.url}${fixture.remoteDir}`,
        env: { ...fixture.env, GIT_SSH_COMMAND: server.command },
      });
    },
  );

  it('is whole when the remote allows no filters, which is told once with what would help', async () => {
    fixture.remote(['config', 'uploadpack.allowFilter', 'false']);
    const told: string[] = [];
    const host = await fixture.open({ partial: true, onWhole: (why) => told.push(why) });
    const blobs = await blobsOf(host, await catchUp(host));
    expect(standing(blobs)).toBe(300);
    await publish(host, [draftOf({ 'x.md': 'x' })]);
    expect(told).toEqual([
      'it does not allow filters (on a server of your own: git config uploadpack.allowFilter true)',
    ]);
  });

  it('takes a change that the remote describes by a content that was left out', async () => {
    const lines = (middle: string): string =>
      Array.from({ length: 400 }, (_, n) => (n === 200 ? middle : `line ${n}`)).join('\n');
    const other = await fixture.open();
    await publish(other, [draftOf({ 'long.md': lines('before') })]);
    const heard = listening();
    const host = await fixture.open({ partial: true, env: { ...fixture.env, PATH: heard.PATH } });
    await catchUp(host);
    await publish(other, [draftOf({ 'long.md': lines('after') })]);
    fixture.remote(['repack', '-adfq']);
    const before = heard.fetches();
    const [entry] = await host.lookUp(await catchUp(host), ['long.md']);
    // Once with deltas, which fails, and once without; and what is new is there then.
    expect(heard.fetches() - before).toBe(2);
    expect(await host.readBlobs([entry!.oid], 100_000)).toMatchObject([{ kind: 'bytes' }]);
    expect(heard.fetches() - before).toBe(2);
  });

  it('says that the remote cannot be reached when something left out is read, and reads it later', async () => {
    const host = await fixture.open({ partial: true });
    const blobs = await blobsOf(host, await catchUp(host));
    renameSync(fixture.remoteDir, `${fixture.remoteDir}.away`);
    await expect(host.readBlobs(blobs.slice(0, 1), 100)).rejects.toMatchObject({
      code: 'REMOTE_UNREACHABLE',
    });
    renameSync(`${fixture.remoteDir}.away`, fixture.remoteDir);
    expect(await host.readBlobs(blobs.slice(0, 1), 100)).toMatchObject([{ kind: 'bytes' }]);
    await host.maintain();
    expect(standing(blobs)).toBe(1);
  });
});

/** A question, and echo's answer to it, as they were written so many days ago. */
function asked(nowMs: number, daysAgo: number, to: readonly string[]) {
  const atMs = nowMs - daysAgo * DAY;
  const path = newMessagePath('general', atMs, ulid(atMs));
  const text = formatMessage(
    { to: [...to], from: 'ada', timestamp: new Date(atMs).toISOString() },
    `Asked ${daysAgo} days ago\n`,
  );
  const reply = formatMessage(
    { from: 'echo', to: ['ada'], re: [path], timestamp: new Date(atMs).toISOString() },
    'Answered\n',
  );
  return {
    path,
    atMs,
    question: { [path]: text },
    answer: { [replyPath(path, 'echo')]: reply },
  };
}

async function indexOf(host: Repository): Promise<OpenIndex> {
  const mirror = createMirror(host, null);
  reached(await mirror.pull({ tip: reached(await host.listRefs([])).tip, asOf: 0 }));
  return mirror.index();
}

describe('the index of a host with a partial cache', () => {
  it('is that of a whole one in all that is open, and fetches nothing that was answered long ago', async () => {
    const nowMs = systemClock.wallMs();
    const old = Array.from({ length: 60 }, (_, n) => asked(nowMs, 90 - n, ['echo']));
    const [forgotten, young, open] = [
      asked(nowMs, 25, ['echo']),
      asked(nowMs, 2, ['echo', 'ben']),
      asked(nowMs, 1, ['echo']),
    ];
    const writer = await fixture.open();
    await publish(writer, [
      draftOf({ 'data/models.yaml': MODELS }, { atMs: nowMs - 100 * DAY }),
      ...old.map(({ question, answer, atMs }) => draftOf({ ...question, ...answer }, { atMs })),
      draftOf(forgotten.question, { atMs: forgotten.atMs }),
      draftOf({ ...young.question, ...young.answer }, { atMs: young.atMs }),
      draftOf(open.question, { atMs: open.atMs }),
    ]);
    const heard = listening();
    const partial = await fixture.open({
      partial: true,
      settledAfterMs: 8 * DAY,
      env: { ...fixture.env, PATH: heard.PATH },
    });
    const [mine, whole] = [await indexOf(partial), await indexOf(await fixture.open())];
    expect(mine.messages).toEqual(whole.messages);
    expect([...mine.messages.keys()].sort()).toEqual(
      [forgotten.path, young.path, open.path].sort(),
    );
    expect([...mine.people].sort()).toEqual([...whole.people].sort());
    // The history, data/models.yaml, and in one more conversation what is young or open.
    expect(heard.fetches()).toBe(3);
  });
});

describe('the index of a long history', () => {
  const LONG = 1_100;

  it('leaves out what is old and has an answer, and reads what has none', async () => {
    const nowMs = systemClock.wallMs();
    const filler = (n: number, daysAgo: number) =>
      draftOf({ 'data/notes.txt': `${n}\n` }, { atMs: nowMs - daysAgo * DAY });
    const [half, forgotten, young] = [
      asked(nowMs, 40, ['echo', 'ben']),
      asked(nowMs, 39, ['echo']),
      asked(nowMs, 2, ['echo', 'ben']),
    ];
    const writer = await fixture.open();
    await publish(writer, [
      draftOf({ 'data/models.yaml': MODELS }, { atMs: nowMs - 100 * DAY }),
      draftOf({ ...half.question, ...half.answer }, { atMs: half.atMs }),
      draftOf(forgotten.question, { atMs: forgotten.atMs }),
      // One clock that was years ahead makes nothing before or after it young.
      filler(0, -4_000),
      ...Array.from({ length: LONG }, (_, n) => filler(n, 30)),
      draftOf({ ...young.question, ...young.answer }, { atMs: young.atMs }),
    ]);
    const settledAfterMs = 8 * DAY;
    const openPaths = async () =>
      [...(await indexOf(await fixture.open({ settledAfterMs }))).messages.keys()].sort();
    expect(await openPaths()).toEqual([forgotten.path, young.path].sort());

    // Commits that claim to be old, on top of young ones, hide nothing young.
    await publish(
      writer,
      Array.from({ length: LONG }, (_, n) => filler(n + LONG, 30)),
    );
    expect(await openPaths()).toEqual([forgotten.path, young.path].sort());
  });
});
