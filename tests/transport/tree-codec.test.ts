import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Oid } from '../../src/base/ids.ts';
import {
  decodeName,
  differingItems,
  editTree,
  encodeName,
  findItem,
  MODE_FILE,
  MODE_FOLDER,
  type TreeEdit,
} from '../../src/transport/tree-codec.ts';

const OID = 'ab'.repeat(20) as Oid;
const OTHER = 'cd'.repeat(20) as Oid;
const EMPTY = Buffer.alloc(0);
const file = (oid: Oid = OID): TreeEdit => ({ mode: MODE_FILE, oid });
const folder: TreeEdit = { mode: MODE_FOLDER, oid: OID };

function keysOf(tree: Buffer): string[] {
  return [...differingItems(EMPTY, tree, 20).right.keys()];
}

describe('tree objects', () => {
  it('a folder is ordered as if its name ended in a slash', () => {
    const tree = editTree(
      EMPTY,
      new Map([
        ['a', folder],
        ['a.md', file()],
        ['a-b', file()],
        ['a0', file()],
      ]),
      20,
    );
    expect(keysOf(tree)).toEqual(['a-b', 'a.md', 'a', 'a0']);
  });

  it('a file that becomes a folder moves to its place', () => {
    const before = editTree(
      EMPTY,
      new Map([
        ['a', file()],
        ['a.md', file()],
      ]),
      20,
    );
    expect(keysOf(before)).toEqual(['a', 'a.md']);
    expect(keysOf(editTree(before, new Map([['a', folder]]), 20))).toEqual(['a.md', 'a']);
  });

  it('edits in steps give the bytes that one edit of everything gives', () => {
    const key = fc
      .string({ minLength: 1, maxLength: 3, unit: fc.constantFrom('a', 'b', '.', '-', '0', 'é') })
      .map(encodeName);
    const edit = fc.oneof(
      fc.constant(null),
      fc.constant(file()),
      fc.constant(folder),
      fc.constant(file(OTHER)),
    );
    fc.assert(
      fc.property(
        fc.array(fc.dictionary(key, edit, { maxKeys: 6 }), { maxLength: 6 }),
        (rounds) => {
          const model = new Map<string, TreeEdit>();
          let tree: Buffer = EMPTY;
          for (const round of rounds) {
            for (const [name, value] of Object.entries(round)) model.set(name, value);
            tree = editTree(tree, new Map(Object.entries(round)), 20);
          }
          expect(tree.equals(editTree(EMPTY, model, 20))).toBe(true);
          for (const [name, value] of model)
            expect(findItem(tree, name, 20)).toEqual(
              value === null ? null : { key: name, ...value },
            );
        },
      ),
    );
  });

  it('the entries that differ are exactly those, wherever they stand', () => {
    const names = Array.from({ length: 50 }, (_, n) => `m${String(n).padStart(2, '0')}`);
    const before = editTree(EMPTY, new Map(names.map((name) => [name, file()])), 20);
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(60), { maxLength: 5 }), fc.boolean(), (changed, remove) => {
        const edits = new Map(
          changed.map(
            (n) => [`m${String(n).padStart(2, '0')}`, remove ? null : file(OTHER)] as const,
          ),
        );
        const { left, right } = differingItems(before, editTree(before, edits, 20), 20);
        expect([...right.keys()].sort()).toEqual(remove ? [] : [...edits.keys()].sort());
        expect([...left.keys()].sort()).toEqual(
          [...edits.keys()].filter((name) => names.includes(name)).sort(),
        );
      }),
    );
  });

  it('names of any bytes come back, as text or with a mark', () => {
    expect(decodeName(encodeName('日本/é\u{1f600}'))).toBe('日本/é\u{1f600}');
    expect(decodeName('caf\xe9')).toBe('caf\ufffd');
  });

  it('a damaged tree is said to be one', () => {
    const whole = editTree(EMPTY, new Map([['a', file()]]), 20);
    for (const damaged of [whole.subarray(0, 10), whole.subarray(0, 3), Buffer.from('100644')])
      expect(() => findItem(damaged, 'z', 20)).toThrow('damaged');
  });
});
