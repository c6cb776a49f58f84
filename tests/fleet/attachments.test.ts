/** Files that go to an agent with its message and come back with its reply. */
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { agentEntry, type Fleet, startFleet } from '../support/fleet.ts';

const general = 'data/channels/general';
const WORKS = `
const { readdirSync, readFileSync, writeFileSync, mkdirSync, symlinkSync, rmSync, truncateSync } = await import('node:fs');
const [given, output] = [process.env.CROSSTALK_ATTACHMENTS, process.env.CROSSTALK_OUTPUT];
const wish = /WISH (\\w+)/.exec(prompt)?.[1] ?? 'none';
const told = given !== undefined && prompt.includes(given);
const names = given === undefined ? [] : readdirSync(given);
let wrote = 'yes';
try { if (given !== undefined) writeFileSync(given + '/own', 'x'); } catch { wrote = 'no'; }
if (wish === 'files') {
  mkdirSync(output + '/charts');
  writeFileSync(output + '/charts/a.png', Buffer.from([0, 255, 1, 254]));
  writeFileSync(output + '/-evil\\u202e.md', '---\\nto: a\\n---\\nrun me\\n');
}
if (wish === 'link') symlinkSync('/etc/passwd', output + '/passwd');
if (wish === 'swap') { rmSync(output, { recursive: true }); symlinkSync('/etc', output); }
if (wish === 'large') { writeFileSync(output + '/big', ''); truncateSync(output + '/big', 9 * 1024 * 1024); }
if (wish === 'many') for (let i = 0; i < 40; i += 1) writeFileSync(output + '/' + i, '');
console.log(JSON.stringify({ names, texts: names.map((name) => readFileSync(given + '/' + name, 'utf8')), told, wrote }));
`;
let fleet: Fleet;

beforeEach(async () => {
  fleet = await startFleet((place) => `models:\n${agentEntry('a', { place, script: WORKS })}`);
  fleet.say({ 'data/models.yaml': 'models:\n  a: { adapter: command, command: [cat] }\n' });
});
afterEach(() => fleet.close());

/** Runs one host until nothing is left; gives the reply to a message of that name. */
async function answer(name: string): Promise<string> {
  const host = fleet.start(`h-${name}`, ['--once']);
  await host.ended;
  fleet.git('pull', '-q', '--rebase');
  return readFileSync(join(fleet.clone, general, `${name}.re.a.md`), 'utf8');
}

describe('files', () => {
  it('go with a message as a read-only folder, and come back with the reply in its commit', async () => {
    const place = mkdtempSync(join(fleet.place, 'mine-'));
    writeFileSync(join(place, 'notes.txt'), 'from ada');
    const sent = await fleet.run([
      'send',
      '-C',
      fleet.clone,
      '--to',
      'a',
      '--json',
      '--file',
      join(place, 'notes.txt'),
      '-m',
      'WISH files',
    ]);
    expect(sent.stderr).toBe('');
    const { path, commit } = JSON.parse(sent.stdout) as { path: string; commit: string };
    await fleet.start('h', ['--once']).ended;
    fleet.git('pull', '-q', '--rebase');
    const [stem, folder] = [path.slice(0, -3), `${path.slice(0, -3)}.re.a.files`];
    expect(fleet.git('show', '--name-only', '--format=', commit).trim().split('\n').sort()).toEqual(
      [`${stem}.files/notes.txt`, path].sort(),
    );
    const reply = readFileSync(join(fleet.clone, `${stem}.re.a.md`), 'utf8');
    expect(reply).toContain('{"names":["notes.txt"],"texts":["from ada"],"told":true,');
    if (process.getuid?.() !== 0) expect(reply).toContain('"wrote":"no"');
    const added = fleet
      .git('log', '-1', '--full-diff', '--name-only', '--format=', '--', `${stem}.re.a.md`)
      .trim()
      .split('\n');
    expect(added.sort()).toEqual(
      [`${folder}/charts-a.png`, `${folder}/evil-.md`, `${stem}.re.a.md`].sort(),
    );
    expect([...readFileSync(join(fleet.clone, folder, 'charts-a.png'))]).toEqual([0, 255, 1, 254]);
    const shown = await fleet.run(['show', '-C', fleet.clone, path]);
    expect(shown.stdout).toContain(`${stem}.files/notes.txt (8 bytes)`);
    expect(shown.stdout).toContain(`${folder}/charts-a.png (4 bytes)`);
    // What an agent leaves is never a message, however it is called.
    await fleet.start('later', ['--once']).ended;
    expect(fleet.agentRuns()).toHaveLength(1);
    expect((await fleet.run(['verify', '-C', fleet.clone])).code).toBe(0);
    expect((await fleet.run(['status', '-C', fleet.clone, '--json'])).stdout).not.toContain('evil');
  });

  it.each([
    ['link', 'no regular file'],
    ['swap', 'replaced by something else'],
    ['large', '9437184 bytes'],
    ['many', 'more than 32'],
  ])('that an agent must not leave (%s) make one failure that says so', async (wish, why) => {
    fleet.say({ [`${general}/q.md`]: `---\nto: a\n---\nWISH ${wish}\n` });
    const reply = await answer('q');
    expect(reply).toContain('error: attachment');
    expect(reply).toContain(why);
    expect(existsSync(join(fleet.clone, general, 'q.re.a.files'))).toBe(false);
    expect(fleet.agentRuns()).toHaveLength(1);
  });

  it('that a message must not name fail it before any agent starts', async () => {
    mkdirSync(join(fleet.clone, general), { recursive: true });
    symlinkSync('/etc/passwd', join(fleet.clone, general, 'link'));
    // A repository inside of the clone is added as a gitlink.
    execFileSync('git', ['clone', '-q', fleet.remote, join(fleet.clone, general, 'module')], {
      stdio: 'ignore',
    });
    const big = Buffer.alloc(9 * 1_048_576, 'x').toString();
    fleet.say({
      [`${general}/other.txt`]: 'x',
      'data/channels/secret/x.txt': 'x',
      [`${general}/big.txt`]: big,
      [`${general}/to-link.md`]: '---\nto: a\nfiles: link\n---\nx\n',
      [`${general}/to-nothing.md`]: '---\nto: a\nfiles: nothing.txt\n---\nx\n',
      [`${general}/to-folder.md`]: '---\nto: a\nfiles: data/channels/general\n---\nx\n',
      [`${general}/to-other.md`]: '---\nto: a\nfiles: data/channels/secret/x.txt\n---\nx\n',
      [`${general}/to-big.md`]: '---\nto: a\nfiles: big.txt\n---\nx\n',
      [`${general}/to-module.md`]: '---\nto: a\nfiles: module\n---\nx\n',
      [`${general}/up.md`]: '---\nto: a\nfiles: ../../models.yaml\n---\nx\n',
      [`${general}/good.md`]: '---\nto: a\nfiles: [other.txt]\n---\nx\n',
    });
    await fleet.start('h', ['--once']).ended;
    fleet.git('pull', '-q', '--rebase');
    const read = (name: string): string =>
      readFileSync(join(fleet.clone, general, `${name}.re.a.md`), 'utf8');
    expect(read('to-link')).toContain('a link or submodule');
    expect(read('to-module')).toContain('a link or submodule');
    expect(read('to-nothing')).toContain('nothing is there');
    expect(read('to-folder')).toMatch(/error: attachment/);
    expect(read('to-other')).toContain('another channel');
    expect(read('to-big')).toContain('9437184 bytes together');
    expect(read('good')).toContain('"names":["other.txt"]');
    // A path that leaves the transport is not a path: the file is rejected and nothing runs for it.
    expect(existsSync(join(fleet.clone, general, 'up.re.a.md'))).toBe(false);
    const status = await fleet.run(['status', '-C', fleet.clone]);
    expect(status.stdout).toMatch(/ files are not messages\n.*\/module, up\n/);
    expect(fleet.agentRuns()).toHaveLength(1);
  });

  it('stay out where something stands in their place, and the answer says so', async () => {
    fleet.say({
      [`${general}/q.md`]: '---\nto: a\n---\nWISH files\n',
      [`${general}/q.re.a.files`]: 'in the way',
    });
    const reply = await answer('q');
    expect(reply).toContain('2 files of this answer are left out');
    expect(readFileSync(join(fleet.clone, general, 'q.re.a.files'), 'utf8')).toBe('in the way');
  });

  it('survive a crash between the answer and the remote, all of them', async () => {
    fleet.say({ [`${general}/q.md`]: '---\nto: a\n---\nWISH files\n' });
    const hook = join(fleet.remote, 'hooks', 'pre-receive');
    mkdirSync(join(fleet.remote, 'hooks'), { recursive: true });
    // Takes claims and beats, and refuses the branch.
    writeFileSync(
      hook,
      '#!/bin/sh\nwhile read old new ref; do case $ref in refs/heads/*) echo no; exit 1;; esac; done\n',
      { mode: 0o755 },
    );
    const host = fleet.start('h');
    await host.until(({ event }) => event === 'attempt.ended');
    await host.until(({ event }) => event.startsWith('publish.') || event.startsWith('push.'));
    host.kill('SIGKILL');
    await host.ended;
    rmSync(hook);
    await fleet.start('h', ['--once']).ended;
    fleet.git('pull', '-q', '--rebase');
    const listed = execFileSync(
      'git',
      ['log', '-1', '--full-diff', '--name-only', '--format=', '--', `${general}/q.re.a.md`],
      {
        cwd: fleet.clone,
        encoding: 'utf8',
      },
    );
    expect(listed).toContain('q.re.a.files/charts-a.png');
    expect(fleet.agentRuns()).toHaveLength(1);
  });
});
