import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ATTACHMENTS_BYTES_MAX,
  ATTACHMENTS_MAX,
  amountProblem,
  harmlessNames,
  nameAttachments,
} from '../../src/protocol/attachments.ts';
import {
  attachmentFolder,
  isAttachment,
  parseMessagePath,
  pathProblem,
} from '../../src/protocol/paths.ts';
import { composeReply, NO_RUN } from '../../src/protocol/reply.ts';

const message = 'data/channels/general/2026/q.md';
const hostile = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.constantFrom('.', '/', '\\', 'a', '-', ' ', '\u202e', '\n', ':', '~') }),
  fc.constantFrom(
    '..',
    '.git',
    'CON',
    'nul.txt',
    '/etc/passwd',
    '../../x',
    '-rf',
    'a\u0000b',
    '.bashrc',
    'git~1',
    '%2e%2e',
  ),
);

describe('the names of files', () => {
  it('are one harmless part each and never alike, whatever they were', () => {
    fc.assert(
      fc.property(fc.array(hostile, { maxLength: 12 }), (given) => {
        const names = harmlessNames(given);
        expect(names).toHaveLength(given.length);
        expect(new Set(names.map((name) => name.toLowerCase())).size).toBe(given.length);
        for (const name of names) {
          expect(name).toMatch(/^[^./\\\s-][^/\\:*?"<>|\u0000-\u001f\u202a-\u202e\u2066-\u2069]*$/);
          expect(pathProblem(`${attachmentFolder(message)}/${name}`)).toBeNull();
          expect(Buffer.byteLength(name)).toBeLessThanOrEqual(150);
        }
      }),
    );
  });

  it('keep what is harmless', () => {
    const plain = ['a.png', 'Größe (2).pdf', 'x_y+z@1.tar.gz', '報告.txt'];
    expect(harmlessNames(plain)).toEqual(plain);
    expect(harmlessNames(['a.md', 'A.md'])).toEqual(['a.md', '2-A.md']);
    expect(harmlessNames([`${'x'.repeat(300)}.pdf`])[0]).toMatch(/^x{100,}\.pdf$/);
  });
});

describe('the paths that a message names', () => {
  it('never leave its channel', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            hostile,
            fc.constantFrom('data/channels/general/a', 'data/channels/other/a', 'data/models.yaml'),
          ),
        ),
        (files) => {
          const named = nameAttachments(message, files);
          if (named.kind === 'refused') return;
          for (const { path } of named.files) {
            expect(path.startsWith('data/channels/general/')).toBe(true);
            expect(path.split('/')).not.toContain('..');
          }
        },
      ),
    );
  });

  it.each([
    ['../x', '".."'],
    ['/etc/passwd', 'empty'],
    ['a/../../b', '".."'],
    ['data/channels/other/x.png', 'another channel'],
    ['data/models.yaml', 'another channel'],
    ['.git/config', '.git'],
  ])('%s is refused', (file, why) => {
    expect(nameAttachments(message, [file])).toMatchObject({
      kind: 'refused',
      why: expect.stringContaining(why) as string,
    });
  });

  it('are relative to the message, or whole', () => {
    expect(
      nameAttachments(message, ['q.files/a.png', 'data/channels/general/b/a.png', 'q.files/a.png']),
    ).toEqual({
      kind: 'named',
      files: [
        { path: 'data/channels/general/2026/q.files/a.png', name: 'a.png' },
        { path: 'data/channels/general/b/a.png', name: '2-a.png' },
      ],
    });
  });

  it('are not too many, and not too large together', () => {
    const many = Array.from({ length: ATTACHMENTS_MAX + 1 }, (_, at) => `${at}.png`);
    expect(nameAttachments(message, many)).toMatchObject({ kind: 'refused' });
    expect(amountProblem('x', [ATTACHMENTS_BYTES_MAX])).toBeNull();
    expect(amountProblem('x', [ATTACHMENTS_BYTES_MAX, 1])).toContain(String(ATTACHMENTS_BYTES_MAX));
  });
});

describe('a folder of files', () => {
  it('holds no messages, whatever they are called', () => {
    for (const path of [
      'q.re.opus.files/note.md',
      'q.files/deep/x.re.opus.md',
      'q.files/CHANNEL.md',
    ]) {
      expect(parseMessagePath(`data/channels/general/${path}`)).toBeNull();
      expect(isAttachment(`data/channels/general/${path}`)).toBe(true);
    }
    expect(parseMessagePath('data/channels/general/about.files.md')).not.toBeNull();
  });

  it('belongs to the reply that names them, and the same reply can be made without', () => {
    const reply = composeReply({
      ...{
        message,
        channel: 'general',
        asker: 'ada',
        recipient: 'opus',
        host: 'mbp',
        attempt: 1,
        atMs: 0,
        hops: 0,
        body: 'Here.',
      },
      ...{
        failure: null,
        ...NO_RUN,
      },
      files: [{ name: 'a.png', bytes: Buffer.from('x') }],
    });
    expect(reply.content).toMatch(/^files:\s+- q\.re\.opus\.files\/a\.png$/m);
    expect(reply.commitMessage).toContain('Crosstalk-Files: a.png');
    expect(reply.files).toEqual([{ name: 'a.png', base64: 'eA==' }]);
    expect(reply.alone?.content).toMatch(
      /^---\n(?!.*files:)[^]*1 files of this answer are left out/,
    );
  });
});
