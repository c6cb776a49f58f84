import { Buffer } from 'node:buffer';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createLog, type LogRecord } from '../../src/base/log.ts';
import { NO_USAGE, type Adapter, type Invocation } from '../../src/agents/adapter.ts';
import { ADAPTERS } from '../../src/agents/adapters.ts';
import { failureFrom } from '../../src/agents/failure-signs.ts';
import type { AgentsParts } from '../../src/agents/run-agents.ts';
import { command } from '../../src/agents/command.ts';
import { entryOf, running, useAttempts } from '../support/agents/attempts.ts';

const { attempt, run, operatorEnv, makeDirectory } = useAttempts();

const fixtureEntry = (name: string, more: Record<string, unknown> = {}) =>
  entryOf({ command: running(name), ...more });

describe('a command answers', () => {
  test('with what it writes when it gets the prompt on stdin', async () => {
    expect(
      await run(attempt(fixtureEntry('echo'), { prompt: 'Message from maintainer:\n  grüße\n\n' })),
    ).toEqual({
      kind: 'answered',
      text: 'Message from maintainer:\n  grüße',
      session: null,
      usage: NO_USAGE,
      agent: null,
      durationMs: expect.any(Number) as number,
    });
  });

  test('with a persona before the prompt', async () => {
    expect(
      await run(attempt(fixtureEntry('echo'), { persona: 'You are terse.\n', prompt: 'hi' })),
    ).toMatchObject({
      text: 'You are terse.\n\nhi',
    });
  });

  test('although it has closed its stdin', async () => {
    expect(
      await run(attempt(fixtureEntry('closes-stdin'), { prompt: 'x'.repeat(500_000) })),
    ).toMatchObject({ text: 'I never listen' });
  });

  test('in clean text, without colours, overrides and NULs', async () => {
    expect(await run(attempt(fixtureEntry('ansi')))).toMatchObject({
      text: 'red and linked\nleftright end',
    });
  });

  test('with characters whole although they came byte by byte', async () => {
    expect(await run(attempt(fixtureEntry('split-utf8')))).toMatchObject({ text: 'grüße 🦊' });
  });

  test('with a line of dashes and field names as they are', async () => {
    const prompt = 'before\n---\nre: x\nto: all\n---\nafter';
    expect(await run(attempt(fixtureEntry('echo'), { prompt }))).toMatchObject({ text: prompt });
  });

  test('through a wrapper in front of it', async () => {
    const entry = fixtureEntry('prints-env', { wrapper: ['env', 'WRAPPED=yes'] });
    const outcome = await run(attempt(entry));
    expect(outcome.kind === 'answered' && JSON.parse(outcome.text)).toMatchObject({
      env: { WRAPPED: 'yes' },
    });
  });

  test('while its lines are shown as they come, clean', async () => {
    const shown: string[] = [];
    await run(attempt(fixtureEntry('ansi'), { onOutput: (text) => shown.push(text) }));
    expect(shown).toEqual(['red and linked\n', 'leftright end\n']);
  });

  test('and what a program writes to stderr is shown to those who watch, and is not its answer', async () => {
    const shown: string[] = [];
    const entry = entryOf({
      command: ['sh', '-c', 'echo "step 1" >&2; echo answer; printf "no end $TEST_TOKEN" >&2'],
      env: ['TEST_TOKEN'],
    });
    const outcome = await run(attempt(entry, { onOutput: (text) => shown.push(text) }), {
      operatorEnv: { PATH: process.env['PATH'], TEST_TOKEN: 'sk-0123456789abcdef' },
    });
    expect(outcome).toMatchObject({ kind: 'answered', text: 'answer' });
    expect(shown.join('')).toContain('step 1\n');
    expect(shown.join('')).toContain('no end ');
    expect(shown.join('')).not.toContain('sk-0123456789abcdef');
  });

  test('although somebody who watches fails', async () => {
    const onOutput = (): void => {
      throw new Error('page closed');
    };
    expect(await run(attempt(fixtureEntry('echo'), { onOutput }))).toMatchObject({
      kind: 'answered',
    });
  });
});

describe('a command runs', () => {
  const seen = async (...args: Parameters<typeof attempt>) => {
    const outcome = await run(attempt(...args), { operatorEnv: { ...operatorEnv, HOME: home } });
    if (outcome.kind !== 'answered') throw new Error(JSON.stringify(outcome));
    return JSON.parse(outcome.text) as { env: Record<string, string>; cwd: string; args: string[] };
  };
  let home = '';

  test('with the environment of the allow-list, its own TMPDIR, the marker and what the dispatcher adds', async () => {
    const request = attempt(fixtureEntry('prints-env', { env: ['MY_KEY'] }), {
      extraEnv: { CROSSTALK_HOPS: '2' },
    });
    const outcome = await run(request, {
      operatorEnv: { ...operatorEnv, MY_KEY: 'k1', OTHER_KEY: 'k2' },
    });
    const { env } = JSON.parse(outcome.kind === 'answered' ? outcome.text : '{}') as {
      env: Record<string, string>;
    };
    expect(Object.keys(env).sort()).toEqual([
      'CROSSTALK_HOPS',
      'CROSSTALK_OUTPUT',
      'CROSSTALK_RUN',
      'CROSSTALK_USAGE',
      'HOME',
      'LANG',
      'MY_KEY',
      'NO_COLOR',
      'PATH',
      'TERM',
      'TMPDIR',
    ]);
    expect(env).toMatchObject({
      CROSSTALK_RUN: request.attemptId,
      TMPDIR: join(request.directory, '.tmp'),
    });
    expect(readdirSync(request.directory)).toEqual([]);
  });

  test("in the attempt's directory, or in the entry's own below HOME", async () => {
    home = makeDirectory();
    mkdirSync(join(home, 'project'));
    const directory = makeDirectory();
    expect((await seen(fixtureEntry('prints-env'), { directory })).cwd).toBe(directory);
    expect((await seen(fixtureEntry('prints-env', { cwd: '~/project' }))).cwd).toBe(
      join(home, 'project'),
    );
  });

  test('with exactly its own arguments, whatever the message says', async () => {
    const entry = entryOf({ command: [...running('prints-env'), '--fixed', '{prompt} $HOME'] });
    expect((await seen(entry, { prompt: '--help; $(touch x)' })).args).toEqual([
      '--fixed',
      '{prompt} $HOME',
    ]);
  });
});

describe('a command fails', () => {
  test.each([
    ['75', 'unavailable'],
    ['77', 'auth'],
    // A script may have acted before the line that failed: "missing" would let a fallback act
    // again.
    ['126', 'setup'],
    ['127', 'setup'],
    ['3', 'crash'],
    ['1', 'crash'],
  ])('with status %s as %s, and says what it said last, without secrets', async (status, kind) => {
    const entry = entryOf({ command: running('fails', status) });
    expect(await run(attempt(entry))).toMatchObject({
      kind: 'failed',
      class: kind,
      detail: `exit status ${status}: starting up · warning: nothing to see · https://[redacted]@example.org/repo refused`,
      resetAtMs: null,
    });
  });

  test('as empty when it ends well and says nothing that can be seen', async () => {
    expect(await run(attempt(fixtureEntry('silent')))).toMatchObject({
      kind: 'failed',
      class: 'empty',
    });
    expect(
      await run(attempt(entryOf({ command: ['printf', '\\033[0m \\n\\342\\200\\213'] }))),
    ).toMatchObject({ class: 'empty' });
  });

  test('as invalid when it writes a picture, whose bytes are kept', async () => {
    const outcome = await run(attempt(fixtureEntry('binary')));
    expect(outcome).toMatchObject({
      class: 'invalid',
      detail: '33 bytes of output that are not text: it looks like a PNG image',
    });
    expect(outcome.kind === 'failed' && outcome.rawOutput?.length).toBe(33);
  });

  test('as too large when it floods, and the beginning is kept', async () => {
    const outcome = await run(attempt(fixtureEntry('floods', { 'output-bytes-max': 10_000 })));
    expect(outcome).toMatchObject({
      class: 'too-large',
      detail: 'more output than 10000 bytes, ended ("output-bytes-max")',
    });
    expect(outcome.kind === 'failed' && Buffer.from(outcome.rawOutput ?? []).toString()).toMatch(
      /^(flood\n)+/,
    );
  });

  test('as timeout or idle when its time is up', async () => {
    expect(await run(attempt(fixtureEntry('forever', { timeout: '300ms' })))).toMatchObject({
      class: 'timeout',
      detail: 'no answer within 300ms, ended ("timeout")',
    });
    expect(
      await run(
        attempt(
          entryOf({
            command: ['sh', '-c', 'echo thinking >&2; sleep 60'],
            'idle-timeout': '200ms',
          }),
        ),
      ),
    ).toMatchObject({
      class: 'idle',
      detail: 'no output for 200ms, ended ("idle-timeout"); it said last: thinking',
    });
  });

  test('as missing when there is no such program or it is not executable', async () => {
    expect(await run(attempt(entryOf({ command: ['no-such-agent'] })))).toMatchObject({
      class: 'missing',
    });
    expect(await run(attempt(entryOf({ command: [makeDirectory()] })))).toMatchObject({
      class: 'missing',
    });
  });

  test('as crash when a signal ends it', async () => {
    expect(
      await run(attempt(entryOf({ command: ['sh', '-c', 'echo half; kill -SEGV $$'] }))),
    ).toMatchObject({
      class: 'crash',
      detail: 'ended by SIGSEGV',
    });
  });
});

describe('an entry that cannot be run is a setup failure that says why', () => {
  test.each([
    ['an unknown adapter', { adapter: 'clod' }, /unknown adapter "clod"; known are command/],
    ['the name of a property of all objects', { adapter: 'constructor' }, /unknown adapter/],
    [
      'a directory that is not there',
      { command: ['cat'], cwd: '/no/such/place' },
      /\/no\/such\/place \("cwd" of "tested"\) does not exist/,
    ],
    [
      'an unknown option',
      { command: ['cat'], options: { speed: 1 } },
      /unknown option "speed" for "adapter: command"/,
    ],
    [
      'a model that would be an option',
      { command: ['cat'], model: '--dangerous' },
      /would be taken for an option/,
    ],
    [
      'an unknown mode',
      { command: ['cat'], options: { mode: 'chat' } },
      /"mode" must be one of write/,
    ],
    [
      'a mode that may change things with effects none',
      { command: ['cat'], effects: 'none', options: { mode: 'write' } },
      /needs "effects: external"/,
    ],
  ])('%s', async (_, written, why) => {
    expect(await run(attempt(entryOf(written)))).toMatchObject({
      kind: 'failed',
      class: 'setup',
      detail: expect.stringMatching(why) as string,
    });
  });
});

describe('stopping an attempt', () => {
  test('ends everything it started and keeps what it had said', async () => {
    const stop = new AbortController();
    const request = attempt(fixtureEntry('forever'), {
      signal: stop.signal,
      onOutput: () => stop.abort(),
    });
    expect(await run(request)).toEqual({
      kind: 'stopped',
      textSoFar: expect.stringMatching(/^working\n/) as string,
      durationMs: expect.any(Number) as number,
    });
  });

  test('before it started is a stop as well', async () => {
    expect(await run(attempt(fixtureEntry('echo'), { signal: AbortSignal.abort() }))).toMatchObject(
      { kind: 'stopped', textSoFar: '' },
    );
  });
});

test('secrets of the operator never come back in an answer', async () => {
  const parts = { operatorEnv: { ...operatorEnv, MY_TOKEN: 'very-secret-value' } };
  const entry = fixtureEntry('prints-env', { env: ['MY_TOKEN'] });
  const outcome = await run(attempt(entry), parts);
  expect(JSON.stringify(outcome)).toContain('[redacted]');
  expect(JSON.stringify(outcome)).not.toContain('very-secret-value');
});

test.runIf(process.platform === 'linux')(
  'survivors that had to be hunted down are reported',
  async () => {
    const records: LogRecord[] = [];
    const request = attempt(fixtureEntry('daemonizes'));
    expect(await run(request, { log: createLog((record) => records.push(record)) })).toMatchObject({
      kind: 'answered',
    });
    expect(records).toMatchObject([
      {
        level: 'warning',
        event: 'attempt.survivors-killed',
        fields: { attempt: request.attemptId, count: 1 },
      },
    ]);
  },
);

test('a journal that cannot be written ends the attempt and is passed on', async () => {
  const request = attempt(fixtureEntry('forever'), {
    onStarted: () => Promise.reject(new Error('disk full')),
  });
  await expect(run(request)).rejects.toThrow('disk full');
  expect(existsSync(join(request.directory, '.tmp'))).toBe(false);
});

test('an agent that makes its TMPDIR undeletable does not lose its answer', async () => {
  const script = 'mkdir "$TMPDIR/a" "$TMPDIR/a/b"; chmod 000 "$TMPDIR/a"; echo done';
  expect(await run(attempt(entryOf({ command: ['sh', '-c', script] })))).toMatchObject({
    kind: 'answered',
    text: 'done',
  });
});

describe('any adapter', () => {
  const invocation = (
    script: string,
    more: Partial<Extract<Invocation, { kind: 'invocation' }>> = {},
  ): Invocation => ({
    kind: 'invocation',
    program: 'sh',
    args: ['-c', script],
    env: {},
    files: {},
    input: '',
    ...more,
  });
  const runWith = (adapter: Partial<Adapter>, ...args: Parameters<typeof attempt>) =>
    runIn({}, adapter, ...args);
  const runIn = (
    parts: Partial<AgentsParts>,
    adapter: Partial<Adapter>,
    ...args: Parameters<typeof attempt>
  ) =>
    run(attempt(...args), {
      ...parts,
      adapters: { ...ADAPTERS, command: { ...command, ...adapter } },
    });

  test('has its files in the scratch folder before the start', async () => {
    const adapter: Partial<Adapter> = {
      invoke: ({ scratch }) =>
        invocation(`cat '${join(scratch, 'persona.md')}'`, { files: { 'persona.md': 'terse' } }),
    };
    expect(await runWith(adapter, fixtureEntry('echo'))).toMatchObject({ text: 'terse' });
  });

  test('that writes lines has those kept and shown that it names, and noise does not count against the limit', async () => {
    const shown: string[] = [];
    const adapter: Partial<Adapter> = {
      output: {
        kind: 'json-lines',
        view: (line) => ({
          keep: line.startsWith('keep'),
          show: line.startsWith('show') ? line : null,
        }),
      },
      invoke: () => invocation('yes noise | head -c 12000000; echo show me; echo keep me'),
    };
    const entry = fixtureEntry('echo', { 'output-bytes-max': 100 });
    expect(await runWith(adapter, entry, { onOutput: (text) => shown.push(text) })).toMatchObject({
      kind: 'answered',
      text: 'keep me',
    });
    expect(shown).toEqual(['show me']);
  });

  test('that writes one value at the end may be silent until then', async () => {
    const adapter: Partial<Adapter> = {
      output: { kind: 'json' },
      invoke: () => invocation('sleep 0.4; echo done'),
    };
    expect(await runWith(adapter, fixtureEntry('echo', { 'idle-timeout': '100ms' }))).toMatchObject(
      { text: 'done' },
    );
  });

  test('whose answer is longer than the limit is too large, although its form is allowed more', async () => {
    const adapter: Partial<Adapter> = { output: { kind: 'json' } };
    expect(await runWith(adapter, fixtureEntry('echo', { 'output-bytes-max': 10 }))).toMatchObject({
      class: 'too-large',
    });
  });

  test('that has lost its session is run once more without it', async () => {
    const sessions: (string | null)[] = [];
    const adapter: Partial<Adapter> = {
      invoke: ({ session }) => invocation(sessions.push(session) > 0 ? 'echo hi' : ''),
      parse: (output) => (output.resumed ? { kind: 'lost-session' } : command.parse(output)),
    };
    const entry = fixtureEntry('echo', { effects: 'none' });
    expect(await runWith(adapter, entry, { session: 's1' })).toMatchObject({
      kind: 'answered',
      text: 'hi',
    });
    expect(sessions).toEqual(['s1', null]);
  });

  test('that keeps sessions by directory runs in one that stays, unless its entry names one or it may write', async () => {
    const directory = makeDirectory();
    const opened: string[] = [];
    const folders = {
      open: (model: string) =>
        Promise.resolve({
          directory: (opened.push(`+${model}`), directory),
          close: () => void opened.push(`-${model}`),
        }),
    };
    const adapter: Partial<Adapter> = {
      sessionsByDirectory: true,
      modes: ['read', 'write'],
      invoke: () => invocation('pwd'),
    };
    const where = async (more: Record<string, unknown>): Promise<string> => {
      const outcome = await runIn({ sessions: folders }, adapter, fixtureEntry('echo', more));
      return outcome.kind === 'answered' ? outcome.text : outcome.kind;
    };
    expect(await where({})).toBe(directory);
    expect(opened).toEqual(['+tested', '-tested']);
    expect(await where({ cwd: '/' })).toBe('/');
    expect(await where({ effects: 'external', options: { mode: 'write' } })).not.toBe(directory);
    expect(opened).toHaveLength(2);
    const broken = { open: () => Promise.reject(new Error('no space')) };
    expect(await runIn({ sessions: broken }, adapter, fixtureEntry('echo'))).toMatchObject({
      class: 'setup',
      detail: expect.stringContaining('no space') as string,
    });
  });

  test('that has lost it after it had begun is not run again when it may have acted', async () => {
    const starts: (string | null)[] = [];
    const adapter: Partial<Adapter> = {
      output: {
        kind: 'json-lines',
        view: (line) => ({ keep: true, show: line.includes('tool') ? line : null }),
      },
      invoke: ({ session }) => invocation(starts.push(session) > 0 ? 'echo "$SAID"' : ''),
      parse: (output) => (output.resumed ? { kind: 'lost-session' } : command.parse(output)),
    };
    const runSaying = (said: string, effects: string) =>
      runWith(adapter, fixtureEntry('echo', { effects }), {
        session: 's1',
        extraEnv: { SAID: said },
      });
    expect(await runSaying('tool', 'external')).toMatchObject({
      class: 'crash',
      detail: expect.stringContaining('may have acted') as string,
    });
    expect(starts).toEqual(['s1']);
    expect(await runSaying('tool', 'none')).toMatchObject({ kind: 'answered' });
    expect(await runSaying('nothing', 'external')).toMatchObject({ kind: 'answered' });
    expect(starts).toEqual(['s1', 's1', null, 's1', null]);
  });

  test('never sees a session that could be taken for something else', async () => {
    const sessions: (string | null)[] = [];
    const adapter: Partial<Adapter> = {
      invoke: ({ session }) => invocation(sessions.push(session) > 0 ? 'echo hi' : ''),
    };
    for (const session of ['--help', '../../x', 'a b', '', 'ok-1'])
      await runWith(adapter, fixtureEntry('echo'), { session });
    expect(sessions).toEqual([null, null, null, null, 'ok-1']);
  });

  test('that is ended while it waits for a limit has failed for that limit, not for the time', async () => {
    const adapter: Partial<Adapter> = {
      invoke: () => invocation('echo "429 Too Many Requests, retry in 60s" >&2; sleep 60'),
      parse: (output) => failureFrom({ text: output.stderr }, output),
    };
    expect(await runWith(adapter, fixtureEntry('echo', { timeout: '200ms' }))).toMatchObject({
      class: 'rate-limit',
      detail:
        'no answer within 200ms, ended ("timeout"); it said last: 429 Too Many Requests, retry in 60s',
      resetAtMs: expect.any(Number) as number,
    });
  });

  test('that tries again on its own is ended at the second time in a row, not when it worked in between', async () => {
    const adapter: Partial<Adapter> = {
      output: {
        kind: 'json-lines',
        view: (line) => ({ keep: true, show: line.startsWith('work') ? line : null }),
      },
      saysRetry: (line) => line.startsWith('again'),
      invoke: () => invocation('eval "$SAID"'),
      parse: (output) =>
        output.exitCode === 0
          ? command.parse(output)
          : failureFrom({ text: 'connection refused' }, output),
    };
    const runSaying = (said: string) =>
      runWith(adapter, fixtureEntry('echo'), { extraEnv: { SAID: said } });
    expect(await runSaying('echo again; echo work; echo again')).toMatchObject({
      kind: 'answered',
    });
    expect(await runSaying('echo again; echo aside; echo again >&2; sleep 60')).toMatchObject({
      class: 'unavailable',
    });
  });

  test('is named with its version when it tells or was found', async () => {
    const parts = { versionOf: () => '1.2.3' };
    expect(await run(attempt(fixtureEntry('echo')), parts)).toMatchObject({
      agent: 'command 1.2.3',
    });
  });
});
