import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { converse, type Conversation, parseRefs } from '../../src/transport/conversation.ts';
import { findWay } from '../../src/transport/find-way.ts';
import { judgeFailure } from '../../src/transport/git-failure.ts';
import { createGit, type Git } from '../../src/transport/git-runner.ts';
import { toPacket } from '../../src/transport/packet-line.ts';
import { folderOf } from '../../src/transport/remote-url.ts';
import {
  createGitFixture,
  oidOf,
  processesNaming,
  type GitFixture,
} from '../support/git-fixture.ts';

const [HAVE, NEW] = [oidOf('1'.repeat(40)), oidOf('2'.repeat(40))];
const MAIN = 'refs/heads/main';
const NETWORK_MS = 150;

let fixture: GitFixture;
let git: Git;
beforeEach(() => {
  fixture = createGitFixture();
  const ssh = join(fixture.root, 'ssh');
  writeFileSync(ssh, '#!/bin/sh\nfor last; do :; done\neval "$last"\n', { mode: 0o755 });
  git = createGit({
    env: { ...fixture.env, GIT_SSH_COMMAND: ssh },
    gitDir: fixture.remoteDir,
    clock: systemClock,
    networkMs: NETWORK_MS,
  });
});
afterEach(async () => {
  await git.close();
  await fixture.dispose();
});

const say = (...packets: readonly string[]): string =>
  `printf '%b' '${packets.join('').replace(/[\0-\x1f]/g, (sign) => octal(sign.charCodeAt(0)))}'; `;
const octal = (code: number): string => `\\0${code.toString(8).padStart(3, '0')}`;
const GREETING = say(toPacket('version 2\n'), '0000');
const LISTING = say(toPacket(`${NEW} ${MAIN}`), '0000');
const PACK = say(toPacket('packfile'));
const CUT = say(toPacket('shallow-info'), toPacket(`shallow ${NEW}`), '0001');
const ACK = toPacket(`ACK ${HAVE}`);
const oldListing = (...more: readonly string[]): string =>
  say(toPacket(`${NEW} ${MAIN}\0side-band-64k`), ...more);
const FOR_EVER = 'while :; do printf 0005.; sleep 0.02; done; ';

/** What a program in the place of ssh makes of a look that wants all that it lists. */
async function look(script: string): Promise<Conversation> {
  return converse(
    { git, clock: systemClock },
    { kind: 'ssh', args: [`: ${fixture.root}; ${script}`] },
    { prefixes: [MAIN], have: HAVE, choose: (refs) => Promise.resolve([...refs.values()]) },
  );
}

describe('a look at a server of any kind ends', () => {
  it.each([
    ['that closes at once', 'exit 1', /^refused|^unknown/],
    ['that greets people', 'echo Welcome to our server', /^not-git: .*Welc/],
    ['that stops in a packet', "printf '0040half'; exit 0", /Could not read from remote/],
    ['that says why not', say(toPacket('ERR go \u001b[31m away')), /go +away/],
    ['that says why not, and stays', `${say(toPacket('ERR no'))} sleep 100`, /^unknown: no$/],
    ['that says nothing', 'sleep 100', /^silent/],
    ['that never stops listing', GREETING + FOR_EVER, /^silent/],
  ])('one %s', async (_, script, expected) => {
    const said = await look(script);
    expect(said.kind).toBe('failed');
    if (said.kind !== 'failed') return;
    const { reason, line } = judgeFailure(said.result);
    expect(`${reason}: ${line}`).toMatch(expected);
    expect(line).not.toMatch(/\u001b/);
    expect(processesNaming(`${fixture.root};`)).toEqual([]);
  });

  it.each([
    ['that says nothing after its list', 'sleep 100'],
    ['whose pack has no end', `${PACK}while :; do printf '0005\\002'; sleep 0.02; done`],
    ['whose pack is none', `${PACK}${say(toPacket('\u0001PACKPACKPACKPACK'))}cat`],
    ['that vanishes', 'exit 0'],
  ])('what one lists counts, and nothing is brought by one %s', async (_, script) => {
    const said = await look(GREETING + LISTING + script);
    expect(said).toEqual({ kind: 'listed', refs: new Map([[MAIN, NEW]]), brought: false });
    await git.close();
    expect(processesNaming(`${fixture.root};`)).toEqual([]);
  });

  it.each([
    { of: 'version 2, whole', script: GREETING + LISTING + PACK, brought: true },
    { of: 'version 2, cut', script: `${GREETING}${LISTING}${CUT}${PACK}`, brought: false },
    { of: 'version 0, whole', script: oldListing('0000', ACK), brought: true },
    {
      of: 'version 0, cut',
      script: oldListing(toPacket(`shallow ${NEW}`), '0000', ACK),
      brought: false,
    },
  ])('a history by $of, is brought: $brought', async ({ script, brought }) => {
    const pack = `git --git-dir=${fixture.remoteDir} pack-objects --stdout -q </dev/null`;
    const sent = `${say('0025\u0001')}${pack}; ${say('0000')}`;
    expect(await look(script + sent)).toMatchObject({ kind: 'listed', brought });
  });

  it('one that goes on talking to nobody is gone after a while', async () => {
    const said = converse(
      { git, clock: systemClock },
      { kind: 'ssh', args: [`: ${fixture.root}; ${GREETING}${LISTING}${FOR_EVER}`] },
      { prefixes: [MAIN], have: HAVE, choose: () => Promise.resolve([]) },
    );
    expect(await said).toMatchObject({ kind: 'listed', brought: true });
    await expect.poll(() => processesNaming(`${fixture.root};`), { timeout: 5_000 }).toEqual([]);
  });
});

describe('the way to a remote', () => {
  it.each([
    [
      'ssh://ada@forge.example:2222/a%20b/x.git',
      ['-p', '2222', 'ada@forge.example'],
      "'/a b/x.git'",
    ],
    ['ssh://[::1]/~/x.git', ['::1'], "'~/x.git'"],
    ["git@forge.example:it's -x.git", ['git@forge.example'], "'it'\\''s -x.git'"],
    ['git@forge.example:-x.git', [], ''],
  ])('to %s is what git makes of it', async (url, host, path) => {
    const way = await findWay(git, url);
    const protocol = ['-o', 'SendEnv=GIT_PROTOCOL'];
    const args = [...protocol, ...host, `git-upload-pack ${path}`];
    expect(way).toEqual(path === '' ? null : { kind: 'ssh', args });
  });

  it('is not rewritten by insteadOf a second time', async () => {
    fixture.git([
      'config',
      '--global',
      'url.git@forge.example:mirror/.insteadOf',
      'git@forge.example:',
    ]);
    const way = await findWay(git, 'git@forge.example:x.git');
    expect(way).toMatchObject({ kind: 'ssh' });
    expect(way?.kind === 'ssh' && way.args.at(-1)).toBe("git-upload-pack 'x.git'");
  });

  it.each([
    ['/a b', '/a b'],
    ['file:///a%20b', '/a b'],
    ['file:///a/../b\\c ', '/a/../b\\c '],
    ['file:///a?b#c', '/a?b#c'],
    ['file://localhost/a', null],
    ['file:///%zz', null],
  ])('to the folder of %s is the one of git', (url, path) => {
    expect(folderOf(url)).toBe(path);
  });
});

it('what a tag leads to is no ref', () => {
  const lines = [`${HAVE} refs/tags/a`, `${NEW} refs/tags/a^{}`, 'nothing at all'];
  expect([...parseRefs(lines, ' ')]).toEqual([['refs/tags/a', HAVE]]);
});
