import { execFileSync } from 'node:child_process';
import { writeFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { COMMANDS } from '../../src/cli/commands.ts';
import { parseWords } from '../../src/cli/parse-words.ts';
import { displayWidth, fitWidth, formatTable, padWidth } from '../../src/base/display-width.ts';
import { type Io, plain } from '../../src/cli/io.ts';
import { formatLines, type Shown } from '../../src/cli/look/print-message.ts';
import { matchId, shortIds } from '../../src/cli/look/resolve-id.ts';
import { decodeMessage } from '../../src/protocol/message.ts';
import { parseMessagePath } from '../../src/protocol/paths.ts';
import { fixIs } from '../support/fix.ts';
import { oidOf } from '../support/git-fixture.ts';
import { type Cli, startCli } from '../support/cli.ts';

let cli: Cli;
beforeAll(async () => {
  cli = await startCli();
});
afterAll(() => cli.close());

describe('words of the command line', () => {
  const spec = COMMANDS.find(({ name }) => name === 'send');
  const parse = (...words: string[]) => parseWords(spec!, words);

  it('stay the text that was typed', () => {
    expect(parse('--from', '007', '-m', '1e3').options.get('from')).toEqual(['007']);
    expect(parse('-m', '-5').options.get('message')).toEqual(['-5']);
    expect(parse('--message=--to').options.get('message')).toEqual(['--to']);
    expect(parse('--', '--to').args).toEqual(['--to']);
    expect(parse('--to', 'a', '--to', 'b').options.get('to')).toEqual(['a', 'b']);
    expect(parse('--wait', '-').options.get('wait')).toEqual(['']);
    expect(parse('--wait', '30s').options.get('wait')).toEqual(['30s']);
  });

  it.each([
    ['an empty value', ['--from=', '-m', 'x']],
    ['a value for a switch', ['--edit=yes']],
    ['an option nobody knows', ['--too', 'x']],
    ['an option without its value', ['--to']],
    ['one argument too many', ['a', 'b']],
  ])('%s is refused', (_, words) => {
    expect(() => parse(...words)).toThrow(expect.objectContaining({ code: 'USAGE' }) as Error);
  });

  it.each([
    ['ask', ['what is new'], "crosstalkd ask -m 'what is new'"],
    ['workflow deny', ['green', 'ship', 'no'], 'crosstalkd workflow deny green ship -m no'],
    ['status', ['all'], 'crosstalkd status --help'],
  ])('%s tells where a text goes that is one argument too many', (name, words, command) => {
    const named = COMMANDS.flatMap((one) => [one, ...(one.subcommands ?? [])]);
    expect(() =>
      parseWords(
        named.find((one) => one.name === name)!,
        words,
      ),
    ).toThrow(expect.objectContaining({ fix: fixIs(command) }) as Error);
  });
});

describe('every command', () => {
  it.each(COMMANDS.map(({ name }) => name))(
    '%s has help, and refuses an unknown option naming it',
    async (name) => {
      const help = await cli.runProgram([name, '--help'], { cwd: cli.place });
      expect(help.code).toBe(0);
      expect(help.stdout).toContain(
        `crosstalkd ${name}: ${COMMANDS.find((spec) => spec.name === name)?.about ?? ''}\n`,
      );
      expect(help.stdout).not.toMatch(/ $|\(default: true\)/m);
      const unknown = await cli.runProgram([name, '--no-such-option'], { cwd: cli.place });
      expect(unknown.code).toBe(2);
      expect(unknown.stderr).toContain('--no-such-option');
    },
  );

  it('says outside of a transport where to begin', async () => {
    const { code, stderr } = await cli.run(['log'], { cwd: cli.place });
    expect(code).toBe(2);
    expect(stderr).toContain('crosstalkd join URL');
  });

  it('works from below the clone, with -C, before and after the command', async () => {
    for (const args of [
      ['-C', cli.clone, 'channels'],
      ['channels', '-C', 'team'],
      ['channels', '--dir=team/data'],
    ])
      expect((await cli.run(args, { cwd: cli.place })).code).toBe(0);
    expect((await cli.run(['channels'], { cwd: join(cli.clone, 'data', 'channels') })).code).toBe(
      0,
    );
  });
});

describe('completion', () => {
  it('names every command and option in scripts that the shell can read', async () => {
    for (const shell of ['bash', 'zsh', 'fish']) {
      const { code, stdout } = await cli.run(['completion', shell], { cwd: cli.place });
      expect(code).toBe(0);
      for (const { name, options } of COMMANDS) {
        expect(stdout).toContain(name);
        for (const option of options) expect(stdout).toContain(option.name);
      }
    }
    const script = join(cli.place, 'complete.bash');
    writeFileSync(script, (await cli.run(['completion', 'bash'])).stdout);
    const complete = (...words: string[]): string =>
      execFileSync('bash', [
        '-c',
        `crosstalkd() { echo "$3-one"; }; source ${script}; COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}; _crosstalkd; echo "\${COMPREPLY[*]}"`,
      ])
        .toString()
        .trim();
    expect(complete('crosstalkd', 'cha')).toBe('channels');
    expect(complete('crosstalkd', 'send', '--sub')).toBe('--subject');
    expect(complete('crosstalkd', 'workflow', 'app')).toBe('approve');
    expect(complete('crosstalkd', 'wf', 'run', '--inp')).toBe('--input');
    expect(complete('crosstalkd', 'workflow', 'approve', 'a')).toBe('');
    expect(complete('crosstalkd', 'cancel', '')).toBe('ids-one');
    expect(complete('crosstalkd', 'send', '--to', 'gpt,')).toBe('gpt,models-one');
    expect(complete('crosstalkd', 'send', '--file', '')).toBe('');
    expect(complete('crosstalkd', 'service', '--json', '')).toBe('install uninstall status');
    expect(complete('crosstalkd', 'completion', 'z')).toBe('zsh');
  });

  it('offers names of the copy on this machine, and none that a shell would expand', async () => {
    const kinds = ['ids', 'runs', 'models', 'channels', 'hosts'];
    const body = '---\nto: ada\n---\nHi\n';
    cli.say({
      'data/channels/general/plain.md': body,
      'data/channels/general/$(touch taken).md': body,
      'data/channels/general/two words.md': body,
    });
    expect((await cli.run(['log'])).code).toBe(0);
    renameSync(cli.remote, `${cli.remote}.away`);
    try {
      const { code, stdout } = await cli.run(['completion', 'bash', ...kinds]);
      expect(code).toBe(0);
      expect(stdout.split('\n')).toEqual(expect.arrayContaining(['plain', 'echo', 'general']));
      expect(stdout).not.toMatch(/taken|two/);
    } finally {
      renameSync(`${cli.remote}.away`, cli.remote);
    }
    expect(await cli.run(['completion', 'bash', 'ids'], { cwd: cli.place })).toMatchObject({
      code: 0,
      stdout: '',
    });
  });

  it('refuses other shells', async () => {
    expect(await cli.run(['completion', 'tcsh'])).toMatchObject({ code: 2 });
  });
});

describe('the help of each command', () => {
  const leaves = COMMANDS.flatMap((spec) => spec.subcommands ?? [spec]);

  it.each(leaves.map((spec) => [spec.name, spec] as const))(
    '%s has examples that parse',
    (name, spec) => {
      const { examples, exits } = spec;
      expect(examples.length).toBeGreaterThan(0);
      expect(exits).toMatchObject({ 0: 'done' });
      for (const line of examples) {
        expect(line).toMatch(new RegExp(`^crosstalkd ${name}( |$)`));
        // As a shell takes it apart: quoted words are one, and what follows > or | is not ours.
        const typed = line.replace(/ [>|] .*$/, '').match(/"[^"]*"|\S+/g) ?? [];
        const words = typed.map((word) => word.replaceAll('"', ''));
        expect(() => parseWords(spec, words.slice(1 + name.split(' ').length))).not.toThrow();
      }
    },
  );

  it('fits 80 columns, a summary of one line each', async () => {
    const { stdout } = await cli.run(['--help']);
    for (const line of stdout.split('\n')) expect(displayWidth(line), line).toBeLessThan(81);
    for (const { about } of leaves) expect(about).toMatch(/^[A-Z]/);
  });
});

describe('ids', () => {
  const at = (path: string) => ({ ...parseMessagePath(path)!, blob: oidOf('1'.repeat(40)) });
  const files = [
    'data/channels/a/2026/11/21/075944714Z-01M7YHWM2AW8WX6R776ZKWQNQ4.md',
    'data/channels/a/2026/11/21/075944714Z-01M7YHWM2AW8WX6R776ZKWQNQ4.re.opus.md',
    'data/channels/a/2026/11/21/075944714Z-01M7YHWM2AX8WX6R776ZKWQNQ4.md',
    'data/channels/a/hello.md',
    'data/channels/a/hello-again.md',
    'data/channels/b/x/hello.md',
  ].map(at);
  const found = (text: string): string[] =>
    matchId(files, text).map(({ path }) => path.slice('data/channels/'.length));

  it('a whole name comes before the beginning of another', () => {
    expect(found('hello')).toEqual(['a/hello.md']);
    expect(found('x/hello')).toEqual(['b/x/hello.md']);
    expect(found('b/x/hello')).toEqual(['b/x/hello.md']);
    expect(found('hello-')).toEqual(['a/hello-again.md']);
  });

  it('the beginning of a ULID means the message and not its replies, in any case', () => {
    expect(found('01m7yhwm2aw')).toEqual([files[0]!.path.slice('data/channels/'.length)]);
    expect(found('01M7YHWM2AW.re.opus')).toEqual([files[1]!.path.slice('data/channels/'.length)]);
    expect(found('01M7YHWM2A')).toHaveLength(2);
    expect(found('nothing')).toEqual([]);
  });

  it('short forms tell messages shown together apart, and find them again', () => {
    const short = shortIds(files.map(({ path }) => path));
    expect(short.get(files[0]!.path)).toBe('01M7YHWM2AW8');
    expect(short.get(files[1]!.path)).toBe('01M7YHWM2AW8.re.opus');
    for (const { path } of files.slice(0, 3))
      expect(matchId(files, short.get(path)!).map((file) => file.path)).toEqual([path]);
  });
});

describe('widths', () => {
  it('count wide characters twice and marks not at all', () => {
    expect(displayWidth('abc')).toBe(3);
    expect(displayWidth('名前')).toBe(4);
    expect(displayWidth('e\u0301')).toBe(1);
    expect(displayWidth('🙂')).toBe(2);
    expect(fitWidth('名前名前', 5)).toBe('名前…');
    expect(fitWidth('名前名前', 4)).toBe('名…');
    expect(fitWidth('abc', 0)).toBe('');
    expect(displayWidth(padWidth('名前名前', 5))).toBe(5);
    expect(displayWidth('✅'.repeat(26))).toBe(52);
  });

  it.each([
    ['a family', '👨‍👩‍👧‍👦', 2],
    ['a flag', '🇩🇪', 2],
    ['a keycap', '1️⃣', 2],
    ['a heart that a variation selector colours', '❤️', 2],
    ['a check mark', '✅', 2],
    ['Hangul in parts', '\u1112\u1161\u11ab', 2],
    ['full-width letters', 'ＡＢ', 4],
    ['half-width katakana', 'ｶﾞ', 2],
    ['stacked marks', `a${'\u0301'.repeat(50)}`, 1],
  ])('%s', (_, text, width) => {
    expect(displayWidth(text)).toBe(width);
    // A sign of several code points is whole or not there.
    expect(fitWidth(`${text}${text}`, 2 * width - 1)).not.toMatch(/[\u200d\ud800-\udbff]…/u);
  });

  it('cut text fits, and text that is filled up is exactly so wide', () => {
    const sign = fc.oneof(
      fc.constantFrom(
        '✅',
        '👨‍👩‍👧‍👦',
        '🇩🇪',
        '❤️',
        '1️⃣',
        '名',
        'ｶﾞ',
        'e\u0301',
        '\u0e33',
        '\u0600',
        ' ',
        'a',
      ),
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 2 }),
    );
    const line = fc
      .array(sign, { maxLength: 60 })
      .map((signs) => plain(signs.join('')).replace(/[\n\t]/g, ' '));
    fc.assert(
      fc.property(line, fc.integer({ min: 0, max: 90 }), (text, columns) => {
        expect(displayWidth(fitWidth(text, columns))).toBeLessThanOrEqual(columns);
        expect(displayWidth(padWidth(text, columns))).toBe(columns);
        expect(fitWidth(text, Number.POSITIVE_INFINITY)).toBe(text);
        for (const row of formatTable(
          [
            [text, 'x', text],
            ['y', text, 'z'],
          ],
          columns,
        ))
          expect(displayWidth(row)).toBeLessThanOrEqual(columns);
      }),
    );
  });
});

it.each([
  ['doctor', 'https://ada:s3cr3t@example.org/x.git'],
  ['show', 'https://ada:s3cr3t@example.org/x.git'],
  ['why', 'ssh://ada:s3cr3t@example.org/x.git'],
  ['log', 'https://s3cr3t@example.org/x.git'],
  ['thread', 'HTTPS://:s3cr3t@example.org'],
  ['https://ada:s3cr3t@example.org/x.git'],
  ['send', '--to', 'https://ada:s3cr3t@example.org', '-m', 'hi'],
])(
  'an address that is given where none belongs is quoted without its password: %s',
  async (...words) => {
    for (const more of [[], ['--json']]) {
      const { stdout, stderr, code } = await cli.run([...words, ...more]);
      expect(code).not.toBe(0);
      expect(stdout + stderr).toContain('example.org');
      expect(stdout + stderr).not.toContain('s3cr3t');
    }
  },
);

describe('what a command prints', () => {
  it('works where it is printed, also for who is elsewhere', async () => {
    const elsewhere = { cwd: cli.place };
    const { stdout } = await cli.run(['-C', 'team', 'why', 'nothing', '--json'], elsewhere);
    const { error } = JSON.parse(stdout) as {
      error: { fix: { command: string[]; or: string[][] } };
    };
    expect([error.fix.command, ...error.fix.or]).toEqual([
      ['crosstalkd', '-C', 'team', 'log'],
      ['crosstalkd', '-C', 'team', 'status'],
    ]);
    expect((await cli.run(error.fix.command.slice(1), elsewhere)).code).toBe(0);
    expect((await cli.run(['-C', 'team', 'why', 'nothing'], elsewhere)).stderr).toContain(
      'crosstalkd -C team log',
    );
  });

  it.each(['remote', 'trust', 'workflow'])('%s --json alone is one error', async (name) => {
    const { code, stdout } = await cli.run([name, '--json']);
    expect(code).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({ ok: false, error: { code: 'USAGE' } });
  });
});

describe('a list of messages', () => {
  const TEXTS = [
    '漢字'.repeat(40),
    '✅'.repeat(60),
    '👨‍👩‍👧‍👦'.repeat(30),
    'e\u0301\u0302'.repeat(60),
    'שלום'.repeat(20),
  ];
  const said = (text: string, at: number): Shown => {
    const path = `data/channels/general/${at % 2 === 0 ? text.slice(0, 30) : `m${at}`}.md`;
    const read = decodeMessage(Buffer.from(`---\nto: opus\n---\n${text}\n`));
    if (read.kind === 'rejected') throw new Error(text);
    const file = { ...parseMessagePath(path)!, blob: oidOf('a'.repeat(40)) };
    const one = { file, from: 'ada-lovelace-the-first', to: ['opus', 'gpt'], atMs: 0 };
    const state = { kind: 'open', replies: [], open: ['opus', 'gpt', 'gemini', 'sonnet'] } as const;
    return { said: { ...one, message: read.message }, state };
  };

  it.each([40, 60, 80, 200])('fits %i columns, and its ids stay whole', (columns) => {
    const lines = formatLines({ columns, colors: false } as Io, TEXTS.map(said)).join('\n');
    for (const line of lines.split('\n')) {
      const isId = TEXTS.some((text) => line.endsWith(text.slice(0, 30)));
      if (!isId) expect(displayWidth(line), line).toBeLessThanOrEqual(columns);
    }
    for (const [at, text] of TEXTS.entries())
      expect(lines).toContain(at % 2 === 0 ? text.slice(0, 30) : `m${at}`);
  });
});
