import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Cli, listOf, startCli } from '../support/cli.ts';

let cli: Cli;
beforeAll(async () => {
  cli = await startCli();
});
afterAll(() => cli.close());

const STEPS = `name: hello
inputs: { who: { type: string, required: true } }
steps:
  a: { model: echo, prompt: "Hi \${{ inputs.who }}" }
  ok: { needs: [a], ask: { title: "Fine?" } }
  b: { needs: [ok], model: echo, prompt: "Again" }`;

function write(name: string, head: string): string {
  const path = join(cli.place, name);
  writeFileSync(path, `---\n${head}\n---\n`);
  return path;
}

async function start(name: string, head: string, more: readonly string[] = []): Promise<string> {
  const { code, data } = await cli.json([
    'workflow',
    'run',
    write(`${name}.md`, `to: workflow\ntype: workflow\n${head}\nchild_channel: ${name}`),
    ...more,
  ]);
  expect(code).toBe(0);
  expect(data['run']).toBe(name);
  return name;
}

const status = async (run: string): Promise<unknown> => (await cli.json(['workflow', 'show', run])).data['status'];

describe('workflow', () => {
  it('lists its commands, helps with each, and suggests what was meant', async () => {
    const help = await cli.run(['workflow']);
    expect(help).toMatchObject({ code: 0 });
    expect(help.stdout).toContain('crosstalkd workflow fork <run>');
    expect((await cli.run(['wf', 'fork', '--help'])).stdout).toContain('--at');
    const wrong = await cli.run(['wf', 'chek']);
    expect(wrong).toMatchObject({ code: 2 });
    expect(wrong.stderr).toContain('did you mean "check"?');
  });

  it('check names file, line and what was meant; plan shows the graph and the worst case', async () => {
    const bad = write('bad.md', STEPS.replace('needs: [a]', 'need: [a]'));
    const checked = await cli.run(['workflow', 'check', bad]);
    expect(checked).toMatchObject({ code: 2 });
    expect(checked.stderr).toContain(`${bad}:6: unknown key "need"`);
    expect(checked.stderr).toContain('did you mean "needs"?');
    expect((await cli.json(['workflow', 'check', bad])).data).toMatchObject({ ok: false });
    const good = write('good.md', STEPS);
    expect(await cli.json(['workflow', 'check', good])).toMatchObject({ code: 0, data: { ok: true, steps: 3 } });
    expect((await cli.run(['workflow', 'check', good], { cwd: cli.place })).code).toBe(0);
    expect((await cli.run(['workflow', 'plan', good])).stdout).toContain('at most 2 agents');
    expect((await cli.json(['workflow', 'plan', good])).data).toMatchObject({ ok: true, agentsMax: 2 });
    const missing = await cli.run(['workflow', 'run', good]);
    expect(missing).toMatchObject({ code: 2 });
    expect(missing.stderr).toContain('the input "who" is missing');
    expect((await cli.run(['workflow', 'run', 'vote-of-fuor'])).stderr).toContain('did you mean "vote-of-four"?');
  });

  it('runs a file to a gate, says why it waits, takes the answer, and shows each task', async () => {
    const run = await start('gated', STEPS, ['-i', 'who=Bob']);
    expect(await status(run)).toBe('queued');
    await cli.answer();
    expect(await status(run)).toBe('waiting-human');
    expect((await cli.run(['workflow', 'why', run])).stdout).toContain(`crosstalkd workflow approve ${run} ok`);
    for (const words of [['why', run], ['status']]) {
      const said = await cli.run(words);
      expect(said.stdout).toContain('"Fine?" waits for ada');
      expect(said.stdout).toContain(`crosstalkd workflow approve ${run} ok`);
    }
    expect(await cli.run(['workflow', 'approve', run, 'ok', '--from', 'eve'])).toMatchObject({ code: 1 });
    expect((await cli.json(['workflow', 'approve', run, '-m', 'go on'])).data).toMatchObject({ ok: true, gate: 'ok', decision: 'approve' });
    await cli.answer();
    const shown = await cli.run(['workflow', 'show', 'gat']);
    expect(shown.stdout).toContain('✓ gated');
    expect(shown.stdout).toMatch(/✓ a +echo@mbp/);
    expect(shown.stdout).toContain('approve: Fine?');
    const first = cli.git(['log', '--format=%H', '--grep', 'fanout a', 'main'], cli.remote);
    expect((await cli.json(['workflow', 'show', run, '--at', first])).data).toMatchObject({ status: 'running' });
    expect(listOf((await cli.json(['workflow', 'list'])).data, 'runs')[0]).toMatchObject({ run, status: 'succeeded' });
    expect((await cli.json(['workflow', 'list', '--open'])).code).toBe(3);
    expect(await cli.run(['workflow', 'pause', run])).toMatchObject({ code: 1 });
    expect(await cli.run(['workflow', 'retry', run])).toMatchObject({ code: 1 });
  });

  it('denies, signals, pauses, resumes, sets a budget, amends and cancels', async () => {
    const head = `name: steer
steps:
  ok: { ask: { title: "Fine?", on-deny: continue } }
  go: { needs: [ok], wait: { event: ready } }
  b: { needs: [go], model: echo, prompt: "before" }`;
    const run = await start('steered', head);
    await cli.answer();
    expect((await cli.run(['workflow', 'deny', run, '-m', 'not yet'])).code).toBe(0);
    for (const words of [
      ['pause', run],
      ['budget', run, '--agents', '7'],
    ])
      expect((await cli.run(['workflow', ...words])).code).toBe(0);
    await cli.answer();
    expect(await status(run)).toBe('paused');
    expect((await cli.run(['workflow', 'why', run])).stdout).toContain(`crosstalkd workflow resume ${run}`);
    expect((await cli.run(['workflow', 'budget', run])).stdout).toContain('limit 7');
    const amended = write('amended.md', head.replace('before', 'after'));
    expect((await cli.run(['workflow', 'resume', run])).code).toBe(0);
    expect((await cli.run(['workflow', 'amend', run, amended])).code).toBe(0);
    expect((await cli.run(['workflow', 'signal', run, 'ready'])).code).toBe(0);
    await cli.answer();
    expect((await cli.json(['workflow', 'show', run])).data['reply']).toContain('after');
    const other = await start('stopped', head);
    await cli.answer();
    expect((await cli.run(['workflow', 'cancel', other])).code).toBe(0);
    await cli.answer();
    expect(await status(other)).toBe('cancelled');
  }, 240_000);

  it('reruns from a step and forks from a commit, taking over what had finished', async () => {
    const run = await start(
      'origin',
      'name: two\nsteps:\n  a: { model: echo, prompt: one }\n  b: { needs: [a], model: echo, prompt: two }',
    );
    await cli.answer();
    for (const words of [
      ['rerun', run, '--from', 'b'],
      ['fork', run, '--from', 'b', '--at', 'HEAD'],
    ]) {
      const again = await cli.json(['workflow', ...words]);
      expect(again).toMatchObject({ code: 0 });
      await cli.answer();
      const { data } = await cli.json(['workflow', 'show', String(again.data['run'])]);
      expect(data).toMatchObject({ status: 'succeeded' });
      expect(listOf(data, 'tasks').map(({ step, isReused }) => [step, isReused])).toEqual([
        ['a', true],
        ['b', false],
      ]);
    }
    expect((await cli.run(['workflow', 'rerun', run, '--from', 'nothing'])).stderr).toContain('steps: a, b');
  });
});

describe('isolate: worktree', () => {
  it('commits and pushes what the agent wrote on a branch of its own, names both in the reply, and leaves no worktree', async () => {
    const [app, bare] = [join(cli.place, 'app'), join(cli.place, 'app.git')];
    const git = (...args: readonly string[]): string => execFileSync('git', args, { cwd: app, env: cli.env }).toString('utf8').trim();
    execFileSync('git', ['init', '-q', '--bare', bare], { env: cli.env });
    mkdirSync(app);
    git('init', '-q');
    git('commit', '-q', '--allow-empty', '-m', 'begin');
    git('remote', 'add', 'origin', bare);
    const config = join(cli.place, 'config');
    writeFileSync(join(config, 'config.yaml'), `alias: mbp\nprojects: { app: ${app} }\n`, { mode: 0o600 });
    const script = join(cli.place, 'coder.mjs');
    writeFileSync(
      script,
      `import { writeFileSync } from 'node:fs';\nwriteFileSync('new.txt', 'work');\nif (process.argv[2] === 'fail') process.exit(3);\nconsole.log('Wrote a file');\n`,
    );
    const entry = (name: string, word: string): string =>
      `  ${name}: { adapter: command, command: [${process.execPath}, ${script}, ${word}], effects: external }\n`;
    writeFileSync(join(config, 'models.yaml'), `models:\n${entry('coder', 'work')}${entry('breaker', 'fail')}`, { mode: 0o600 });
    const ask = (to: string): string => `---\nto: ${to}\nproject: app\nisolate: worktree\nbranch: ct/${to}\n---\nDo it.\n`;
    cli.say({ 'data/channels/code/good.md': ask('coder'), 'data/channels/code/bad.md': ask('breaker') });
    await cli.answer();
    const reply = cli.git(['show', 'main:data/channels/code/good.re.coder.md'], cli.remote);
    expect(reply).toContain('branch: ct/coder');
    const commit = git('ls-remote', bare, 'refs/heads/ct/coder').split('\t')[0] ?? '';
    expect(reply).toContain(`commit: ${commit}`);
    expect(git('show', `${commit}:new.txt`)).toBe('work');
    expect(cli.git(['show', 'main:data/channels/code/bad.re.breaker.md'], cli.remote)).toContain('failed: true');
    expect(git('for-each-ref', '--format=%(refname)', 'refs/heads/ct')).toBe('refs/heads/ct/coder');
    expect(git('worktree', 'list').split('\n')).toHaveLength(1);
    expect(git('status', '--porcelain')).toBe('');
  });
});
