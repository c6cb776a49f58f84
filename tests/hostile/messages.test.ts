/**
 * FAULTS §5, cases 1–13, 20, 22, 23, 37 and odd trees: one commit full of files that are not what
 * they should be, and neighbours that must not notice.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { agentEntry, type Fleet, type Host, startFleet } from '../support/fleet.ts';
import {
  ask,
  askJson,
  eventsOf,
  expectPlain,
  oneMoreAnswer,
  peakMiB,
  untilHost,
} from '../support/hostile.ts';
import { createPlanter, type Planter, type RawEntry, type RawMode } from '../support/plant.ts';

const GENERAL = 'data/channels/general';
const MARK = 'EXECUTED';
const say = (head: string, body = 'hello'): string => `---\n${head}\n---\n${body}\n`;
const TO = 'to: echo';

interface Case {
  readonly name: string | Uint8Array;
  readonly content: string | Uint8Array;
  readonly mode?: RawMode;
  /** `answered`, `silent` (no message and nobody's business), or what the rejection says. */
  readonly becomes: 'answered' | 'silent' | RegExp;
}

const latin = (text: string): Uint8Array => Buffer.from(text, 'latin1');
const exec = `require('fs').writeFileSync('${MARK}', 'x')`;
const JSON_TOO = ['status', 'log', 'search', 'verify', 'show'];
const ULID = '01JD0000000000000000000000';

const CASES: readonly Case[] = [
  // 1: another language than YAML
  ...['---json', '---toml', '---yaml', '---title', '--- js', '---JS', '---javascript'].map(
    (first, index): Case => ({
      name: `lang-${index}.md`,
      content: `${first}\n{ "to": "echo", "x": ${exec} }\n---\nx\n`,
      becomes: /"---" alone|---/,
    }),
  ),
  {
    name: 'tag-js.md',
    content: say(`${TO}\nx: !!js/function "function () { ${exec} }"`),
    becomes: /tag|unknown/i,
  },
  // 2, 3
  { name: 'no-timestamp.md', content: say(TO), becomes: 'answered' },
  { name: 'at-sign.md', content: say(`${TO}\nfrom: @claude`), becomes: /the name alone/ },
  // 4, 5
  {
    name: 'long-head.md',
    content: say(`${TO}\nx: ${'a'.repeat(70_000)}`),
    becomes: /65,?536|64 ?KiB|closing|end/i,
  },
  { name: 'large.md', content: `${say(TO)}${'x'.repeat(1_048_577)}`, becomes: /bytes/ },
  { name: 'huge.md', content: Buffer.alloc(100 * 1024 * 1024), becomes: /104857600 bytes/ },
  // 7, 8, 9
  { name: 'many-to.md', content: say('to: [echo, ECHO, "echo@a", echo]'), becomes: 'answered' },
  {
    name: 'texts.md',
    content: say(`${TO}\nre: 12:30\nid: 0123\nsubject: yes\nwait: no\nfiles: 2026-11-21`),
    becomes: 'answered',
  },
  {
    name: 'unknown-key.md',
    content: say(`${TO}\nmood: sunny\n__proto__: x\nconstructor: y`),
    becomes: 'answered',
  },
  { name: 'unknown-type.md', content: say(`${TO}\ntype: telegram`), becomes: /message.*workflow/ },
  // 12, 13, 37
  { name: 'empty.md', content: '', becomes: /.+/ },
  { name: 'only-head.md', content: '---\nto: echo\n---\n', becomes: 'answered' },
  { name: 'no-head.md', content: 'just text\n', becomes: /---/ },
  { name: 'utf16.md', content: Buffer.from(`\ufeff${say(TO)}`, 'utf16le'), becomes: /UTF-8/ },
  { name: 'nul.md', content: say(TO, 'a\u0000b'), becomes: /NUL/ },
  { name: 'windows.md', content: latin(say(TO, 'caf\xe9')), becomes: 'answered' },
  {
    name: 'lfs.md',
    content: `version https://git-lfs.github.com/spec/v1\noid sha256:${'0'.repeat(64)}\nsize 5\n`,
    becomes: /LFS/,
  },
  // YAML that explodes
  {
    name: 'bomb.md',
    content: say(`${TO}\na: &a [x]\nb: &b [*a, *a]\nc: [*b, *b]`),
    becomes: /alias/i,
  },
  {
    name: 'deep.md',
    content: say(`${TO}\nx: ${'['.repeat(5_000)}${']'.repeat(5_000)}`),
    becomes: /deep|depth|nest/i,
  },
  { name: 'duplicate-key.md', content: say(`${TO}\nto: other`), becomes: /a second time/ },
  {
    name: 'blank-lines.md',
    content: `---\n${TO}\n${'\n'.repeat(40_000)}---\nx\n`,
    becomes: 'answered',
  },
  {
    name: 'line-of-spaces.md',
    content: say(`x: |\n${' '.repeat(60_000)}\nto: {}`),
    becomes: /a mapping/,
  },
  {
    name: 'blank-and-wrong.md',
    content: say(`to: {}\nx: "${'\n \n'.repeat(15_000)} "`),
    becomes: /a mapping/,
  },
  // 20, 22
  { name: 'module.md', content: '', mode: '160000', becomes: /link or submodule/ },
  { name: 'link.md', content: '/etc/passwd', mode: '120000', becomes: /link or submodule/ },
  {
    name: 'link-out.md',
    content: '../../../../../../etc/passwd',
    mode: '120000',
    becomes: /link or submodule/,
  },
  { name: 'executable.md', content: say(TO), mode: '100755', becomes: 'answered' },
  { name: 'legacy.md', content: say(TO), mode: '100664', becomes: 'answered' },
  // names
  { name: 'two\nlines.md', content: say(TO), becomes: /control codes/ },
  { name: '\u001b[31mred\u001b]0;title\u0007.md', content: say(TO), becomes: /control codes/ },
  { name: 'csi\u009b31m.md', content: say(TO), becomes: /control codes/ },
  { name: 'bidi\u202egnp.md', content: say(TO), becomes: /control codes/ },
  { name: latin('bytes\xff\xe9.md'), content: say(TO), becomes: /control codes or bytes/ },
  { name: 'back\\slash.md', content: say(TO), becomes: /control codes/ },
  { name: '-rf.md', content: say(TO), becomes: 'answered' },
  { name: '--upload-pack=x.md', content: say(TO), becomes: 'answered' },
  { name: "quote'; touch EXECUTED; '.md", content: say(TO), becomes: 'answered' },
  { name: '$(touch EXECUTED).md', content: say(TO), becomes: 'answered' },
  { name: '*.md', content: say(TO), becomes: 'answered' },
  { name: 'SHOUT.MD', content: say(TO), becomes: /git mv/ },
  { name: 'README.md', content: 'About this channel.\n', becomes: 'silent' },
  { name: 'CHANNEL.md', content: '---js\nnever a message', becomes: 'silent' },
  {
    name: '.gitattributes',
    content: '* filter=evil diff=evil merge=evil text eol=crlf working-tree-encoding=UTF-16\n',
    becomes: 'silent',
  },
  // hostile text in fields and body: shown by every command, to be stripped
  {
    name: 'ansi.md',
    content: say(
      `${TO}\nfrom: mallory\nsubject: "\\e[2Jsubject\\x9b31m"`,
      '\u001b]0;owned\u0007\u001b[2J\u009b31mred\u202e\u0000'.replace('\u0000', ''),
    ),
    becomes: 'answered',
  },
  {
    name: 'ansi-rejected.md',
    content: say(`${TO}\npriority: "\\e[2J\\x9b31m"`),
    becomes: /priority|-9/,
  },
];

let fleet: Fleet;
let host: Host;
let planter: Planter;

beforeAll(async () => {
  const script = "console.log('seen ' + prompt.trimEnd().split('\\n').at(-1));";
  fleet = await startFleet((place) => `models:\n${agentEntry('echo', { place, script })}`);
  // What careful people set for themselves must not cut a host off from a transport with odd trees
  // in it; this remote takes them. And filters and drivers that the repository's attributes would
  // like to see used.
  const touch = `touch ${join(fleet.place, MARK)}; cat`;
  const keys = [
    '[core]\n\tfsmonitor',
    '[filter "evil"]\n\tclean',
    '[filter "evil"]\n\tsmudge',
    '[diff "evil"]\n\ttextconv',
    '[diff "evil"]\n\tcommand',
  ];
  const checks = ['[transfer]\n\tfsckObjects = true', '[fetch]\n\tfsckObjects = true'];
  writeFileSync(
    join(fleet.place, '.gitconfig'),
    [...checks, ...keys.map((key) => `${key} = "${touch}"`)].join('\n'),
  );
  for (const section of ['receive', 'transfer'])
    execFileSync('git', ['config', `${section}.fsckObjects`, 'false'], { cwd: fleet.remote });
  planter = createPlanter(fleet.remote, { ...fleet.env, GIT_CONFIG_GLOBAL: '/dev/null' });
  host = fleet.start('a', ['--concurrency', '8']);
  await oneMoreAnswer(host, planter.write);
  plantCases();
  const answered = CASES.filter(({ becomes }) => becomes === 'answered');
  const isAnswered = ({ name }: Case): boolean =>
    eventsOf(host, 'reply.published').some(
      ({ message }) => message === `${GENERAL}/${String(name)}`,
    );
  await untilHost(host, () => answered.every(isAnswered));
  for (let times = 0; times < 3; times += 1) await oneMoreAnswer(host, planter.write);
});

afterAll(() => fleet.close());

function plantCases(): void {
  const oidOf = ({ content, mode }: Case): string =>
    mode === '160000' ? '1'.repeat(40) : planter.blob(content);
  const entries = CASES.map((one): RawEntry => ({
    name: one.name,
    oid: oidOf(one),
    mode: one.mode ?? '100644',
  }));
  const hello = planter.blob(say(TO));
  const folder = (name: string): RawEntry => ({
    name,
    oid: planter.tree([{ name: 'inside.md', oid: hello }]),
    mode: '040000',
  });
  planter.plant(GENERAL, [
    ...entries,
    ...['..', '.', '.git', '.GIT', '.gi\u200ct', 'sub dir'].map(folder),
    // 10: twins on file systems that fold case and normalisation
    ...['twin-caf\u00e9.md', 'twin-cafe\u0301.md', 'Twin-Case.md', 'twin-case.md'].map((name) => ({
      name,
      oid: hello,
    })),
  ]);
  // 11 and 23: one id twice in a channel and in two channels, dates that are none
  const day = '2026/11/21';
  planter.plant(`${GENERAL}/${day}`, [{ name: `000000000Z-${ULID}.md`, oid: hello }]);
  planter.plant(`${GENERAL}/copy`, [{ name: `000000000Z-${ULID}.md`, oid: hello }]);
  planter.plant(`data/channels/elsewhere/${day}`, [{ name: `000000000Z-${ULID}.md`, oid: hello }]);
  planter.plant(`${GENERAL}/2026/13/45`, [{ name: 'no-such-day.md', oid: hello }]);
  planter.plant('data/channels', [
    { name: 'a-link', oid: planter.blob('../../../../'), mode: '120000' },
    { name: 'stray.md', oid: hello },
    { name: 'Upper', oid: planter.tree([{ name: 'm.md', oid: hello }]), mode: '040000' },
    { name: '\u001b[31mred', oid: planter.tree([{ name: 'm.md', oid: hello }]), mode: '040000' },
    { name: 'deep', oid: nested(60, 'd'), mode: '040000' },
    { name: 'bomb', oid: bomb(12), mode: '040000' },
    { name: 'endless', oid: nested(6, 'd'.repeat(200)), mode: '040000' },
  ]);
  planter.plant('', [
    { name: '.gitattributes', oid: planter.blob('* filter=evil diff=evil merge=evil\n') },
  ]);
}

/** A few trees that stand at more paths than anybody can list. */
function bomb(levels: number): string {
  let oid = planter.tree([{ name: 'm.md', oid: planter.blob(say(TO)) }]);
  for (let level = 0; level < levels; level += 1)
    oid = planter.tree(
      Array.from({ length: 8 }, (_, at): RawEntry => ({ name: `n${at}`, oid, mode: '040000' })),
    );
  return oid;
}

function nested(levels: number, name: string): string {
  let tree = planter.tree([{ name: 'm.md', oid: planter.blob(say(TO)) }]);
  for (let level = 1; level < levels; level += 1)
    tree = planter.tree([{ name, oid: tree, mode: '040000' }]);
  return tree;
}

interface Rejected {
  readonly path: string;
  readonly found: string;
  readonly expected: string;
}

const rejectedNow = async (): Promise<readonly Rejected[]> =>
  (await askJson(fleet, 'a', ['status']))['rejected'] as readonly Rejected[];
const repliesBelow = (folder: string): readonly string[] =>
  planter
    .git(['ls-tree', '-r', '-z', '--name-only', 'main', '--', folder])
    .split('\0')
    .filter((path) => path.includes('.re.'));

describe('a commit full of odd files', () => {
  it('gets each message that is one answered once, and each file that is none reported with its reason', async () => {
    const rejected = new Map(
      (await rejectedNow()).map((file) => [file.path, `${file.found}; expected ${file.expected}`]),
    );
    const replies = repliesBelow(GENERAL);
    const wrong = CASES.flatMap(({ name, becomes }) => {
      const path = `${GENERAL}/${Buffer.from(name).toString('utf8')}`;
      const reply = replies.filter((one) => one.startsWith(`${path.slice(0, -3)}.re.`)).length;
      const says = rejected.get(path) ?? '';
      const fits =
        becomes === 'answered'
          ? reply === 1 && says === ''
          : becomes === 'silent'
            ? reply === 0 && says === ''
            : reply === 0 && becomes.test(says);
      return fits
        ? []
        : [
            `${JSON.stringify(path)}: ${reply} replies, says ${JSON.stringify(says.slice(0, 200))}, expected ${String(becomes)}`,
          ];
    });
    expect(wrong).toEqual([]);
  });

  it('runs of twins one each: folded case, folded normalisation, one id in one channel', () => {
    const answered = (pattern: RegExp): number =>
      [GENERAL, 'data/channels/elsewhere']
        .flatMap((folder) => repliesBelow(folder))
        .filter((path) => pattern.test(path)).length;
    expect(answered(/twin-caf/)).toBe(1);
    expect(answered(/twin-case/i)).toBe(1);
    expect(answered(new RegExp(`general/.*${ULID}`))).toBe(1);
    expect(answered(new RegExp(`elsewhere/.*${ULID}`))).toBe(1);
    expect(answered(/2026\/13\/45\/no-such-day/)).toBe(1);
  });

  it('reports what lies in no channel, in "..", in ".git" and too deep, and follows no link', async () => {
    const paths = (await rejectedNow()).map(({ path }) => path);
    const expected = ['..', '.', '.git', '.GIT'].map((name) => `${GENERAL}/${name}/inside.md`);
    expect(paths).toEqual(
      expect.arrayContaining([
        ...expected,
        'data/channels/a-link',
        'data/channels/bomb',
        'data/channels/stray.md',
        'data/channels/Upper/m.md',
      ]),
    );
    expect(paths.filter((path) => path.startsWith('data/channels/endless/'))).toHaveLength(1);
    expect(repliesBelow('data/channels/deep')).toHaveLength(1);
    expect(repliesBelow(`${GENERAL}/sub dir`)).toHaveLength(1);
  });

  it('is told of in the log once for each file, however often the host looks', () => {
    const told = eventsOf(host, 'message.rejected').map(({ path }) => path);
    expect(told.length).toBeGreaterThan(20);
    expect(new Set(told).size).toBe(told.length);
  });

  it('never executes, writes or reads anything beside the state directory', () => {
    expect(existsSync(join(fleet.place, MARK))).toBe(false);
    expect(existsSync(join(process.cwd(), MARK))).toBe(false);
    expect(fleet.git('for-each-ref', '--format=%(refname)', 'refs/heads')).toBe(
      'refs/heads/main\n',
    );
    expect(
      eventsOf(
        host,
        'tick.broken',
        'stderr',
        'remote.unreachable',
        'attempt.broken',
        'publish.broken',
      ),
    ).toEqual([]);
    const known = [
      '.gitconfig',
      'agents',
      'config',
      'gitconfig',
      'runs.log',
      'state-a',
      'team',
      'team.git',
    ];
    expect(readdirSync(fleet.place).sort()).toEqual(known);
  });

  it('keeps the dispatcher small although one file has 100 MB', () => {
    expect(peakMiB(host.pid)).toBeLessThan(300);
  });

  it('puts nothing but text on a terminal, whatever command shows it', async () => {
    const commands = [
      ['status'],
      ['log', '--limit', '200'],
      ['channels'],
      ['hosts'],
      ['models'],
      ['search', 'red'],
      ['thread', 'ansi'],
      ['show', 'ansi'],
      ['why', 'ansi'],
      ['verify'],
    ];
    const about = [
      'ansi-rejected',
      `${GENERAL}/two\nlines.md`,
      `${GENERAL}/huge.md`,
      'link',
      'bomb',
    ].flatMap((id) => [
      ['show', id],
      ['why', id],
    ]);
    for (const args of [...commands, ...about]) {
      await ask(fleet, 'a', args);
      if (!JSON_TOO.includes(args[0] ?? '')) continue;
      const { stdout } = await ask(fleet, 'a', [...args, '--json']);
      expect(() => JSON.parse(stdout) as unknown, args.join(' ')).not.toThrow();
    }
  });

  it('is judged by lint as by the host, without a control code', async () => {
    const wrong: string[] = [];
    const folder = join(fleet.place, 'linted');
    fleet.git('clone', '-q', '--no-checkout', fleet.remote, folder);
    const files = CASES.filter(
      ({ mode, becomes }) => mode === undefined && becomes !== 'silent',
    ).map((one, index) => {
      writeFileSync(join(folder, `${index}.md`), one.content);
      return { ...one, path: join(folder, `${index}.md`) };
    });
    const told = (await askJson(fleet, 'a', ['lint', ...files.map(({ path }) => path)]))[
      'files'
    ] as readonly {
      file: string;
      ok: boolean;
    }[];
    for (const { path, name, becomes } of files) {
      const nameIsBad = becomes instanceof RegExp && /^(control|git mv)/.test(becomes.source);
      if (told.find(({ file }) => file === path)?.ok !== (becomes === 'answered' || nameIsBad))
        wrong.push(JSON.stringify(name));
    }
    expect(wrong).toEqual([]);
    await ask(fleet, 'a', ['lint', ...files.map(({ path }) => path)]);
    rmSync(folder, { recursive: true });
  });

  it('writes a log of JSON lines without control codes', () => {
    const id =
      readdirSync(join(fleet.place, 'state-a')).find((name) => /^[0-9a-f]{16}$/.test(name)) ?? '';
    const log = readFileSync(join(fleet.place, 'state-a', id, 'log.jsonl'), 'utf8');
    expectPlain(log, 'log');
    for (const line of log.trimEnd().split('\n'))
      expect(() => JSON.parse(line) as unknown).not.toThrow();
  });
});
