import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WORKFLOW_COMMANDS } from '../../src/cli/commands-workflow.ts';
import { eventually } from '../support/eventually.ts';
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
  ok: { needs: [a], ask: { title: "Fine?", approvers: [ada] } }
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

const status = async (run: string): Promise<unknown> =>
  (await cli.json(['workflow', 'show', run])).data['status'];

describe('workflow', () => {
  it('lists its commands, helps with each, and suggests what was meant', async () => {
    const help = await cli.run(['workflow']);
    expect(help).toMatchObject({ code: 0 });
    expect(help.stdout).toContain('crosstalkd workflow fork <run>');
    expect((await cli.runProgram(['wf', 'fork', '--help'])).stdout).toContain('--at');
    const wrong = await cli.run(['wf', 'chek']);
    expect(wrong).toMatchObject({ code: 2 });
    expect(wrong.stderr).toContain('did you mean "check"?');
  });

  it('check names file, line and what was meant; plan shows the graph and the worst case', async () => {
    const bad = write('bad.md', STEPS.replace('needs: [a]', 'need: [a]'));
    const checked = await cli.run(['workflow', 'check', bad]);
    expect(checked).toMatchObject({ code: 2 });
    expect(checked.stderr).toContain(`${bad}:6:9: unknown key "need"`);
    expect(checked.stderr).toContain('did you mean "needs"?');
    expect((await cli.json(['workflow', 'check', bad])).data).toMatchObject({ ok: false });
    const good = write('good.md', STEPS);
    expect(await cli.json(['workflow', 'check', good])).toMatchObject({
      code: 0,
      data: { ok: true, steps: 3 },
    });
    expect((await cli.run(['workflow', 'check', good], { cwd: cli.place })).code).toBe(0);
    expect((await cli.run(['workflow', 'plan', good])).stdout).toContain('at most 2 agents');
    expect((await cli.json(['workflow', 'plan', good])).data).toMatchObject({
      ok: true,
      agents_max: 2,
    });
    const bare = join(cli.place, 'bare.yaml');
    writeFileSync(bare, 'name: bare\nsteps:\n  a: { prompt: "x" }\n');
    const unread = (await cli.run(['workflow', 'check', bare])).stderr;
    expect(unread).toContain(`${bare}:2:1: "steps:" is not in front matter`);
    const missing = await cli.run(['workflow', 'run', good]);
    expect(missing).toMatchObject({ code: 2 });
    expect(missing.stderr).toContain('the input "who" is missing');
    expect(missing.stderr).toContain('good.md -i who=VALUE');
    expect((await cli.run(['workflow', 'run', 'vote-of-fuor'])).stderr).toContain(
      'did you mean "vote-of-four"?',
    );
  });

  it('runs a file to a gate, says why it waits, takes the answer, and shows each task', async () => {
    const run = await start('gated', STEPS, ['-i', 'who=Bob']);
    expect(await status(run)).toBe('queued');
    const before = await cli.run(['status']);
    expect(before.stdout).toContain(`${run}: no host has opened it yet\n  crosstalkd run`);
    await cli.answer();
    expect(await status(run)).toBe('waiting-human');
    expect((await cli.run(['workflow', 'why', run])).stdout).toContain(
      `crosstalkd workflow approve ${run} ok`,
    );
    for (const words of [['why', run], ['status']]) {
      const said = await cli.run(words);
      expect(said.stdout).toContain('"Fine?" waits for ada');
      expect(said.stdout).toContain(`crosstalkd workflow approve ${run} ok`);
    }
    expect((await cli.run(['workflow', 'list'])).stdout).toContain('needs a person');
    const { stdout: tree } = await cli.run(['thread', run]);
    expect(tree).toMatch(/→ workflow: [^]*└ [^\n]*gated\/steps[^]*gates\/ok\/ask/);
    // Its tasks are one line of log, unless they are asked for.
    const said = (await cli.run(['log'])).stdout;
    expect(said).toMatch(/→ workflow .* \(gated: 1 task\) +open\n/);
    expect((await cli.run(['log', '-n', '1'])).stdout).toMatch(/ \(gated: 1 task\) +open\n/);
    expect(tree).toMatch(/gates\/ok\/ask .*\[open\]\n/);
    expect((await cli.run(['log', 'gat'])).stdout).toContain('gates/ok/ask');
    expect(said).not.toContain('gated/steps');
    for (const words of [
      ['log', '--all'],
      ['log', 'gated'],
    ])
      expect((await cli.run(words)).stdout).toContain('gated/steps');
    // A run that waits for people is told as what needs them, and nowhere else.
    const standing = (await cli.run(['status'])).stdout;
    expect(standing).not.toMatch(/^Runs/m);
    expect(standing).not.toContain('its run shows where it stands');
    expect(await cli.run(['workflow', 'approve', run, 'ok', '--from', 'eve'])).toMatchObject({
      code: 1,
    });
    expect((await cli.json(['workflow', 'approve', run, '-m', 'continue'])).data).toMatchObject({
      ok: true,
      gate: 'ok',
      decision: 'approve',
    });
    await cli.answer();
    const shown = await cli.run(['workflow', 'show', 'gat']);
    expect(shown.stdout).toContain('✓ gated');
    expect(shown.stdout).toMatch(/✓ a +echo@mbp/);
    expect(shown.stdout).toContain('approve by ada: Fine?');
    expect(shown.stdout).toMatch(/answer: crosstalkd show \S+\.re\.workflow/);
    expect(cli.git(['log', '--format=%s', '--author=Ada', '-1', 'main'], cli.remote)).toBe(
      'ada → gate ok of gated: approve, continue',
    );
    const first = cli.git(['log', '--format=%H', '--grep', 'fanout a', 'main'], cli.remote);
    expect((await cli.json(['workflow', 'show', run, '--at', first])).data).toMatchObject({
      status: 'running',
    });
    expect(listOf((await cli.json(['workflow', 'list'])).data, 'runs')[0]).toMatchObject({
      run,
      status: 'succeeded',
    });
    expect((await cli.json(['workflow', 'list', '--open'])).code).toBe(3);
    expect(await cli.run(['workflow', 'pause', run])).toMatchObject({ code: 1 });
    expect(await cli.run(['workflow', 'retry', run])).toMatchObject({ code: 1 });
  });

  it('refuses an answer that a gate does not take, counts each person once, and says which answers do not count', async () => {
    const run = 'asked';
    const file = write(
      'asked.md',
      `to: workflow
type: workflow
name: asked
child_channel: asked
steps:
  where: { ask: { title: "Where?", kind: choose, choices: [blog, mail] } }
  size: { ask: { title: "How many?", kind: input, schema: { type: object, required: [n] } } }
  both: { ask: { title: "Both?", approvers: [bob, eve], quorum: 2 } }`,
    );
    const following = cli.start(['workflow', 'run', file, '--wait', '90s']);
    await eventually(
      () => status(run),
      (now) => now === 'queued',
    );
    await cli.answer();
    // Anyone who follows the run is given each answer as it has to be typed.
    await following.until(
      `waits for a person: crosstalkd workflow approve ${run} where --choice blog   (or: crosstalkd workflow approve ${run} where --choice mail)`,
    );
    await following.until(`waits for a person: crosstalkd workflow approve ${run} size -m ANSWER`);
    const choose = (choice: string): readonly string[] =>
      `crosstalkd workflow approve ${run} where --choice ${choice}`.split(' ');
    for (const name of [`${run}/gates/where`, `data/channels/${run}/gates/where/ask.md`])
      expect((await cli.json(['why', name])).data, name).toMatchObject({
        kind: 'gate',
        parts: [{ kind: 'gate', fix: { command: choose('blog'), or: [choose('mail')] } }],
      });
    expect((await cli.json(['why', 'aske'])).data).toMatchObject({ kind: 'run' });
    const answer = (...words: readonly string[]) => cli.run(['workflow', ...words]);
    expect((await answer('approve', run, 'where', '-m', 'nowhere')).stderr).toContain(
      'takes one of blog, mail; found "nowhere"',
    );
    expect((await answer('deny', run, 'where')).stderr).toContain(
      'takes one of blog, mail; found a no',
    );
    expect(
      (await answer('approve', run, 'both', '--choice', 'blog', '--from', 'bob')).stderr,
    ).toContain('has no choices');
    expect((await answer('approve', run, 'size', '-m', 'many')).stderr).toContain(
      'it contains no JSON',
    );
    expect((await answer('approve', run)).stderr).toContain('3 open gates: where, size, both');
    for (const time of [1, 2])
      expect(
        (await answer('approve', run, 'both', '--from', 'bob')).stdout,
        String(time),
      ).toContain('1 more has to agree: eve');
    cli.say({ [`data/channels/${run}/gates/both/deny`]: '' });
    expect((await answer('why', run)).stdout).toMatch(
      /waits for eve \(1 of 2\); the answer of \S+ does not count: \S+ is not among bob, eve/,
    );
    expect((await answer('why', run)).stdout).toContain(
      ['blog', 'mail'].map((choice) => `    ${choose(choice).join(' ')}\n`).join(''),
    );
    expect((await answer('approve', run, 'where', '-m', 'Blog')).code).toBe(0);
    expect((await answer('approve', run, 'size', '-m', '{"n": 3}')).code).toBe(0);
    expect((await answer('approve', run, 'both', '--from', 'eve')).stdout).not.toContain('more');
    await cli.answer();
    expect(await status(run)).toBe('succeeded');
    await following.until('done: ');
    expect((await following.stop()).stderr).toContain('ask ada (where)');
    expect((await cli.run(['why', `${run}/gates/where`])).stdout).toContain(
      'is decided: blog by ada',
    );
  });

  it('names a place in a group by the run that has it, and what has a name in every run by its run as well', async () => {
    const head =
      'concurrency: { group: turns }\nsteps:\n  a: { model: echo, prompt: "x" }\n  go: { wait: { event: go } }';
    for (const name of ['first', 'second']) await start(name, head);
    await cli.answer();
    expect((await cli.json(['workflow', 'why', 'second'])).data).toMatchObject({
      status: 'queued',
      blocked_by: [
        {
          kind: 'group-full',
          says: 'the group "turns" is full: it waits for first to end',
          fix: { command: ['crosstalkd', 'workflow', 'why', 'first'] },
        },
      ],
    });
    const { data } = await cli.json(['show', 'first/steps/a/one/task']);
    expect(data).toMatchObject({
      message: { id: 'first/steps/a/one/task', path: 'data/channels/first/steps/a/one/task.md' },
    });
    // The run "gated" has one of that name, too.
    expect((await cli.run(['show', 'steps/a/one/task'])).stderr).toContain('matches 2 messages');
    for (const name of ['first', 'second']) await cli.run(['workflow', 'cancel', name]);
  });

  it('shows a group by item and pass, and why a run failed with the command that continues', async () => {
    const run = await start(
      'grouped',
      `name: grouped
steps:
  part:
    each: [{ id: one-half }, { id: other }]
    repeat: { until: "\${{ loop.n == 2 && item.id == 'other' }}", max: 2 }
    steps: { say: { model: echo, prompt: "\${{ item.id }}" } }`,
    );
    await cli.answer();
    const shown = (await cli.run(['workflow', 'show', run])).stdout;
    expect(shown).toMatch(
      /▸ one-half\n {2}✓ say[^]*▸ one-half, pass 2\n[^]*▸ other\n[^]*▸ other, pass 2\n/,
    );
    const steps = listOf((await cli.json(['workflow', 'show', run])).data, 'steps');
    expect(steps.map((step) => listOf(step, 'tasks').length)).toEqual([0, 1, 1, 1, 1]);
    const why = (await cli.run(['workflow', 'why', run])).stdout;
    expect(why).toContain('is over: failed\n  part: 1 of 2 items failed (one-half)');
    expect(why).toContain('crosstalkd workflow retry grouped');
    expect((await cli.run(['status'])).stdout).toMatch(
      /run grouped: failed .* ago: workflow: part: .*\n {2}crosstalkd workflow retry grouped\n/,
    );
    const { data } = await cli.json(['workflow', 'retry', run]);
    const again = String(data['run']);
    expect(again).not.toBe(run);
    for (const words of [
      ['why', run],
      ['workflow', 'why', run],
    ]) {
      const told = (await cli.run(words)).stdout;
      expect(told).toContain(`was asked again by ${again}\n    crosstalkd why ${again}\n`);
      expect(told).not.toContain('workflow retry');
    }
    expect((await cli.run(['workflow', 'retry', run])).stderr).toContain('asked again already');
    await cli.run(['workflow', 'cancel', again]);
  });

  it('denies, signals, pauses, resumes, sets a budget, amends and cancels', async () => {
    const head = `name: steer
steps:
  ok: { ask: { title: "Fine?", on-deny: continue } }
  go: { needs: [ok], wait: { event: ready } }
  b: { needs: [go], model: echo, prompt: "before" }`;
    const run = await start('steered', head);
    await cli.answer();
    const asked = (await cli.json(['thread', 'steer'])).data;
    expect(asked).toMatchObject({ messages: [{ to: ['workflow'] }, {}] });
    expect((await cli.run(['workflow', 'deny', run, '-m', 'not yet'])).code).toBe(0);
    for (const words of [
      ['pause', run],
      ['budget', run, '--agents', '7'],
    ])
      expect((await cli.run(['workflow', ...words])).code).toBe(0);
    await cli.answer();
    expect(await status(run)).toBe('paused');
    expect((await cli.run(['workflow', 'why', run])).stdout).toContain(
      `crosstalkd workflow resume ${run}`,
    );
    expect((await cli.run(['workflow', 'budget', run])).stdout).toContain('limit 7');
    const amended = write('amended.md', head.replace('before', 'after'));
    expect((await cli.run(['workflow', 'resume', run])).code).toBe(0);
    expect((await cli.run(['workflow', 'amend', run, amended])).code).toBe(0);
    expect(await cli.run(['workflow', 'signal', run, 'ready'])).toMatchObject({
      code: 0,
      stderr: '',
    });
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
      expect(listOf(data, 'tasks').map(({ step, is_reused }) => [step, is_reused])).toEqual([
        ['a', true],
        ['b', false],
      ]);
    }
    expect((await cli.run(['workflow', 'rerun', run, '--from', 'nothing'])).stderr).toContain(
      'steps: a, b',
    );
    // From an old commit: what had finished there is taken over, what finished later is not.
    const old = cli.git(
      [
        'log',
        '--format=%H',
        '--all-match',
        '--grep',
        `^Crosstalk-Run: ${run}`,
        '--grep',
        '^Crosstalk-Transition: fanout b',
        'main',
      ],
      cli.remote,
    );
    expect((await cli.json(['workflow', 'show', run, '--at', old])).data).toMatchObject({
      at: old,
      status: 'running',
      counts: { succeeded: 1, open: 1 },
    });
    const fork = await cli.json(['workflow', 'fork', run, '--at', old]);
    expect(fork).toMatchObject({ code: 0 });
    await cli.answer();
    const forked = (await cli.json(['workflow', 'show', String(fork.data['run'])])).data;
    expect(listOf(forked, 'tasks').map(({ step, is_reused }) => [step, is_reused])).toEqual([
      ['a', true],
      ['b', false],
    ]);
  });

  it('runs again with an edited plan only what depends on the edit', async () => {
    const head = (prompt: string): string => `name: edited
model: echo
steps:
  a: { prompt: one }
  b: { needs: [a], prompt: ${prompt} }
  c: { needs: [a], prompt: three }
  d: { needs: [b], prompt: "after \${{ steps.b.text }}" }
  e: { needs: [c], prompt: "after \${{ steps.c.text }}" }`;
    const run = await start('before', head('two'));
    await cli.answer();
    const again = await cli.json([
      'workflow',
      'fork',
      run,
      '--file',
      write('after.md', head('another')),
    ]);
    expect(again).toMatchObject({ code: 0 });
    await cli.answer();
    const { data } = await cli.json(['workflow', 'show', String(again.data['run'])]);
    expect(data).toMatchObject({ status: 'succeeded' });
    const reused = new Map(listOf(data, 'tasks').map(({ step, is_reused }) => [step, is_reused]));
    expect(Object.fromEntries(reused)).toEqual({ a: true, b: false, c: true, d: false, e: true });
  });
});

describe('every workflow command', () => {
  it('answers --json with one object that says ok and health', async () => {
    const head = `name: all
steps:
  one: { ask: { title: "One?" } }
  two: { ask: { title: "Two?", on-deny: continue } }
  go: { needs: [one, two], wait: { event: ready } }
  b: { needs: [go], model: echo, prompt: "before" }`;
    const file = write('all.md', `to: workflow\ntype: workflow\n${head}\nchild_channel: all`);
    const edited = write('edited.md', head.replace('before', 'after'));
    const asked: readonly (readonly string[])[] = [
      ['check', file],
      ['plan', file],
      ['run', file],
      ['list'],
      ['show', 'all'],
      ['why', 'all'],
      ['approve', 'all', 'one'],
      ['deny', 'all', 'two', '-m', 'no'],
      ['pause', 'all'],
      ['resume', 'all'],
      ['signal', 'all', 'early'],
      ['budget', 'all', '--agents', '9'],
      ['amend', 'all', edited],
      ['retry', 'all'],
      ['fork', 'all'],
      ['cancel', 'all'],
      ['rerun', 'all', '--file', edited],
    ];
    // It asks an agent and waits for it.
    const names = WORKFLOW_COMMANDS.flatMap(({ subcommands = [] }) => subcommands).flatMap(
      ({ name }) => (name === 'workflow compile' ? [] : [name.replace('workflow ', '')]),
    );
    expect(asked.map(([name]) => name).sort()).toEqual([...names].sort());
    for (const words of asked) {
      if (['approve', 'rerun'].includes(words[0] ?? '')) await cli.answer();
      const { code, data } = await cli.json(['workflow', ...words]);
      expect(data, words.join(' ')).toMatchObject({
        ok: true,
        health: expect.stringMatching(/^good$|^degraded$/) as string,
      });
      expect(code, words.join(' ')).toBe(0);
      if (!['check', 'plan', 'list'].includes(words[0] ?? ''))
        expect(String(data['run']), words.join(' ')).toMatch(/^all/);
    }
    await cli.answer();
    expect((await cli.json(['workflow', 'show', 'all', '--at', 'HEAD~1'])).data).toMatchObject({
      ok: true,
      run: 'all',
    });
    expect(await cli.json(['workflow', 'show', 'nothing-like-it'])).toMatchObject({
      code: 3,
      data: { ok: false },
    });
    expect(await cli.json(['workflow', 'show', 'all', '--at', 'nowhere'])).toMatchObject({
      code: 3,
      data: { ok: false },
    });
  }, 240_000);
});

interface Original {
  readonly run: string;
  /** The path of its marker, without the ending. */
  readonly stem: string;
  readonly files: ReadonlyMap<string, string>;
}

/** The files of a run and of its marker. */
function filesOf(run: string): Original {
  const text = (path: string): string => `${cli.git(['show', `main:${path}`], cli.remote)}\n`;
  const { marker } = JSON.parse(text(`data/channels/${run}/RUN.json`)) as { marker: string };
  const stem = marker.slice(0, -3);
  const folders = [`data/channels/${run}/`, marker.replace(/[^/]+$/, '')];
  const paths = cli
    .git(['ls-tree', '-r', '--name-only', 'main', ...folders], cli.remote)
    .split('\n')
    .filter((path) => path.startsWith(`data/channels/${run}/`) || path.startsWith(stem));
  return { run, stem, files: new Map(paths.map((path) => [path, text(path)])) };
}

/** The same under another name. */
function copyOf({ run, stem, files }: Original, name: string): Readonly<Record<string, string>> {
  const rename = (text: string): string =>
    text.replaceAll(stem, stem.replace(/[^/]+$/, name)).replaceAll(run, name);
  return Object.fromEntries([...files].map(([path, text]) => [rename(path), rename(text)]));
}

/** One commit for each set of files, as the engine leaves them. */
function importCommits(sets: readonly Readonly<Record<string, string>>[]): void {
  const data = (text: string): string => `data ${Buffer.byteLength(text)}\n${text}\n`;
  const commits = sets.map((files, index) => {
    const run =
      /^data\/channels\/([^/]+)\/RUN\.json$/m.exec(Object.keys(files).join('\n'))?.[1] ?? '';
    const writes = Object.entries(files).map(
      ([path, text]) => `M 100644 inline ${path}\n${data(text)}`,
    );
    const from = index === 0 ? 'from refs/heads/main^0\n' : '';
    return `commit refs/heads/main\ncommitter workflow <workflow@crosstalk> ${1_795_000_000 + index} +0000\n${data(`workflow ${run}: route\n\nCrosstalk-Run: ${run}\n`)}${from}${writes.join('')}`;
  });
  execFileSync('git', ['fast-import', '--quiet'], {
    cwd: cli.remote,
    env: cli.env,
    input: commits.join('\n'),
  });
}

describe('isolate: worktree', () => {
  it('commits and pushes what the agent wrote on its own branch, names both in the reply, and leaves no worktree', async () => {
    const [app, bare] = [join(cli.place, 'app'), join(cli.place, 'app.git')];
    const git = (...args: readonly string[]): string =>
      execFileSync('git', args, { cwd: app, env: cli.env }).toString('utf8').trim();
    execFileSync('git', ['init', '-q', '--bare', bare], { env: cli.env });
    mkdirSync(app);
    git('init', '-q');
    git('commit', '-q', '--allow-empty', '-m', 'begin');
    git('remote', 'add', 'origin', bare);
    const config = join(cli.place, 'config');
    writeFileSync(join(config, 'config.yaml'), `alias: mbp\nprojects: { app: ${app} }\n`, {
      mode: 0o600,
    });
    const script = join(cli.place, 'coder.mjs');
    writeFileSync(
      script,
      `import { writeFileSync } from 'node:fs';\nwriteFileSync('new.txt', 'work');\nif (process.argv[2] === 'fail') process.exit(3);\nconsole.log('Wrote a file');\n`,
    );
    const entry = (name: string, word: string): string =>
      `  ${name}: { adapter: command, command: [${process.execPath}, ${script}, ${word}], effects: external }\n`;
    writeFileSync(
      join(config, 'models.yaml'),
      `models:\n${entry('coder', 'work')}${entry('breaker', 'fail')}`,
      { mode: 0o600 },
    );
    const ask = (to: string): string =>
      `---\nto: ${to}\nproject: app\nisolate: worktree\nbranch: ct/${to}\n---\nDo it.\n`;
    cli.say({
      'data/channels/code/good.md': ask('coder'),
      'data/channels/code/bad.md': ask('breaker'),
    });
    await cli.answer();
    const reply = cli.git(['show', 'main:data/channels/code/good.re.coder.md'], cli.remote);
    expect(reply).toContain('branch: ct/coder');
    const commit = git('ls-remote', bare, 'refs/heads/ct/coder').split('\t')[0] ?? '';
    expect(reply).toContain(`commit: ${commit}`);
    expect(git('show', `${commit}:new.txt`)).toBe('work');
    expect(cli.git(['show', 'main:data/channels/code/bad.re.breaker.md'], cli.remote)).toContain(
      'failed: true',
    );
    expect(git('for-each-ref', '--format=%(refname)', 'refs/heads/ct')).toBe('refs/heads/ct/coder');
    expect(git('worktree', 'list').split('\n')).toHaveLength(1);
    expect(git('status', '--porcelain')).toBe('');
  });
});

// Its run stays as it is.
it('names what stands where an answer belongs, and what to do, when nobody can answer a task', async () => {
  const run = await start('blocked', STEPS.replace('name: hello', 'name: blocked'), [
    '-i',
    'who=Bob',
  ]);
  await cli.answer();
  const reply = `data/channels/${run}/steps/b/one/task.re.echo.md`;
  cli.say({ [`${reply}/notes.txt`]: 'a folder' });
  expect((await cli.run(['workflow', 'approve', run, 'ok', '--from', 'ada'])).code).toBe(0);
  await cli.answer();
  for (const words of [
    ['workflow', 'why', run],
    ['why', run],
    ['why', reply.replace('.re.echo', '')],
  ]) {
    const { stdout } = await cli.run(words);
    expect(stdout).toContain(`a folder stands where the answer belongs (${reply})`);
    expect(stdout).toContain(`git rm -r ${reply}`);
  }
});

it.each([
  ['cannot be read any more', '---\nto: workflow\npriority: high\n---\n'],
  ['is no marker any more', 'just words\n'],
])('shows a run whose marker %s, and takes the answer to its gate', async (what, text) => {
  const run = await start(`kept-${what.slice(0, 2)}`, STEPS, ['-i', 'who=Bob']);
  await cli.answer();
  const { marker } = (await cli.json(['workflow', 'show', run])).data;
  cli.say({ [marker as string]: text });
  expect(await status(run)).toBe('waiting-human');
  for (const words of [
    ['workflow', 'why', run],
    ['why', run],
    ['status', '--all'],
  ]) {
    const { stdout } = await cli.run(words);
    expect(stdout).toContain(`crosstalkd workflow approve ${run} ok`);
    expect(stdout).toContain('its marker was edited since it began');
  }
  expect((await cli.run(['workflow', 'list', '--open'])).stdout).toContain(run);
  expect((await cli.run(['workflow', 'approve', run, 'ok', '--from', 'ada'])).code).toBe(0);
  await cli.answer();
  expect(await status(run)).toBe('succeeded');
});

// The last of all: every command that comes later would read hundreds of runs.
it('finds its way among hundreds of runs: the newest are listed, the open ones first, and any is shown', async () => {
  await cli.answer();
  const before = listOf(
    (await cli.json(['workflow', 'list', '--open', '-n', '500'])).data,
    'runs',
  ).length;
  const ended = await start('pattern', 'name: pattern\nsteps:\n  a: { model: echo, prompt: one }');
  const open = await start('waiting', 'name: waiting\nsteps:\n  ok: { ask: { title: "Fine?" } }');
  await cli.answer();
  const copies = (run: string, count: number) => {
    const original = filesOf(run);
    return Array.from({ length: count }, (_, index) =>
      copyOf(original, `${run}-${String(index + 1).padStart(3, '0')}`),
    );
  };
  importCommits([...copies(ended, 250), ...copies(open, 60)]);
  const all = listOf((await cli.json(['workflow', 'list'])).data, 'runs');
  expect(all).toHaveLength(20);
  expect(new Set(all.map(({ status: is }) => is))).toEqual(new Set(['waiting-human']));
  expect(
    listOf((await cli.json(['workflow', 'list', '--open', '-n', '500'])).data, 'runs').map(
      ({ run }) => run,
    ),
  ).toHaveLength(before + 61);
  const many = listOf((await cli.json(['workflow', 'list', '-n', '300'])).data, 'runs');
  expect(many).toHaveLength(300);
  expect(many[before + 61]).toMatchObject({
    run: 'pattern-250',
    status: 'succeeded',
    counts: { succeeded: 1 },
  });
  expect((await cli.json(['workflow', 'show', 'pattern-007'])).data).toMatchObject({
    status: 'succeeded',
  });
  expect((await cli.run(['workflow', 'show', 'pattern-0'])).stderr).toContain('matches 99 runs');
}, 240_000);
