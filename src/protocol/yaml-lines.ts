/**
 * Where the keys of a text of YAML stand, by the events of its parser. One pass over the
 * text, however many keys are asked for.
 */
import { EVENT_ID, type Event, getScalarValue, parseEvents } from 'js-yaml';

/** A value and what is nested in it; items of a list are named by their number. */
interface Position extends KeyPlace {
  readonly below: Map<string, Position>;
}

interface Frame {
  readonly place: Position;
  readonly isMapping: boolean;
  /** The key whose value comes next; of a list the number of items so far. */
  key: Position | null;
  items: number;
}

/** Where a key begins, both 1-based; columns count UTF-16 units. */
export interface KeyPlace {
  readonly line: number;
  readonly column: number;
}

/** The place of a key, by the keys that lead to it. */
export type PlaceOf = (path: readonly string[]) => KeyPlace;

/**
 * Places of keys in `text`. Where a key is missing it is the place of what it would stand in, and
 * the first one for the whole or where the text is not YAML: good enough to lead a person there.
 */
export function locateKeys(text: string, depthMax: number): PlaceOf {
  const root = readPlaces(text, depthMax);
  return (path) => {
    let place = root;
    for (const key of path) {
      const next = place.below.get(key);
      if (next === undefined) break;
      place = next;
    }
    return { line: place.line, column: place.column };
  };
}

function readPlaces(text: string, depthMax: number): Position {
  const root: Position = { line: 1, column: 1, below: new Map() };
  const placeAt = createLineCounter(text);
  const frames: Frame[] = [];
  for (const event of eventsOf(text, depthMax)) {
    if (event.type === EVENT_ID.DOCUMENT) continue;
    if (event.type === EVENT_ID.POP) {
      frames.pop();
      continue;
    }
    const frame = frames.at(-1);
    const isKey = frame?.isMapping === true && frame.key === null;
    const at = placeAt(startOf(event));
    const place = frame === undefined ? root : enter(frame, { text, event, at });
    if (event.type === EVENT_ID.MAPPING || event.type === EVENT_ID.SEQUENCE)
      frames.push({ place, isMapping: event.type === EVENT_ID.MAPPING, key: null, items: 0 });
    if (frame?.isMapping === true) frame.key = isKey ? place : null;
  }
  return root;
}

/** The place of what an event begins, within its frame: a new key, or the value of the last one. */
function enter(
  frame: Frame,
  { text, event, at }: { readonly text: string; readonly event: Event; readonly at: KeyPlace },
): Position {
  if (frame.isMapping && frame.key !== null) return frame.key;
  const place: Position = { ...at, below: new Map() };
  const isScalar = event.type === EVENT_ID.SCALAR;
  const name = frame.isMapping
    ? isScalar
      ? getScalarValue(text, event)
      : ''
    : String(frame.items);
  frame.items += 1;
  if (!frame.place.below.has(name)) frame.place.below.set(name, place);
  return place;
}

function eventsOf(text: string, depthMax: number): readonly Event[] {
  try {
    return parseEvents(text, { maxDepth: depthMax });
  } catch {
    return [];
  }
}

function startOf(event: Event): number {
  if (event.type === EVENT_ID.SCALAR) return event.valueStart;
  return event.type === EVENT_ID.MAPPING || event.type === EVENT_ID.SEQUENCE ? event.start : -1;
}

/** Counts lines as the events come: each line end is met once. */
function createLineCounter(text: string): (offset: number) => KeyPlace {
  let [line, start] = [1, 0];
  let next = text.indexOf('\n');
  return (offset) => {
    for (; next >= 0 && next < offset; next = text.indexOf('\n', start)) {
      line += 1;
      start = next + 1;
    }
    return { line, column: Math.max(1, offset - start + 1) };
  };
}
