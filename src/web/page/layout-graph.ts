/**
 * A workflow's graph as boxes, frames and lines. dagre places the boxes; lines leave and enter them
 * in the middle of a side, so what is straight in the plan is straight in the drawing. Pure and
 * without chance: the same graph is always drawn the same.
 */
import { Graph, layout } from '@dagrejs/dagre';

export interface GraphNode {
  readonly id: string;
  readonly needs: readonly string[];
  /** The frame that it stands in. */
  readonly group: string | null;
}

/** A frame around nodes and other frames; it holds at least one node. */
export interface GraphFrame {
  readonly id: string;
  readonly group: string | null;
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

export interface PlacedFrame extends PlacedNode {
  readonly width: number;
  readonly height: number;
}

type Point = readonly [number, number];

/** Where dagre has put something. */
interface Placed {
  readonly x: number;
  readonly y: number;
}

/** From a box to one that needs it, as points from border to border. */
export interface PlacedEdge {
  readonly from: string;
  readonly to: string;
  readonly points: readonly Point[];
}

export interface GraphLayout {
  readonly width: number;
  readonly height: number;
  readonly nodes: readonly PlacedNode[];
  readonly frames: readonly PlacedFrame[];
  readonly edges: readonly PlacedEdge[];
}

/** Between a frame and what it holds; at its head its name stands. */
const FRAME = { side: 12, head: 28 };

/** Places the nodes. Needs that name no node, and those that would close a circle, draw no line. */
export function layoutGraph(
  nodes: readonly GraphNode[],
  frames: readonly GraphFrame[],
  size: GraphSize,
): GraphLayout {
  const graph = new Graph({ compound: true });
  graph.setGraph({
    rankdir: size.direction === 'right' ? 'LR' : 'TB',
    nodesep: size.gapAcross + (frames.length > 0 ? FRAME.head : 0),
    ranksep: size.gapAlong,
  });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const { id } of frames) graph.setNode(frameKey(id), {});
  for (const { id } of nodes) graph.setNode(id, { width: size.width, height: size.height });
  for (const [id, group] of [
    ...frames.map((one) => [frameKey(one.id), one.group] as const),
    ...nodes.map((one) => [one.id, one.group] as const),
  ])
    if (group !== null) graph.setParent(id, frameKey(group));
  const edges = withoutCircles(nodes);
  // Of orders that are as good as each other dagre takes the one that turns its input round.
  for (const [from, to] of [...edges].reverse()) graph.setEdge(from, to);
  layout(graph);
  const corner = (id: string): Point => {
    const { x, y } = graph.node(id) as Placed;
    return [x - size.width / 2, y - size.height / 2];
  };
  const placed = nodes.map(({ id }) => ({ id, at: corner(id) }));
  const layers = [
    ...new Set(
      placed.map(({ at: [x, y] }) =>
        size.direction === 'right' ? x + size.width / 2 : y + size.height / 2,
      ),
    ),
  ].sort((a, b) => a - b);
  const placing = { size, corner, layers };
  const boxes = placeFrames(nodes, frames, placing);
  return shifted(
    placed.map(({ id, at: [x, y] }) => ({ id, x, y })),
    boxes,
    { size, edges: edges.map((edge) => drawEdge(edge, graph, placing)) },
  );
}

/** Nodes and frames may be called alike. */
function frameKey(id: string): string {
  return `frame ${id}`;
}

interface Placing {
  readonly size: GraphSize;
  readonly corner: (id: string) => Point;
  /** Where the middles of the layers lie, in the direction of the graph. */
  readonly layers: readonly number[];
}

/** Each frame as large as what it holds, the innermost first. */
function placeFrames(
  nodes: readonly GraphNode[],
  frames: readonly GraphFrame[],
  { size, corner }: Placing,
): readonly PlacedFrame[] {
  const done = new Map<string, PlacedFrame>();
  const inner = [...frames].sort((a, b) => b.id.split('/').length - a.id.split('/').length);
  for (const { id } of inner) {
    const held = [
      ...nodes.flatMap((node) => {
        const [x, y] = node.group === id ? corner(node.id) : [];
        return x === undefined || y === undefined ? [] : [{ ...size, x, y }];
      }),
      ...frames.flatMap((frame) => (frame.group === id ? (done.get(frame.id) ?? []) : [])),
    ];
    if (held.length === 0) continue;
    const left = Math.min(...held.map(({ x }) => x)) - FRAME.side;
    const top = Math.min(...held.map(({ y }) => y)) - FRAME.head;
    done.set(id, {
      id,
      x: left,
      y: top,
      width: Math.max(...held.map(({ x, width }) => x + width)) + FRAME.side - left,
      height: Math.max(...held.map(({ y, height }) => y + height)) + FRAME.side - top,
    });
  }
  return frames.flatMap(({ id }) => done.get(id) ?? []);
}

/** Leads a long line straight through each layer that it passes. */
function drawEdge(
  [from, to]: readonly [string, string],
  graph: Graph,
  placing: Placing,
): PlacedEdge {
  const { size, corner, layers } = placing;
  const isRight = size.direction === 'right';
  const [half, across] = isRight
    ? [size.width / 2, size.height / 2]
    : [size.height / 2, size.width / 2];
  const flat = ([x, y]: Point): Point => (isRight ? [x, y] : [y, x]);
  const [beginCorner, endCorner] = [flat(corner(from)), flat(corner(to))];
  const begin: Point = [beginCorner[0] + 2 * half, beginCorner[1] + across];
  const end: Point = [endCorner[0], endCorner[1] + across];
  const { points } = graph.edge(from, to) as { readonly points: readonly Placed[] };
  const way = points.map(({ x, y }) => flat([x, y]));
  const passed = layers
    .filter((layer) => layer - half > begin[0] && layer + half < end[0])
    .flatMap((layer) => {
      const at = acrossAt(way, layer);
      return [[layer - half, at] as const, [layer + half, at] as const];
    });
  return { from, to, points: [begin, ...passed, end].map(flat) };
}

/** Where a way crosses a layer. Its points lie in the direction that it leads. */
function acrossAt(way: readonly Point[], along: number): number {
  const next = way.findIndex(([x]) => x >= along);
  const [to, from] = [way[next] ?? way.at(-1), way[next - 1]];
  if (to === undefined) return 0;
  if (from === undefined || to[0] === from[0]) return to[1];
  return from[1] + ((to[1] - from[1]) * (along - from[0])) / (to[0] - from[0]);
}

/** The same with its first corner at 0, 0. */
function shifted(
  nodes: readonly PlacedNode[],
  frames: readonly PlacedFrame[],
  { size, edges }: { readonly size: GraphSize; readonly edges: readonly PlacedEdge[] },
): GraphLayout {
  const boxes = [...nodes.map((node) => ({ ...node, ...size })), ...frames];
  const points = edges.flatMap((edge) => edge.points);
  const left = Math.min(0, ...boxes.map(({ x }) => x), ...points.map(([x]) => x));
  const top = Math.min(0, ...boxes.map(({ y }) => y), ...points.map(([, y]) => y));
  const move = <T extends PlacedNode>(one: T): T => ({ ...one, x: one.x - left, y: one.y - top });
  return {
    width: Math.max(0, ...boxes.map(({ x, width }) => x + width), ...points.map(([x]) => x)) - left,
    height:
      Math.max(0, ...boxes.map(({ y, height }) => y + height), ...points.map(([, y]) => y)) - top,
    nodes: nodes.map(move),
    frames: frames.map(move),
    edges: edges.map((edge) => ({
      ...edge,
      points: edge.points.map(([x, y]) => [x - left, y - top] as const),
    })),
  };
}

/** Each need once, as a line to who has it; one that would lead back is left out. */
function withoutCircles(nodes: readonly GraphNode[]): readonly (readonly [string, string])[] {
  const known = new Map(nodes.map((node) => [node.id, node]));
  const done = new Set<string>();
  const open = new Set<string>();
  const edges: (readonly [string, string])[] = [];
  const visit = (node: GraphNode): void => {
    if (done.has(node.id)) return;
    open.add(node.id);
    for (const need of new Set(node.needs)) {
      const before = known.get(need);
      if (before === undefined || open.has(need)) continue;
      visit(before);
      edges.push([need, node.id]);
    }
    open.delete(node.id);
    done.add(node.id);
  };
  for (const node of nodes) visit(node);
  return edges;
}

/** A line through the points: straight where they are, else bent along the way it leads. */
export function curve(points: readonly Point[], direction: GraphSize['direction']): string {
  const [first, ...rest] = points;
  if (first === undefined) return '';
  let [x, y] = first;
  let path = `M${round(x)} ${round(y)}`;
  for (const [nextX, nextY] of rest) {
    const [midX, midY] = [(x + nextX) / 2, (y + nextY) / 2];
    const isStraight =
      direction === 'right' ? round(y) === round(nextY) : round(x) === round(nextX);
    path += isStraight
      ? `L${round(nextX)} ${round(nextY)}`
      : direction === 'right'
        ? `C${round(midX)} ${round(y)} ${round(midX)} ${round(nextY)} ${round(nextX)} ${round(nextY)}`
        : `C${round(x)} ${round(midY)} ${round(nextX)} ${round(midY)} ${round(nextX)} ${round(nextY)}`;
    [x, y] = [nextX, nextY];
  }
  return path;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
