/**
 * A workflow's graph as boxes and lines: layers by the longest way from a start, order within a
 * layer by the median of the neighbours (a few sweeps), lines that pass several layers led through
 * free lanes. Pure and without chance: the same graph is always drawn the same.
 */

export interface GraphNode {
  readonly id: string;
  readonly needs: readonly string[];
}

export interface GraphSize {
  readonly width: number;
  readonly height: number;
  /** Between layers. */
  readonly gapAlong: number;
  /** Between boxes of a layer. */
  readonly gapAcross: number;
  /** `right`: layers are columns. `down`: layers are rows. */
  readonly direction: 'right' | 'down';
}

export interface PlacedNode {
  readonly id: string;
  readonly x: number;
  readonly y: number;
}

/** From a box to one that needs it, as points from border to border. */
export interface PlacedEdge {
  readonly from: string;
  readonly to: string;
  readonly points: readonly (readonly [number, number])[];
}

export interface GraphLayout {
  readonly width: number;
  readonly height: number;
  readonly nodes: readonly PlacedNode[];
  readonly edges: readonly PlacedEdge[];
}

/** A box, or a place where a long line passes a layer. */
interface Cell {
  readonly key: string;
  readonly node: string | null;
  readonly layer: number;
  readonly above: string[];
  readonly below: string[];
}

const SWEEPS = 6;
/** A lane is so much thinner than a box. */
const LANE = 0.25;

/** Places the nodes. Needs that name no node, and those that would close a circle, draw no line. */
export function layoutGraph(nodes: readonly GraphNode[], size: GraphSize): GraphLayout {
  const edges = withoutCircles(nodes);
  const layers = layerNodes(nodes, edges);
  const { cells, ways } = makeCells(nodes, edges, layers);
  const rows = orderCells(cells);
  const across = placeAcross(rows, cells, size);
  return draw({ nodes, cells, rows, across, ways }, size);
}

interface Edge {
  readonly from: string;
  readonly to: string;
}

function withoutCircles(nodes: readonly GraphNode[]): readonly Edge[] {
  const known = new Map(nodes.map((node) => [node.id, node]));
  const done = new Set<string>();
  const open = new Set<string>();
  const edges: Edge[] = [];
  const visit = (node: GraphNode): void => {
    if (done.has(node.id)) return;
    open.add(node.id);
    for (const need of new Set(node.needs)) {
      const before = known.get(need);
      if (before === undefined || open.has(need)) continue;
      visit(before);
      edges.push({ from: need, to: node.id });
    }
    open.delete(node.id);
    done.add(node.id);
  };
  for (const node of nodes) visit(node);
  return edges;
}

function layerNodes(
  nodes: readonly GraphNode[],
  edges: readonly Edge[],
): ReadonlyMap<string, number> {
  const layer = new Map<string, number>();
  const into = new Map<string, string[]>();
  for (const { from, to } of edges) into.set(to, [...(into.get(to) ?? []), from]);
  const find = (id: string): number => {
    const known = layer.get(id);
    if (known !== undefined) return known;
    const found = Math.max(-1, ...(into.get(id) ?? []).map(find)) + 1;
    layer.set(id, found);
    return found;
  };
  for (const { id } of nodes) find(id);
  return layer;
}

interface Way extends Edge {
  /** Keys of the cells from box to box. */
  readonly keys: readonly string[];
}

function makeCells(
  nodes: readonly GraphNode[],
  edges: readonly Edge[],
  layers: ReadonlyMap<string, number>,
): { readonly cells: ReadonlyMap<string, Cell>; readonly ways: readonly Way[] } {
  const cells = new Map<string, Cell>();
  const add = (key: string, node: string | null, layer: number): void =>
    void cells.set(key, { key, node, layer, above: [], below: [] });
  for (const { id } of nodes) add(id, id, layers.get(id) ?? 0);
  const ways = edges.map(({ from, to }): Way => {
    const [first, last] = [layers.get(from) ?? 0, layers.get(to) ?? 0];
    const lanes = Array.from(
      { length: Math.max(0, last - first - 1) },
      (_, at) => `${from}\u0000${to}\u0000${at}`,
    );
    lanes.forEach((key, at) => add(key, null, first + at + 1));
    const keys = [from, ...lanes, to];
    keys.forEach((key, at) => {
      const next = keys[at + 1];
      if (next === undefined) return;
      cells.get(key)?.below.push(next);
      cells.get(next)?.above.push(key);
    });
    return { from, to, keys };
  });
  return { cells, ways };
}

function orderCells(cells: ReadonlyMap<string, Cell>): readonly (readonly string[])[] {
  const rows: string[][] = [];
  for (const { key, layer } of cells.values()) (rows[layer] ??= []).push(key);
  const filled = Array.from(rows, (row) => (row as string[] | undefined) ?? []);
  let best = filled.map((row) => [...row]);
  let fewest = countCrossings(best, cells);
  const current = filled.map((row) => [...row]);
  for (let sweep = 0; sweep < SWEEPS && fewest > 0; sweep += 1) {
    const isDown = sweep % 2 === 0;
    const order = isDown
      ? [...current.keys()].slice(1)
      : [...current.keys()].slice(0, -1).reverse();
    for (const layer of order) {
      const fixed = new Map((current[layer + (isDown ? -1 : 1)] ?? []).map((key, at) => [key, at]));
      const row = current[layer] ?? [];
      const place = new Map(
        row.map((key, at) => {
          const cell = cells.get(key);
          const spots = ((isDown ? cell?.above : cell?.below) ?? [])
            .flatMap((other) => fixed.get(other) ?? [])
            .sort((a, b) => a - b);
          return [key, spots.length === 0 ? at : medianOf(spots)] as const;
        }),
      );
      current[layer] = row
        .map((key, at) => ({ key, at }))
        .sort((a, b) => (place.get(a.key) ?? 0) - (place.get(b.key) ?? 0) || a.at - b.at)
        .map(({ key }) => key);
    }
    const crossings = countCrossings(current, cells);
    if (crossings < fewest) [best, fewest] = [current.map((row) => [...row]), crossings];
  }
  return best;
}

function medianOf(sorted: readonly number[]): number {
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? 0)
    : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}

/** How many lines cross. */
function countCrossings(
  rows: readonly (readonly string[])[],
  cells: ReadonlyMap<string, Cell>,
): number {
  let count = 0;
  rows.forEach((row, layer) => {
    const next = new Map((rows[layer + 1] ?? []).map((key, at) => [key, at]));
    const ends = row.flatMap((key) =>
      (cells.get(key)?.below ?? []).flatMap((other) => next.get(other) ?? []).sort((a, b) => a - b),
    );
    for (let a = 0; a < ends.length; a += 1)
      for (let b = a + 1; b < ends.length; b += 1) if ((ends[a] ?? 0) > (ends[b] ?? 0)) count += 1;
  });
  return count;
}

/** Middle of each cell across the layers: near its neighbours, never into the next one. */
function placeAcross(
  rows: readonly (readonly string[])[],
  cells: ReadonlyMap<string, Cell>,
  size: GraphSize,
): ReadonlyMap<string, number> {
  const boxed = size.direction === 'right' ? size.height : size.width;
  const extent = (key: string): number => (cells.get(key)?.node === null ? boxed * LANE : boxed);
  const at = new Map<string, number>();
  for (const row of rows) {
    let edge = 0;
    for (const key of row) {
      at.set(key, edge + extent(key) / 2);
      edge += extent(key) + size.gapAcross;
    }
  }
  const widest = Math.max(
    0,
    ...rows.map((row) =>
      row.reduce((sum, key) => sum + extent(key) + size.gapAcross, -size.gapAcross),
    ),
  );
  for (const row of rows) {
    const own = row.reduce((sum, key) => sum + extent(key) + size.gapAcross, -size.gapAcross);
    for (const key of row) at.set(key, (at.get(key) ?? 0) + (widest - own) / 2);
  }
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    const isDown = sweep % 2 === 0;
    for (const row of isDown ? rows : [...rows].reverse()) {
      const wanted = row.map((key) => {
        const cell = cells.get(key);
        const spots = ((isDown ? cell?.above : cell?.below) ?? [])
          .map((other) => at.get(other) ?? 0)
          .sort((a, b) => a - b);
        return spots.length === 0 ? (at.get(key) ?? 0) : medianOf(spots);
      });
      settle(row, wanted, { at, gapOf: (a, b) => (extent(a) + extent(b)) / 2 + size.gapAcross });
    }
  }
  const least = Math.min(...[...at].map(([key, middle]) => middle - extent(key) / 2));
  return new Map([...at].map(([key, middle]) => [key, middle - least]));
}

/**
 * As near as possible to what is wanted, in order and with the gaps kept: neighbours that meet are
 * moved together as one block.
 */
function settle(
  row: readonly string[],
  wanted: readonly number[],
  room: { readonly at: Map<string, number>; readonly gapOf: (a: string, b: string) => number },
): void {
  interface Block {
    readonly keys: string[];
    readonly offsets: number[];
    readonly sum: number;
  }
  const blocks: Block[] = [];
  const startOf = ({ sum, keys }: Block): number => sum / keys.length;
  row.forEach((key, index) => {
    let block: Block = { keys: [key], offsets: [0], sum: wanted[index] ?? 0 };
    for (let before = blocks.at(-1); before !== undefined; before = blocks.at(-1)) {
      const reach =
        (before.offsets.at(-1) ?? 0) + room.gapOf(before.keys.at(-1) ?? '', block.keys[0] ?? '');
      if (startOf(before) + reach <= startOf(block)) break;
      blocks.pop();
      block = {
        keys: [...before.keys, ...block.keys],
        offsets: [...before.offsets, ...block.offsets.map((offset) => offset + reach)],
        sum: before.sum + block.sum - reach * block.keys.length,
      };
    }
    blocks.push(block);
  });
  for (const block of blocks)
    block.keys.forEach((key, index) =>
      room.at.set(key, startOf(block) + (block.offsets[index] ?? 0)),
    );
}

interface Placed {
  readonly nodes: readonly GraphNode[];
  readonly cells: ReadonlyMap<string, Cell>;
  readonly rows: readonly (readonly string[])[];
  readonly across: ReadonlyMap<string, number>;
  readonly ways: readonly Way[];
}

function draw({ nodes, cells, rows, across, ways }: Placed, size: GraphSize): GraphLayout {
  const isRight = size.direction === 'right';
  const [long, wide] = isRight ? [size.width, size.height] : [size.height, size.width];
  const along = (key: string): number => (cells.get(key)?.layer ?? 0) * (long + size.gapAlong);
  const middle = (key: string): number => across.get(key) ?? 0;
  const point = (a: number, b: number): readonly [number, number] => (isRight ? [a, b] : [b, a]);
  const placed = nodes.map(({ id }): PlacedNode => {
    const [x, y] = point(along(id), middle(id) - wide / 2);
    return { id, x, y };
  });
  const edges = ways.map(({ from, to, keys }): PlacedEdge => {
    const inner = keys
      .slice(1, -1)
      .flatMap((key) => [point(along(key), middle(key)), point(along(key) + long, middle(key))]);
    return {
      from,
      to,
      points: [point(along(from) + long, middle(from)), ...inner, point(along(to), middle(to))],
    };
  });
  const total = Math.max(0, rows.length * (long + size.gapAlong) - size.gapAlong);
  const breadth = Math.max(
    0,
    ...[...across].map(
      ([key, at]) => at + (cells.get(key)?.node === null ? wide * LANE : wide) / 2,
    ),
  );
  const [width, height] = point(total, breadth);
  return { width, height, nodes: placed, edges };
}

/**
 * A line through points as the `d` of an SVG path: it leaves and arrives straight along the layers.
 */
export function curve(
  points: readonly (readonly [number, number])[],
  direction: GraphSize['direction'],
): string {
  const [first, ...rest] = points;
  if (first === undefined) return '';
  let [x, y] = first;
  let path = `M${round(x)} ${round(y)}`;
  for (const [nextX, nextY] of rest) {
    const [midX, midY] = [(x + nextX) / 2, (y + nextY) / 2];
    path +=
      direction === 'right'
        ? `C${round(midX)} ${round(y)} ${round(midX)} ${round(nextY)} ${round(nextX)} ${round(nextY)}`
        : `C${round(x)} ${round(midY)} ${round(nextX)} ${round(midY)} ${round(nextX)} ${round(nextY)}`;
    [x, y] = [nextX, nextY];
  }
  return path;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
