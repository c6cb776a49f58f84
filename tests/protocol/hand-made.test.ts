/** Files as people write them: each is a message, or is told in one line what would make it one. */
import { describe, expect, it } from 'vitest';
import { decodeBudgets } from '../../src/protocol/budgets.ts';
import { decodeMessage } from '../../src/protocol/message.ts';
import { asksSomebody, mayBeText } from '../../src/protocol/misplaced.ts';
import { isPortable } from '../../src/protocol/names.ts';
import { decodeModels } from '../../src/protocol/decode-models.ts';
import { parseMessagePath } from '../../src/protocol/paths.ts';
import { readYamlMapping } from '../../src/protocol/yaml.ts';
import { oddFile } from '../../src/transport/odd-file.ts';

const read = (head: string) => decodeMessage(Buffer.from(`---\n${head}\n---\nhello\n`));

describe('names', () => {
  it.each([
    ['ada', 'ada'],
    ['André', 'andre'],
    ['Ada Lovelace', 'ada-lovelace'],
    ["Flann O'Brien", 'flann-o-brien'],
    ['Łukasz', 'lukasz'],
    // Nothing is left of it: the author of the commit is asked instead.
    ['李明', 'liming'],
    ['"José María"', 'jose-maria'],
  ])('from: %s is %s', (from, name) => {
    expect(read(`to: opus\nfrom: ${from}`)).toMatchObject({ message: { fields: { from: name } } });
  });

  it.each([
    ['Ada Lovelace', ['ada-lovelace']],
    ['André', ['andre']],
    ['[opus, Ada Lovelace]', ['opus', 'ada-lovelace']],
    ['opus, GPT', ['opus', 'gpt']],
    ['opus@laptop', ['opus']],
  ])('to: %s asks %j', (to, names) => {
    const message = read(`to: ${to}`);
    expect(message.kind === 'message' && message.message.fields.to.map(({ name }) => name)).toEqual(
      names,
    );
  });
});

it.each([
  ['to: opus\npriority: high\nhops: many', 3, 'priority'],
  ['to: opus\nhops: many\npriority: high', 3, 'hops'],
  ['wait: perhaps\nto: opus gpt', 2, 'wait'],
  ['project: A B\nsubject: x', 2, 'project'],
  ['child_channel: A B\ntype: flow\nto: workflow', 2, 'child_channel'],
])('reports the first of several wrong fields in the file: %j', (head, line, key) => {
  expect(read(head)).toMatchObject({
    rejection: { line, found: expect.stringContaining(`${key}: `) as string },
  });
});

describe('a name that becomes a file', () => {
  it.each(['aux', 'CON', 'nul.md', 'com1', 'lpt9.txt', 'git~1', 'x.', 'x ', 'a:b', 'a?.md', 'a|b'])(
    '%s cannot exist on every machine',
    (name) => expect(isPortable(name)).toBe(false),
  );

  it.each(['general', 'auxiliary', 'console.md', 'com10x', 'x.y', 'Ada Lovelace.md', 'null'])(
    '%s is one',
    (name) => expect(isPortable(name)).toBe(true),
  );
});

describe('faulty front matter', () => {
  it.each([
    ['To: opus', 2, '"To:"', '"to:"'],
    ['TO : opus', 2, '"TO:"', '"to:"'],
    ['from: ada', 1, 'no "to:"', 'to: <model'],
    ['to: opus gpt', 2, 'to: text "opus gpt"', 'commas between several names: opus, gpt'],
    ['to: opus or gpt', 2, 'opus or gpt', 'commas between several names: opus, gpt'],
    ['to: opus:', 2, '":" at the end', 'the name alone: opus'],
    ['to: opus\n--- # x', 3, '"--- # x"', '---, alone'],
    ['to: opus gpt gemini', 2, 'opus gpt gemini', 'opus, gpt, gemini'],
    ['to: opus\n\tsubject: x', 3, 'a tab', 'remove the tab'],
    ['to: opus\n  \tsubject: x', 3, 'a tab', 'remove the tab'],
    ['to: opus\nto: gpt', 3, '"to:" a second time', 'remove one'],
    ['to: opus\nsubject: Re: x', 3, '": " inside a value', 'subject: "Re: x"'],
    ['to: opus\nsubject: note: a: b', 3, '": " inside a value', 'quotes'],
    ['to: [opus, gpt', 2, '"[" that is not closed', '"]"'],
    ['to: {opus', 2, '"{" that is not closed', 'the name alone: opus'],
    ['to: opus\nfiles: [a.md,\n  b.md', 3, '"[" that is not closed', '"]"'],
    ['to: "opus', 2, `'"' that is not closed`, 'the same'],
    ["to: 'opus", 2, `"'" that is not closed`, 'the same'],
    ['to:\u00a0opus\nfrom: ada', 2, 'U+00A0', 'ordinary space'],
    ['\u3000to: opus', 2, 'U+3000', '"to:"'],
    ['to:opus\nfrom: ada', 2, 'no space after "to:"', 'to: opus'],
    ['to:opus', 2, 'no space after "to:"', 'to: opus'],
    ['to: opus\nfrom: @ada', 3, '"@"', 'the name alone: ada'],
    ['to: opus\nsubject: `x`', 3, '"`"', 'quote it'],
    ['to: opus\nsubject: %x', 3, '"%"', 'quote it'],
    ['to: opus\nhops: many', 3, 'hops: text "many"', 'a whole number'],
    ['to: opus\npriority: 12', 3, 'priority: text "12"', '-9 to 9'],
    ['to: opus\nwait: maybe', 3, 'wait: text "maybe"', 'true or false'],
    ['to: opus\ntimestamp: tomorrow', 3, 'timestamp: text "tomorrow"', 'a time such as'],
    ['to: opus\ntype: telegram', 3, 'type: text "telegram"', 'message, workflow'],
    ['to: opus\nfiles: ./../a.md', 3, 'files: text', 'a path in the transport'],
    ['to: opus\nfiles: [a, [b]]', 3, 'files: item 2: a list', 'a list of texts'],
    ['to: opus\nsubject: {a: b}', 3, 'subject: a mapping', 'one text'],
    ['to: opus\nplease answer', 3, 'which has no "key:"', '"key: value"'],
    ['to: a#b', 2, 'to: text "a#b"', 'an address'],
    ['to: opus@@x', 2, 'opus@@x', 'an address'],
    ['to: opus\nx: &a 1\ny: *a', 4, 'alias', 'refused'],
    ['to: opus\nx: !!js/undefined x', 3, 'tag', 'a plain value'],
    [`to: opus\nx: ${'['.repeat(40)}${']'.repeat(40)}`, 3, 'too many levels', 'at most 24'],
    ['- to: opus', 2, 'a list', '"key: value"'],
    ['just words', 2, 'which has no "key:"', '"key: value"'],
  ])('%j is reported on line %i: found %s, expected %s', (head, ...right) => {
    const [line, found, expected] = right;
    const told = read(head);
    expect(told).toMatchObject({ kind: 'rejected' });
    if (told.kind === 'message') return;
    expect(told.rejection).toMatchObject({
      found: expect.stringContaining(found) as string,
      expected: expect.stringContaining(expected) as string,
    });
    expect(told.rejection.line).toBe(line);
    expect(`${told.rejection.found}${told.rejection.expected}`).not.toContain('\n');
  });
});

it.each([
  ...[
    '`opus`',
    '**opus**',
    '*opus*',
    '{opus}',
    '{opus: }',
    '[`opus`]',
    '- opus',
    '<opus>',
    '_opus_',
  ],
  ...[
    '@opus',
    '!opus',
    '&opus',
    '%opus',
    '#opus',
    '> opus',
    '| opus',
    '(opus)',
    '“opus”',
    '"`opus`"',
  ],
  ...['opus:', 'opus;', 'opus: fast', 'model: opus', '{name: opus}', '{opus', '[opus', 'opus]'],
  ...['"opus', "'opus", '\n  - `opus`', '\n- **opus**', '\n- @opus # the fast one'],
])('the name suggested for a refused one, to: %s, is accepted', (given) => {
  let told = read(`to: ${given}`);
  const names = told.kind === 'rejected' ? /: ([^:]*)$/.exec(told.rejection.expected)?.[1] : given;
  if (told.kind === 'rejected' && /same|"]"/.test(told.rejection.expected)) return;
  expect(names).toBe('opus');
  told = read(`to: ${String(names)}`);
  expect(told).toMatchObject({ message: { fields: { to: [{ name: 'opus' }] } } });
});

it.each(['**to**: opus', '**to:** opus', '`to`: opus', 'to = opus', 'to => opus', 'to opus'])(
  'a line that resembles a field, %s, is reported as that field',
  (line) =>
    expect(read(line)).toMatchObject({ rejection: { line: 2, expected: 'the line to: opus' } }),
);

describe('front matter without an end', () => {
  it.each([
    ['---\nto: opus\n--\nhi\n', 3, '"--"'],
    ['---\nto: opus\nsubject: x\n-----\nhi\n', 4, '"-----"'],
    ['---\nto: opus\n ---\nhi\n', 3, '" ---"'],
    ['---\nto: opus\n—\nhi\n', 3, '"—"'],
    ['---\nto: opus\n...\nhi\n', 3, '"..."'],
    ['---\nto: opus\n---hi\n', 3, '"---hi"'],
    ['---\nto: opus\n\nhi\n', 4, '"hi" after fields'],
    ['---\nto: opus\nHi: all,\n\nNote: this\n', 5, '"Note: this" after fields'],
    ['---\nto: opus\n  - codex\n', 3, 'fields that do not end'],
    [`---\nto: opus\n${'# x\n'.repeat(20_000)}`, 1, 'no closing ---'],
  ])('%j: line %d', (text, line, found) => {
    expect(decodeMessage(Buffer.from(text))).toMatchObject({
      kind: 'rejected',
      rejection: { line, found: expect.stringContaining(found) as string },
    });
  });
});

describe('a file that was meant as a message but has another name', () => {
  it.each(
    'x.txt x.md.txt x.markdown x HELLO x.eml x.MD x.md~ x.mdx x.md2 #x.md# x.rtf x.yaml x.json'.split(
      ' ',
    ),
  )('%s may be one', (name) => expect(mayBeText(name)).toBe(true));
  it.each(['README.md', 'CLAUDE.md', 'COMPLETE', '.hidden', 'x.png', 'data.csv', 'LICENSE'])(
    '%s is none',
    (name) => expect(mayBeText(name)).toBe(false),
  );
  it.each([
    ['---\nto: opus\n---\nhi\n', true],
    ['\ufeff---\r\nfrom: ada\r\nTo: opus\r\n---\r\nhi', true],
    ['---\nto : [opus, gpt]\nsubject: x\n---\n', true],
    ['---\nname: a page\n---\nto: opus\n', false],
    ['---\nto: opus\nand no end', false],
    ['To: ada@example.org\nSubject: mail\n\nhi', false],
    ['', false],
  ])('%j: %s', (text, isMeant) => expect(asksSomebody(Buffer.from(text))).toBe(isMeant));
});

describe('a file where no message can be', () => {
  const told = (path: string) =>
    oddFile({ kind: 'written', path, entry: 'file', blob: '' as never });

  it.each([
    ['data/channels/x.md', 'git mv data/channels/x.md data/channels/general/x.md'],
    ['data/channels/General/x.md', 'git mv data/channels/General data/channels/general'],
    ['data/channels/Release notes/x.md', 'data/channels/release-notes'],
    ['data/channels/general/x.MD', 'git mv data/channels/general/x.MD data/channels/general/x.md'],
    ['data/channels/general/Hello.Md', 'data/channels/general/Hello.md'],
    ['data/channels/général/x.md', 'data/channels/general'],
  ])('%s: %s', (path, expected) => {
    expect(told(path)?.expected).toContain(expected);
  });

  it.each([
    'data/channels/general/README.md',
    'data/channels/general/readme.md',
    'data/channels/general/index.md',
    'data/channels/general/2026/_draft.md',
    'data/channels/general/CHANNEL.md',
  ])('%s describes its folder, and is neither message nor fault', (path) => {
    expect(parseMessagePath(path)).toBeNull();
    expect(told(path)).toBeNull();
  });
});

describe('models.yaml and budgets.yaml', () => {
  const entry = (yaml: string) => decodeModels(`models:\n  m:\n    adapter: claude\n${yaml}`);

  it.each([
    ['model: 4.10', '4.10'],
    ['model: 0x10', '0x10'],
    ['model: 1e3', '1e3'],
    ['model: 007', '007'],
    ['model: "opus"', 'opus'],
  ])('%s stays as written', (line, model) => {
    expect(entry(`    ${line}\n`).models.get('m')?.model).toBe(model);
  });

  it.each([
    ['fallback: []', 'an empty list', 'at least one text'],
    ['command: [say, 5]', 'item 2: number "5"', 'a number in quotes'],
    ['env: [A, null]', 'item 2: nothing', 'a list of texts'],
    ['wrapper: [bwrap, [x]]', 'item 2: a list', 'a list of texts'],
  ])('%s says which item', (line, found, expected) => {
    const [problem] = entry(`    ${line}\n`).problems;
    expect(problem).toMatchObject({
      line: 4,
      found,
      expected: expect.stringContaining(expected) as string,
    });
  });

  it('a line of 60,000 spaces takes no longer than any other', () => {
    const yaml = `    x: |\n${' '.repeat(60_000)}\n    timeout: never\n`;
    expect(entry(yaml).problems.length).toBeGreaterThan(0);
    expect(decodeBudgets(`x: |\n${' '.repeat(60_000)}\nusd-per-day: many\n`).budgets).toBeNull();
  });
});

describe('only own keys exist', () => {
  const NAMES = ['toString', 'constructor', 'hasOwnProperty', 'valueOf', '__proto__'];

  it.each(NAMES)('%s is found in no parsed file', (name) => {
    const plain = readYamlMapping('a: {b: 1}', 'typed');
    expect(plain.kind === 'mapping' && plain.value[name]).toBeUndefined();
    const given = readYamlMapping(`${name}: {x: 1}`, 'typed');
    expect(given.kind === 'mapping' && Object.keys(given.value)).toEqual([name]);
  });

  it.each(NAMES)('a model or budget named %s is refused', (name) => {
    expect(decodeModels(`models:\n  ${name}: {adapter: claude}\n`).models.size).toBe(
      /^[a-z]+$/.test(name) ? 1 : 0,
    );
    expect(decodeBudgets(`${name}: 1\n`).budgets).toBeNull();
  });
});
