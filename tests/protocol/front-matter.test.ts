import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  MESSAGE_BYTES_MAX,
  readFrontMatter,
  writeFrontMatter,
} from '../../src/protocol/front-matter.ts';
import { decodeMessage, formatMessage } from '../../src/protocol/message.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text, 'utf8');
const read = (text: string) => readFrontMatter(bytes(text));
const fieldsOf = (text: string) => {
  const decoded = decodeMessage(bytes(text));
  return decoded.kind === 'message' ? decoded.message.fields : decoded.rejection;
};
const marker = globalThis as { executed?: boolean };

describe('front matter', () => {
  it.each([
    '---js',
    '---javascript',
    '---JS',
    '--- js',
    '---json',
    '---toml',
    '---yaml',
    '---title',
    '----',
    ' ---',
    '+++',
    '',
  ])('refuses %j as a first line and executes nothing', (first) => {
    const result = read(`${first}\n{ executed: (globalThis.executed = true) }\n---\nbody\n`);
    expect(result).toMatchObject({
      kind: 'rejected',
      rejection: { line: 1, expected: expect.stringContaining('---') as string },
    });
    expect(marker.executed).toBeUndefined();
  });

  it('refuses a malformed file in the same way each time it is read', () => {
    const text = '---\nto: [opus\n---\nhi\n';
    const first = read(text);
    expect(first.kind).toBe('rejected');
    expect(read(text)).toEqual(first);
    expect(read(text)).toEqual(first);
  });

  it('tells a person who wrote "from: @claude" to quote it, with line and column', () => {
    const result = read('---\nto: opus\nfrom: @claude\n---\nhi\n');
    expect(result).toMatchObject({
      kind: 'rejected',
      rejection: {
        line: 3,
        found: expect.stringContaining('"@"') as string,
        expected: expect.stringContaining('quote it') as string,
      },
    });
  });

  it('keeps what looks like other types as text', () => {
    const result = read(
      '---\nre: 12:30\nid: 0123\nflag: yes\nday: 2026-11-21\nhex: 0x1f\nnothing: null\n---\n',
    );
    expect(result).toMatchObject({
      kind: 'read',
      fields: {
        re: '12:30',
        id: '0123',
        flag: 'yes',
        day: '2026-11-21',
        hex: '0x1f',
        nothing: 'null',
      },
    });
  });

  it('refuses aliases and endless heads in linear time', () => {
    expect(read('---\na: &a [x]\nb: *a\n---\n').kind).toBe('rejected');
    expect(read(`---\n${'\n'.repeat(70_000)}---\n`)).toMatchObject({
      kind: 'rejected',
      rejection: { expected: expect.stringContaining('---') as string },
    });
    expect(read(`---\nto: x\n---\n${'\n'.repeat(500_000)}`).kind).toBe('read');
    expect(read(`---\n${'- '.repeat(30_000)}\n---\n`).kind).toBe('rejected');
  });

  it('refuses UTF-16, NUL, LFS pointers and what is too large, and reads windows-1252 with a warning', () => {
    expect(readFrontMatter(Buffer.from('\ufeff---\nto: a\n---\n', 'utf16le'))).toMatchObject({
      kind: 'rejected',
      rejection: { found: 'UTF-16' },
    });
    expect(read('---\nto: a\n---\nx\0y')).toMatchObject({
      kind: 'rejected',
      rejection: { line: 4, found: 'a NUL byte' },
    });
    expect(read('version https://git-lfs.github.com/spec/v1\noid sha256:0\n')).toMatchObject({
      kind: 'rejected',
      rejection: { found: 'a Git LFS pointer' },
    });
    expect(readFrontMatter(new Uint8Array(MESSAGE_BYTES_MAX + 1)).kind).toBe('rejected');
    const latin = readFrontMatter(
      Buffer.concat([Buffer.from('---\nto: a\n---\ncaf'), Buffer.from([0xe9])]),
    );
    expect(latin).toMatchObject({
      kind: 'read',
      body: 'café',
      warnings: [expect.stringContaining('windows-1252') as string],
    });
  });

  it('strips one byte order mark and takes Windows line ends', () => {
    expect(read('\ufeff---\r\nto: opus\r\n---\r\nhi\r\n')).toMatchObject({
      kind: 'read',
      fields: { to: 'opus' },
      body: 'hi\r\n',
    });
  });

  it('returns any body and any text fields as they were written', () => {
    const text = fc
      .string({ unit: 'grapheme', maxLength: 60 })
      .filter((value) => !value.includes('\0') && value.trim() !== '');
    const key = fc.stringMatching(/^[a-z][a-z_]{0,12}$/);
    fc.assert(
      fc.property(
        fc.dictionary(key, text, { maxKeys: 6 }),
        fc.string({ unit: 'grapheme', maxLength: 200 }),
        (fields, raw) => {
          const body = raw.replaceAll('\0', '');
          const result = read(writeFrontMatter(fields, body));
          expect(result.kind).toBe('read');
          if (result.kind !== 'read') return;
          expect({ ...result.fields }).toEqual(fields);
          expect(result.body).toBe(body.endsWith('\n') || body === '' ? body : `${body}\n`);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('survives 2,000 mutated messages without a crash, a hang or an execution', () => {
    const seed = formatMessage(
      {
        to: ['opus', 'gpt@mbp'],
        from: 'maintainer',
        timestamp: '2026-11-21T06:40:20Z',
        re: ['data/channels/a/b.md'],
      },
      'Body\n---\nto: evil\n',
    );
    const pieces = [
      '---',
      '---js',
      '\n',
      ':',
      '!!js/function',
      '&a',
      '*a',
      '{{',
      '\0',
      '\u202e',
      '\ufffd',
      '- ',
      '? ',
      '|',
      '>',
      '%',
      "'",
      '"',
      '\t',
      '<<: ',
      '__proto__: x',
      '🦊',
      '\r',
    ];
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(seed.length), fc.nat(12), fc.constantFrom(...pieces)), {
          minLength: 1,
          maxLength: 8,
        }),
        (edits) => {
          let text = seed;
          for (const [at, cut, piece] of edits)
            text = text.slice(0, at) + piece + text.slice(at + cut);
          const started = performance.now();
          decodeMessage(bytes(text));
          expect(performance.now() - started).toBeLessThan(1_000);
          expect(marker.executed).toBeUndefined();
          expect(({} as { x?: unknown }).x).toBeUndefined();
        },
      ),
      { numRuns: 2_000 },
    );
  }, 120_000);
});

describe('a message', () => {
  it('needs nothing but "to:"', () => {
    expect(fieldsOf('---\nto: opus\n---\nhi\n')).toMatchObject({
      to: [{ name: 'opus', host: null }],
      from: null,
      timestampMs: null,
      hops: 0,
    });
    expect(fieldsOf('---\nsubject: x\n---\nhi\n')).toMatchObject({ found: 'no "to:"' });
    expect(fieldsOf('')).toMatchObject({ line: 1 });
  });

  it('addresses each name as documented: lists, commas, hosts, letter case', () => {
    expect(fieldsOf('---\nto: [a, b]\n---\n')).toMatchObject({
      to: [{ name: 'a' }, { name: 'b' }],
    });
    expect(fieldsOf('---\nto: a, B@Host\n---\n')).toMatchObject({
      to: [
        { name: 'a', host: null },
        { name: 'b', host: 'host' },
      ],
    });
    expect(fieldsOf('---\nto: a/b/c\n---\n')).toMatchObject({
      line: 2,
      found: expect.stringContaining('a/b/c') as string,
    });
    expect(fieldsOf('---\nto: {a: b}\n---\n')).toMatchObject({ line: 2 });
  });

  it('takes quoted and unquoted times and says what a wrong one should be', () => {
    const at = Date.parse('2026-11-21T06:40:20Z');
    expect(fieldsOf('---\nto: a\ntimestamp: 2026-11-21T06:40:20Z\n---\n')).toMatchObject({
      timestampMs: at,
    });
    expect(fieldsOf('---\nto: a\ntimestamp: "2026-11-21T06:40:20Z"\n---\n')).toMatchObject({
      timestampMs: at,
    });
    expect(fieldsOf('---\nto: a\ntimestamp: yesterday\n---\n')).toMatchObject({
      line: 3,
      expected: expect.stringContaining('2026-11-21T06:40:20Z') as string,
    });
  });

  it('ignores unknown fields and refuses known ones of another form, with their line', () => {
    expect(fieldsOf('---\nto: a\nmood: {deep: [1]}\n---\n')).toMatchObject({ to: [{ name: 'a' }] });
    expect(fieldsOf('---\nto: a\nhops: many\n---\n')).toMatchObject({
      line: 3,
      found: expect.stringContaining('many') as string,
    });
    expect(fieldsOf('---\nto: a\ntype: robot\n---\n')).toMatchObject({
      expected: 'one of message, workflow',
    });
    expect(fieldsOf('---\nto: a\nre: ../../etc/passwd\n---\n')).toMatchObject({ line: 3 });
  });

  it('never takes a field from its body', () => {
    expect(fieldsOf('---\nto: a\n---\n---\nto: evil\nfrom: boss\n---\n')).toMatchObject({
      to: [{ name: 'a' }],
      from: null,
    });
  });
});
