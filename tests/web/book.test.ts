import { describe, expect, it } from 'vitest';
import type { Oid } from '../../src/base/ids.ts';
import {
  decodeBlob,
  type ListedFile,
  type Said,
  scanBlobs,
} from '../../src/cli/look/read-conversation.ts';
import { EMPTY_BOOK, readOn } from '../../src/web/book.ts';
import { draftOf } from '../support/git-fixture.ts';
import { createMemoryRemote } from '../support/memory-repository.ts';

const MANY = 1_500;
const pathOf = (name: string | number): string => `data/channels/general/m${name}.md`;
const textOf = (more = ''): string =>
  `---\nto: opus\nfrom: ada\ntimestamp: 2026-11-21T06:40:20Z\n${more}---\nHello\n`;

describe('the book', () => {
  it('reads each change once: a commit to a long history costs the files of that commit', async () => {
    const repository = createMemoryRemote().open();
    const readFiles: string[] = [];
    const read = async (files: readonly ListedFile[]) => {
      const said: Said[] = [];
      await scanBlobs(repository, files, (file, blob) => {
        readFiles.push(file.path);
        const decoded = decodeBlob(blob, file.path);
        if (decoded.kind === 'message')
          said.push({
            file,
            from: decoded.message.fields.from ?? '',
            to: ['opus'],
            atMs: 0,
            message: decoded.message,
          });
      });
      return { said, unreadable: [] };
    };
    const build = async (
      parent: Oid | null,
      files: Readonly<Record<string, string>>,
    ): Promise<Oid> => {
      const [oid] = await repository.buildCommits(parent, [draftOf(files)]);
      if (oid === undefined) throw new Error('no commit');
      return oid;
    };
    const first = await build(
      null,
      Object.fromEntries(Array.from({ length: MANY }, (_, at) => [pathOf(at), textOf()])),
    );
    const whole = await readOn({ repository, read }, EMPTY_BOOK, first);
    expect([whole.entries.size, readFiles.splice(0).length]).toEqual([MANY, MANY]);

    const second = await build(first, {
      [pathOf('7.re.opus')]: textOf('host: mbp\n'),
      'data/channels/run/RUN.json': '{}',
    });
    const next = await readOn({ repository, read }, whole, second);
    expect(readFiles.splice(0)).toEqual([pathOf('7.re.opus')]);
    expect(
      next
        .threads()
        .of.get(pathOf(7))
        ?.members.map(({ path }) => path),
    ).toEqual([pathOf(7), pathOf('7.re.opus')]);
    expect([...next.runs]).toEqual(['run']);
    expect(next.threads()).toBe(next.threads());
    expect(await readOn({ repository, read }, next, second)).toBe(next);

    // A branch that does not descend from what was read is read again.
    const other = await build(null, { [pathOf('other')]: textOf() });
    expect([...(await readOn({ repository, read }, next, other)).entries.keys()]).toEqual([
      pathOf('other'),
    ]);
    expect(readFiles).toEqual([pathOf('other')]);
  });
});
