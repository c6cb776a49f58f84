import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type {
  Adapter,
  InvocationRequest,
  Mode,
  Parsed,
  ProgramOutput,
} from '../../src/agents/adapter.ts';
import { modeOf } from '../../src/agents/adapter.ts';
import { ADAPTERS } from '../../src/agents/adapters.ts';
import { READ_ONLY_ADAPTERS } from '../../src/protocol/models.ts';
import { entryOf } from '../support/agents/attempts.ts';

const all = Object.values(ADAPTERS).map((adapter) => [adapter.name, adapter] as const);
const programs = all.filter(([name]) => name !== 'command');
/** Those whose program only the entry knows. */
const NAMED_BY_ENTRY: readonly string[] = ['command', 'acp'];
const known = all.filter(([name]) => !NAMED_BY_ENTRY.includes(name));

function adapterOf(name: string): Adapter {
  return ADAPTERS[name]!;
}

function requestFor(adapter: Adapter, more: Partial<InvocationRequest> = {}): InvocationRequest {
  const entry = entryOf({
    adapter: adapter.name,
    model: 'x/m',
    command: NAMED_BY_ENTRY.includes(adapter.name) ? ['cat'] : undefined,
  });
  return {
    entry,
    mode: adapter.modes[0]!,
    message: 'hello',
    prompt: 'Message from maintainer:\nhello',
    persona: null,
    session: null,
    scratch: '/scratch',
    directory: '/own',
    ground: 'own',
    ...more,
  };
}

function invoke(name: string, more: Partial<InvocationRequest> = {}) {
  const invocation = adapterOf(name).invoke(requestFor(adapterOf(name), more));
  if (invocation.kind === 'refused') throw new Error(invocation.why);
  return invocation;
}

function parse(name: string, output: Partial<ProgramOutput>): Parsed {
  return adapterOf(name).parse({
    stdout: '',
    stderr: '',
    exitCode: 0,
    signal: null,
    resumed: false,
    nowMs: 1_795_000_000_000,
    ...output,
  });
}

const lines = (...records: readonly unknown[]): string =>
  records.map((record) => `${JSON.stringify(record)}\n`).join('');

describe('every adapter', () => {
  test('is named as it is registered, and the read-only ones of the protocol are there', () => {
    expect(Object.keys(ADAPTERS)).toEqual(all.map(([name]) => name));
    expect(READ_ONLY_ADAPTERS.filter((name) => name !== 'http' && !(name in ADAPTERS))).toEqual([]);
  });

  test.each(all)('%s never puts words of a message into arguments or environment', (_, adapter) => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, unit: 'grapheme' }), (noise) => {
        const invocation = adapter.invoke(
          requestFor(adapter, { prompt: `PROMPT${noise}`, persona: `PERSONA${noise}` }),
        );
        if (invocation.kind === 'refused') throw new Error(invocation.why);
        const visible = [
          invocation.program,
          ...invocation.args,
          ...Object.values(invocation.env),
        ].join(' ');
        expect(visible).not.toMatch(/PROMPT|PERSONA/);
        const given = [invocation.input, ...Object.values(invocation.files)].join(' ');
        expect([given.includes('PROMPT'), given.includes('PERSONA')]).toEqual([true, true]);
      }),
    );
  });

  test.each(programs)('%s never begins its input with its own command', (name) => {
    for (const prompt of ['/quit', ' /help', '!rm -rf', '@/etc/passwd', '--version', '#x'])
      expect(invoke(name, { prompt }).input).toMatch(/^[^\s/!@#-]/);
  });

  test.each(programs)('%s writes only when the entry says mode and effects', (_, adapter) => {
    const modeFor = (written: Record<string, unknown>) =>
      modeOf(entryOf({ adapter: adapter.name, ...written }), adapter);
    expect(modeFor({ effects: 'external' })).toEqual({ kind: 'mode', mode: adapter.modes[0] });
    expect(modeFor({ effects: 'none', options: { mode: 'write' } }).kind).toBe('refused');
    if (adapter.modes.includes('write'))
      expect(modeFor({ effects: 'external', options: { mode: 'write' } })).toEqual({
        kind: 'mode',
        mode: 'write',
      });
    if (READ_ONLY_ADAPTERS.includes(adapter.name)) expect(adapter.modes[0]).not.toBe('write');
  });

  test.each(all)(
    '%s reads any output without a throw, and no failed run as an answer',
    (_, adapter) => {
      const text = fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.json(),
        fc.array(fc.json()).map((values) => values.join('\n')),
      );
      fc.assert(
        fc.property(
          text,
          text,
          fc.option(fc.integer({ min: 0, max: 255 })),
          (stdout, stderr, exitCode) => {
            const parsed = adapter.parse({
              stdout,
              stderr,
              exitCode,
              signal: null,
              resumed: false,
              nowMs: 0,
            });
            expect(parsed.kind === 'answer' && exitCode !== 0).toBe(false);
            if (adapter.output.kind === 'json-lines') adapter.output.view(stdout);
          },
        ),
      );
    },
  );

  test.each(known)('%s says how to find it and how to sign in', (_, { detection }) => {
    expect(detection?.executables.length).toBeGreaterThan(0);
    expect(detection?.signIn).toMatch(/run|set/);
  });

  test.each(NAMED_BY_ENTRY)(
    '%s is not looked for, and refuses an entry without a program',
    (name) => {
      const adapter = adapterOf(name);
      expect(adapter.detection).toBeNull();
      const entry = { ...requestFor(adapter).entry, command: [] };
      expect(adapter.invoke(requestFor(adapter, { entry })).kind).toBe('refused');
    },
  );

  test.each(programs)('%s runs the program of the entry when it names one', (name, adapter) => {
    const entry = entryOf({ adapter: adapter.name, command: ['/opt/agent', '--first'] });
    const invocation = invoke(name, { entry });
    expect([invocation.program, invocation.args[0]]).toEqual(['/opt/agent', '--first']);
  });
});

describe('what may be done', () => {
  const flags: readonly (readonly [string, Mode, readonly string[]])[] = [
    ['claude', 'chat', ['--tools', '', '--strict-mcp-config']],
    ['claude', 'read', ['--tools', 'Read,Grep,Glob', '--strict-mcp-config']],
    ['claude', 'write', ['--dangerously-skip-permissions']],
    ['codex', 'read', ['-s', 'read-only', '-']],
    ['codex', 'write', ['-s', 'workspace-write', '-']],
    ['gemini', 'chat', ['--approval-mode', 'plan']],
    ['gemini', 'read', ['--approval-mode', 'default']],
    ['gemini', 'write', ['--approval-mode', 'yolo']],
    ['pi', 'chat', ['--no-tools']],
    ['pi', 'read', ['--tools', 'read,grep,find,ls']],
    ['copilot', 'read', ['--deny-tool=shell', '--deny-tool=write', '--disable-builtin-mcps']],
    ['copilot', 'write', ['--allow-all']],
    ['opencode', 'write', ['--auto']],
    ['droid', 'read', ['--only-tools', 'Read,LS,Grep,Glob']],
    ['droid', 'write', ['--auto', 'medium']],
  ];
  test.each(flags)('%s in mode %s ends with its flags', (name, mode, expected) => {
    expect(invoke(name, { mode }).args.slice(-expected.length)).toEqual(expected);
  });

  test('opencode is denied shell and edits by its configuration, but not when it may write', () => {
    const permissions = (mode: Mode) =>
      (
        JSON.parse(invoke('opencode', { mode }).env['OPENCODE_CONFIG_CONTENT']!) as {
          permission?: unknown;
        }
      ).permission;
    expect([permissions('read'), permissions('write')]).toEqual([
      { bash: 'deny', edit: 'deny' },
      undefined,
    ]);
  });

  test('qwen is bare in chat mode', () => {
    expect(invoke('qwen').args).toContain('--bare');
  });

  test('an unknown option is refused', () => {
    const entry = entryOf({
      adapter: 'droid',
      effects: 'external',
      options: { mode: 'write', auto: 'total' },
    });
    expect(
      adapterOf('droid').invoke(requestFor(adapterOf('droid'), { entry, mode: 'write' })),
    ).toMatchObject({ kind: 'refused' });
  });
});

describe('a session is continued', () => {
  test.each([
    ['claude', ['--resume', 's1']],
    ['gemini', ['--resume', 's1']],
    ['qwen', ['--resume', 's1']],
    ['opencode', ['-s', 's1']],
    ['pi', ['--session', 's1']],
    ['copilot', ['--resume=s1']],
    ['codex', ['resume', 's1', '-']],
  ])('by %s with its flag', (name, expected) => {
    const { args } = invoke(name, { session: 's1' });
    expect(args.join(' ')).toContain(expected.join(' '));
    expect(invoke(name).args.join(' ')).not.toContain('s1');
  });

  test.each([
    ['claude', 'No conversation found with session ID: x', 1],
    ['codex', 'Error: thread/resume failed: no rollout found for thread id x', 1],
    ['gemini', 'Error resuming session: Invalid session identifier "x".', 42],
    ['gemini', 'Error resuming session: No previous sessions found for this project.', 42],
    ['qwen', 'No saved session found with ID x', 1],
    ['opencode', 'Error: Session not found', 1],
    ['pi', 'No session found matching "x"', 1],
    [
      'pi',
      'Session found in different project: /x Fork this session into current directory? [y/N] Aborted.',
      0,
    ],
    ['copilot', 'Error: No session, task, or name matched "x"', 1],
  ])('%s that has lost it says so', (name, stderr, exitCode) => {
    expect(parse(name, { stderr, exitCode, resumed: true })).toEqual({ kind: 'lost-session' });
    expect(parse(name, { stderr, exitCode })).toMatchObject({ kind: 'failure' });
  });

  test('opencode is asked again when it fails before it began: the directory of the session is gone', () => {
    const stdout = lines({
      type: 'error',
      sessionID: 's',
      error: { name: 'UnknownError', data: { message: 'Unexpected server error.' } },
    });
    expect(parse('opencode', { stdout, exitCode: 1, resumed: true })).toEqual({
      kind: 'lost-session',
    });
  });
});

describe('words that programs act on', () => {
  test('claude is told by its environment to leave "@path" alone', () => {
    expect(invoke('claude').env).toMatchObject({ CLAUDE_CODE_DISABLE_FILE_MENTIONS: '1' });
  });

  test.each(['gemini', 'qwen'])(
    '%s gets every @ escaped, by any way of counting backslashes',
    (name) => {
      expect(invoke(name, { prompt: 'see @a.txt, me@b.c \\@d \\\\@e' }).input).toBe(
        'see \\@a.txt, me\\@b.c \\@d \\\\\\@e',
      );
    },
  );

  test('droid gets every @ set apart', () => {
    expect(invoke('droid', { prompt: 'see @a.txt' }).input).toContain('see @\u200ba.txt');
  });

  test.each(['codex', 'opencode', 'pi', 'copilot'])(
    '%s, which leaves them alone, gets them as they are',
    (name) => {
      expect(invoke(name, { prompt: 'see @a.txt' }).input).toBe('see @a.txt');
    },
  );
});

test('a persona is a system prompt in a file where there is one, and a new one counts in a continued session', () => {
  const { args, files, input } = invoke('claude', { persona: 'terse', session: 's1' });
  expect([files, input.includes('terse')]).toEqual([{ 'persona.md': 'terse' }, false]);
  expect(args.join(' ')).toContain(
    '--append-system-prompt-file /scratch/persona.md --resume s1 --system-prompt-snapshot off',
  );
  expect(invoke('codex', { persona: 'terse', prompt: 'hi' }).input).toBe('terse\n\nhi');
});

test('people who watch see texts and names of tools as they come', () => {
  const shown = (name: string, record: unknown) => {
    const { output } = adapterOf(name);
    return output.kind === 'json-lines' ? output.view(JSON.stringify(record)).show : 'no lines';
  };
  const content = [
    { type: 'text', text: 'let me see' },
    { type: 'tool_use', name: 'Read' },
  ];
  expect(shown('claude', { type: 'assistant', message: { content } })).toBe('let me see\n[Read]\n');
  expect(shown('claude', { type: 'system', subtype: 'status' })).toBeNull();
  expect(
    shown('codex', { type: 'item.started', item: { type: 'command_execution', command: 'ls' } }),
  ).toBe('$ ls\n');
  expect(
    shown('codex', { type: 'item.completed', item: { type: 'agent_message', text: 'hi' } }),
  ).toBe('hi\n');
  expect(shown('opencode', { type: 'tool_use', part: { tool: 'grep' } })).toBe('[grep]\n');
  expect(shown('opencode', { type: 'text', part: { text: 'hi' } })).toBe('hi\n');
  expect(shown('pi', { type: 'tool_execution_start', toolName: 'read' })).toBe('[read]\n');
  expect(
    shown('pi', {
      type: 'message_end',
      message: { role: 'user', content: [{ type: 'text', text: 'prompt' }] },
    }),
  ).toBeNull();
  expect(shown('copilot', { type: 'tool.execution_start', data: { toolName: 'view' } })).toBe(
    '[view]\n',
  );
  expect(shown('gemini', {})).toBe('no lines');
});
