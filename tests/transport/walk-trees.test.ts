import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Oid } from '../../src/base/ids.ts';
import type { TreeChange } from '../../src/transport/repository.ts';
import {
  LEVELS_MAX,
  type ReadTrees,
  REPEATED_MAX,
  walkTrees,
} from '../../src/transport/walk-trees.ts';

const MODE = { file: '100644', tree: '40000' } as const;

/** Trees in memory, and how many of them were asked for. */
function createTrees() {
  const trees = new Map<Oid, Buffer>();
  const asked = { trees: 0 };
  const tree = (entries: Readonly<Record<string, Oid | null>>): Oid => {
    const bytes = Buffer.concat(
      Object.entries(entries).map(([name, folder]) =>
        Buffer.concat([
          Buffer.from(`${folder === null ? MODE.file : MODE.tree} ${name}\0`),
          Buffer.from(folder ?? createHash('sha1').update(name).digest('hex'), 'hex'),
        ]),
      ),
    );
    const oid = createHash('sha1')
      .update(`tree ${bytes.length}\0`)
      .update(bytes)
      .digest('hex') as Oid;
    trees.set(oid, bytes);
    return oid;
  };
  const read: ReadTrees = (oids) => {
    asked.trees += oids.length;
    return Promise.resolve(oids.map((oid) => trees.get(oid) ?? null));
  };
  return { tree, read, asked };
}

const names = (count: number): readonly string[] =>
  Array.from({ length: count }, (_, at) => `n${at}`);
async function list(
  { read }: ReturnType<typeof createTrees>,
  to: Oid,
  { from = null, refused = [] }: { from?: Oid | null; refused?: readonly string[] } = {},
): Promise<readonly TreeChange[]> {
  const changes: TreeChange[] = [];
  for await (const piece of walkTrees(read, { from, to, prefix: '' }, new Set(refused)))
    changes.push(...piece);
  return changes;
}
const neighbour = (trees: ReturnType<typeof createTrees>): Oid => trees.tree({ 'hello.md': null });

/** `levels` trees, each of which has the next one at ten names. */
function bomb(trees: ReturnType<typeof createTrees>, levels: number): Oid {
  let oid = trees.tree({ 'm.md': null });
  for (let level = 1; level < levels; level += 1)
    oid = trees.tree(Object.fromEntries(names(10).map((name) => [name, oid])));
  return oid;
}

describe('a tree of few objects that stands at a billion paths', () => {
  it('is one refused path, and its neighbours are read', async () => {
    const trees = createTrees();
    const root = trees.tree({ bomb: bomb(trees, 10), general: neighbour(trees) });
    expect(await list(trees, root)).toEqual([
      { kind: 'refused', path: 'bomb', why: expect.any(String) as string },
      expect.objectContaining({ kind: 'written', path: 'general/hello.md' }),
    ]);
    expect(trees.asked.trees).toBeLessThan(200);
  });

  it('that comes where messages stood takes them away, and gives them back when it goes', async () => {
    const trees = createTrees();
    const before = trees.tree({ general: trees.tree({ 'a.md': null, 'b.md': null }) });
    const after = trees.tree({ general: bomb(trees, 10) });
    const came = await list(trees, after, { from: before });
    expect(came.map(({ kind, path }) => `${kind} ${path}`).sort()).toEqual([
      'refused general',
      'removed general/a.md',
      'removed general/b.md',
    ]);
    const went = await list(trees, before, { from: after, refused: ['general'] });
    expect(went.map(({ kind, path }) => `${kind} ${path}`).sort()).toEqual([
      'removed general',
      'written general/a.md',
      'written general/b.md',
    ]);
  });

  it('stays refused when a file is laid beside it, on every host', async () => {
    const trees = createTrees();
    const inside = bomb(trees, 9);
    const spread = (more: Readonly<Record<string, null>>): Oid =>
      trees.tree({
        general: trees.tree({
          ...Object.fromEntries(names(10).map((name) => [name, inside])),
          ...more,
        }),
      });
    const changed = await list(trees, spread({ 'z.md': null }), {
      from: spread({}),
      refused: ['general'],
    });
    expect(changed.map(({ kind, path }) => `${kind} ${path}`)).toEqual([
      'removed general',
      'refused general',
    ]);
  });
});

it('a channel that was copied, and a year within one, are read whole', async () => {
  const trees = createTrees();
  const year = trees.tree(Object.fromEntries(names(3_000).map((name) => [`${name}.md`, null])));
  const channel = trees.tree({ a: year, b: year, c: year });
  const changes = await list(trees, trees.tree({ one: channel, two: channel }));
  expect(changes).toHaveLength(18_000);
  expect(changes.every(({ kind }) => kind === 'written')).toBe(true);
});

it('folders deeper than any path of a message are refused', async () => {
  const trees = createTrees();
  let deep = trees.tree({ 'm.md': null });
  for (let level = 0; level < LEVELS_MAX; level += 1) deep = trees.tree({ d: deep });
  const changes = await list(trees, trees.tree({ deep, general: neighbour(trees) }));
  expect(changes.map(({ kind }) => kind).sort()).toEqual(['refused', 'written']);
});

it('a tree that is too large to be held is refused', async () => {
  const trees = createTrees();
  const missing = createHash('sha1').update('large').digest('hex') as Oid;
  const changes = await list(trees, trees.tree({ large: missing, general: neighbour(trees) }));
  expect(changes.map(({ kind }) => kind).sort()).toEqual(['refused', 'written']);
});

it('reads twice as many trees when twice as many were pushed', async () => {
  const counts = [];
  for (const channels of [50, 100, 200]) {
    const trees = createTrees();
    const root = trees.tree(
      Object.fromEntries(
        names(channels).map((name) => [name, trees.tree({ [`${name}.md`]: null })]),
      ),
    );
    await list(trees, root);
    counts.push(trees.asked.trees);
  }
  expect(counts).toEqual([51, 101, 201]);
});

it('lets no more than the limit through of what repeats', async () => {
  const trees = createTrees();
  const leaf = trees.tree({ 'm.md': null });
  const many = Object.fromEntries(names(REPEATED_MAX * 2).map((name) => [name, leaf]));
  // So many names were pushed, each of them by hand: that is no bomb.
  expect(await list(trees, trees.tree({ general: trees.tree(many) }))).toHaveLength(
    REPEATED_MAX * 2,
  );
});
