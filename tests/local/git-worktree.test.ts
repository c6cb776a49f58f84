import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { MINUTE, systemClock } from '../../src/base/clock.ts';
import { createWorktrees } from '../../src/local/git-worktree.ts';
import type { Worktree, Worktrees } from '../../src/local/worktree.ts';
import type { WorkChange } from '../../src/protocol/capsule-work.ts';
import { isCheckoutConfig } from '../../src/protocol/checkout-files.ts';
import { createProjectGit } from '../../src/transport/git-runner.ts';

const places: string[] = [];
afterEach(() => {
  for (const place of places.splice(0)) rmSync(place, { recursive: true, force: true });
});

interface Stage {
  readonly place: string;
  readonly project: string;
  readonly worktrees: Worktrees;
  readonly git: (...args: readonly string[]) => string;
  readonly write: (directory: string, files: Readonly<Record<string, string>>) => void;
}

/** A project with these files on `main`, and a person's filters that leave a mark when they run. */
function stage(files: Readonly<Record<string, string>>): Stage {
  const place = mkdtempSync(join(tmpdir(), 'worktree-'));
  places.push(place);
  const project = join(place, 'project');
  const env = {
    PATH: process.env['PATH'],
    HOME: place,
    GIT_CONFIG_NOSYSTEM: '1',
  };
  const mark = `sh -c "touch ${place}/ran; cat"`;
  writeFileSync(
    join(place, '.gitconfig'),
    `[user]\n\tname = M\n\temail = m@example.com\n[filter "mine"]\n\tclean = ${JSON.stringify(mark)}\n\tsmudge = ${JSON.stringify(mark)}\n`,
  );
  const git: Stage['git'] = (...args) =>
    execFileSync('git', ['-C', project, ...args], { env, encoding: 'utf8', stdio: 'pipe' }).trim();
  const write: Stage['write'] = (directory, more) => {
    for (const [path, text] of Object.entries(more)) {
      mkdirSync(dirname(join(directory, path)), { recursive: true });
      writeFileSync(join(directory, path), text);
    }
  };
  execFileSync('git', ['init', '-q', '-b', 'main', project], { env });
  write(project, files);
  git('add', '--all', '--force');
  git('commit', '-qm', 'begin');
  rmSync(join(place, 'ran'), { force: true });
  const worktrees = createWorktrees(
    ({ attemptId }) => join(place, 'work', attemptId),
    createProjectGit({ env, clock: systemClock, limitMs: MINUTE }),
  );
  return { place, project, worktrees, git, write };
}

async function open(
  { project, worktrees }: Stage,
  keep = false,
  carry: readonly WorkChange[] = [],
): Promise<Worktree> {
  const opened = await worktrees.open({
    carry,
    attemptId: 'a.1',
    project,
    base: 'main',
    branch: 'ct/x',
    keep,
    leavesOut: isCheckoutConfig,
  });
  if (opened.kind === 'failed') throw new Error(opened.why);
  return opened.worktree;
}

const text = { message: 'what it did\n', name: 'opus', email: 'opus@host' };

/** Mode, path and content of what a branch changes. */
function changesOf({ git }: Stage): string {
  return git('diff', '--no-ext-diff', '--name-status', 'main', 'ct/x');
}

describe('a worktree for an agent', () => {
  test('has the files of the commit as they are, and none that makes a program run code', async () => {
    const here = stage({
      'a/b.txt': 'text\n',
      'crlf.txt': 'one\r\ntwo\r\n',
      '.gitattributes': '* filter=mine eol=crlf\n',
      '.claude/settings.json': '{}',
      'deep/.Claude/settings.json': '{}',
      'opencode.json': '{}',
      'AGENTS.md': 'be kind\n',
    });
    const { directory } = await open(here);
    expect(readdirSync(directory).sort()).toEqual(
      ['.git', '.gitattributes', 'AGENTS.md', 'a', 'crlf.txt'].sort(),
    );
    expect(readFileSync(join(directory, 'a/b.txt'), 'utf8')).toBe('text\n');
    expect(existsSync(join(here.place, 'ran'))).toBe(false);
  });

  test('becomes a commit with what was changed, made, removed, linked and made executable', async () => {
    const here = stage({
      'keep.txt': 'same\n',
      'change.txt': 'old\n',
      'gone.txt': 'x\n',
      'turns/into-a-file': 'x\n',
      '.mcp.json': '{}',
      '.gitignore': 'ignored/\n',
    });
    const worktree = await open(here);
    const { directory } = worktree;
    here.write(directory, {
      'change.txt': 'new\n',
      'made/odd name "ü"\n.txt': 'made\n',
      'ignored/big': 'no\n',
    });
    rmSync(join(directory, 'gone.txt'));
    rmSync(join(directory, 'turns'), { recursive: true });
    writeFileSync(join(directory, 'turns'), 'a file\n');
    symlinkSync('../outside', join(directory, 'link'));
    chmodSync(join(directory, 'keep.txt'), 0o755);
    const saved = await here.worktrees.save(worktree, text);
    expect(saved).toMatchObject({ kind: 'saved', branch: 'ct/x' });
    expect(changesOf(here).split('\n').sort()).toEqual(
      [
        'A\t"made/odd name \\"\\303\\274\\"\\n.txt"',
        'A\tlink',
        'A\tturns',
        'D\tgone.txt',
        'D\tturns/into-a-file',
        'M\tchange.txt',
        'M\tkeep.txt',
      ].sort(),
    );
    expect(here.git('ls-tree', 'ct/x', 'link', 'keep.txt')).toMatch(/^100755 .*\n120000 /);
    expect(here.git('log', '-1', '--format=%an <%ae> %s', 'ct/x')).toBe(
      'opus <opus@host> what it did',
    );
    expect(here.git('for-each-ref', 'refs/crosstalk')).toBe('');
    expect(here.git('fsck', '--strict')).toBe('');
    await here.worktrees.close(worktree);
    expect(existsSync(directory)).toBe(false);
  });

  test('that was left as it was makes no branch', async () => {
    const here = stage({ 'a.txt': 'a\n', '.claude/x': 'left out\n' });
    const worktree = await open(here);
    const saved = await here.worktrees.save(worktree, text);
    expect(saved).toEqual({ kind: 'saved', branch: null, commit: worktree.start });
    expect(here.git('branch', '--list', 'ct/x')).toBe('');
  });

  test('keeps commits that the agent made, with what it left beside them on top', async () => {
    const here = stage({ 'a.txt': 'a\n', '.claude/x': 'left out\n' });
    const worktree = await open(here);
    const own = (...args: readonly string[]): string =>
      execFileSync('git', ['-C', worktree.directory, ...args], {
        env: { PATH: process.env['PATH'], HOME: here.place },
        encoding: 'utf8',
      }).trim();
    expect(own('status', '--porcelain')).toBe('');
    here.write(worktree.directory, { 'a.txt': 'b\n' });
    own('commit', '-qam', 'by the agent');
    here.write(worktree.directory, { 'c.txt': 'c\n' });
    await here.worktrees.save(worktree, text);
    expect(here.git('log', '--format=%s', 'main..ct/x')).toBe('what it did\nby the agent');
    expect(changesOf(here)).toBe('M\ta.txt\nA\tc.txt');
  });

  test('saved without a start of anything that the agent put there', async () => {
    const here = stage({ 'a.txt': 'a\n', 'dir/b.txt': 'b\n' });
    const worktree = await open(here, true);
    const { directory } = worktree;
    const mark = `touch ${here.place}/ran`;
    // The attack: its own repository with a filter, a monitor and hooks, and links out.
    rmSync(join(directory, '.git'), { recursive: true });
    execFileSync('git', ['init', '-q', directory]);
    here.write(directory, {
      '.git/config': `[core]\n\tfsmonitor = ${mark}\n\thooksPath = hooks\n\trepositoryformatversion = 0\n[filter "evil"]\n\tclean = "${mark}; cat"\n\tprocess = ${mark}\n`,
      '.git/info/exclude': 'hooks/\n',
      'hooks/post-index-change': `#!/bin/sh\n${mark}\n`,
      '.gitattributes': '* filter=evil\n',
      'sub/.git/config': '[core]\n\tfsmonitor = touch x\n',
      'sub/.git/HEAD': 'ref: refs/heads/main\n',
      'sub/.GIT/hooks/x': 'x',
      'a.txt': 'changed\n',
    });
    writeFileSync(join(here.place, 'b.txt'), 'TOP-SECRET');
    rmSync(join(directory, 'dir'), { recursive: true });
    symlinkSync(here.place, join(directory, 'dir'));
    execFileSync('mkfifo', [join(directory, 'pipe')]);
    const saved = await here.worktrees.save(worktree, text);
    expect(saved).toMatchObject({ kind: 'saved', branch: 'ct/x' });
    expect(existsSync(join(here.place, 'ran'))).toBe(false);
    expect(changesOf(here).split('\n').sort()).toEqual(
      [
        'A\t.gitattributes',
        'A\tdir',
        'A\thooks/post-index-change',
        'D\tdir/b.txt',
        'M\ta.txt',
      ].sort(),
    );
    expect(here.git('show', 'ct/x:a.txt')).toBe('changed');
    // Anyone who looks at the kept worktree stands in the project's repository, not in the agent's.
    expect(lstatSync(join(directory, '.git')).isFile()).toBe(true);
    expect(readFileSync(join(directory, '.git'), 'utf8')).toBe(`gitdir: ${worktree.admin}\n`);
  });

  test('is not made of a tree that would lead out of it', async () => {
    const here = stage({ 'a.txt': 'a\n' });
    const blob = here.git('rev-parse', 'main:a.txt');
    const tree = execFileSync('git', ['-C', here.project, 'mktree'], {
      input: `100644 blob ${blob}\t.git\n`,
      encoding: 'utf8',
    }).trim();
    const commit = here.git('commit-tree', '-m', 'evil', tree);
    here.git('update-ref', 'refs/heads/evil', commit);
    const opened = await here.worktrees.open({
      attemptId: 'a.1',
      project: here.project,
      base: 'evil',
      branch: 'ct/x',
      keep: false,
      leavesOut: isCheckoutConfig,
    });
    expect(opened).toMatchObject({
      kind: 'failed',
      why: expect.stringContaining('".git"') as string,
    });
  });
});

describe('the work of an attempt that was lost', () => {
  const FILES = { 'a.txt': 'a\n', 'dir/b.txt': 'b\n', 'gone.txt': 'x\n', 'turns/f': 'x\n' };
  const put = (path: string, before: string | null, content = 'planted'): WorkChange => ({
    path,
    before,
    content: { mode: '100644', base64: Buffer.from(content).toString('base64') },
  });

  test('stands in the worktree of the next one, and becomes its commit', async () => {
    const here = stage(FILES);
    const first = await open(here);
    here.write(first.directory, { 'a.txt': 'b\n', 'new/odd "ü".sh': '#!/bin/sh\n' });
    chmodSync(join(first.directory, 'new/odd "ü".sh'), 0o755);
    rmSync(join(first.directory, 'gone.txt'));
    const work = await here.worktrees.look(first);
    expect(work).toMatchObject({ start: first.start, head: first.start, files: 3 });
    await here.worktrees.close(first);
    // Somebody else has pushed something else meanwhile.
    here.write(here.project, { 'dir/b.txt': 'c\n' });
    here.git('commit', '-qam', 'meanwhile');
    const next = await open(here, false, work?.changes ?? []);
    expect(next.isCarried).toBe(true);
    await here.worktrees.save(next, text);
    expect(changesOf(here).split('\n').sort()).toEqual(
      ['A\t"new/odd \\"\\303\\274\\".sh"', 'D\tgone.txt', 'M\ta.txt'].sort(),
    );
    expect(here.git('ls-tree', '-r', 'ct/x', 'new')).toMatch(/^100755/);
  });

  test('holds the commits that it made itself, and nothing when nothing was done', async () => {
    const here = stage(FILES);
    const first = await open(here);
    expect(await here.worktrees.look(first)).toBeNull();
    here.write(first.directory, { 'a.txt': 'b\n' });
    const own = ['-c', 'user.name=m', '-c', 'user.email=m@m', 'commit', '-qam', 'own'];
    execFileSync('git', ['-C', first.directory, ...own], {
      env: { PATH: process.env['PATH'], HOME: here.place },
    });
    const work = await here.worktrees.look(first);
    expect(work?.head).not.toBe(first.start);
    expect(work?.changes).toMatchObject([{ path: 'a.txt' }]);
  });

  test('goes without its changes where one is a link, or all are too large', async () => {
    const here = stage(FILES);
    const first = await open(here);
    symlinkSync('/etc', join(first.directory, 'link'));
    expect(await here.worktrees.look(first)).toMatchObject({ files: 1, changes: null });
    rmSync(join(first.directory, 'link'));
    here.write(first.directory, { big: 'x'.repeat(1_100_000) });
    expect(await here.worktrees.look(first)).toMatchObject({ files: 1, changes: null });
  });

  test.each<readonly [string, (blob: string) => readonly WorkChange[]]>([
    ['changed meanwhile', (blob) => [put('new', null), put('a.txt', blob.replace(/^./, '0'))]],
    ['there already', () => [put('a.txt', null)]],
    ['outside', () => [put('../out', null)]],
    ['absolute', () => [put('/tmp/out', null)]],
    ["git's own", () => [put('.git/hooks/x', null)]],
    ["git's own on another disk", () => [put('dir/.GIT/config', null)]],
    ['what runs code', () => [put('.claude/settings.json', null)]],
    ['below a link', () => [put('out/planted', null)]],
    ['below a file', () => [put('a.txt/x', null)]],
    ['below another change', () => [put('x', null), put('x/y', null)]],
    ['a folder', () => [put('turns', null)]],
    ['a link', () => [put('out', null)]],
    ['a name that no disk takes', () => [put('x'.repeat(5_000), null)]],
  ])('is not put there where a path is %s', async (_, changes) => {
    const here = stage(FILES);
    symlinkSync(here.place, join(here.project, 'out'));
    here.git('add', 'out');
    here.git('commit', '-qm', 'a link');
    const blob = here.git('rev-parse', 'main:a.txt');
    const { isCarried, directory } = await open(here, false, changes(blob));
    expect(isCarried).toBe(false);
    expect(readFileSync(join(directory, 'a.txt'), 'utf8')).toBe('a\n');
    expect(existsSync(join(directory, 'new'))).toBe(false);
    for (const path of ['planted', 'out']) expect(existsSync(join(here.place, path))).toBe(false);
  });
});
