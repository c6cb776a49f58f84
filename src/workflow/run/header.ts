/** RUN.json: the frozen header of a run. */
import { isJsonObject, type JsonObject, parseJson } from '../language/json.ts';
import type { Fork } from '../language/marker.ts';
import { rememberText } from './text-memo.ts';

/** Raised when a run written by this engine cannot be continued by an older one. */
export const ENGINE = 1;

export interface RunHeader {
  readonly engine: number;
  readonly run: string;
  readonly marker: string;
  readonly blob: string;
  readonly from: string;
  readonly atMs: number;
  readonly hops: number;
  readonly source: {
    readonly kind: 'steps' | 'uses' | 'prose';
    readonly name: string | null;
    readonly hash: string | null;
  };
  readonly inputs: JsonObject;
  readonly fork: Fork | null;
}

/** The text of RUN.json. */
export function formatHeader(header: RunHeader): string {
  return `${JSON.stringify(header, null, 2)}\n`;
}

/** The header in a text, or null when it is not one of ours. */
export const parseHeader: (text: string) => RunHeader | null = rememberText((text) => {
  const raw = parseJson(text);
  if (!isJsonObject(raw)) return null;
  const { engine, run, marker, blob, from, atMs, hops, inputs, source, fork } = raw;
  if (
    typeof engine !== 'number' ||
    typeof run !== 'string' ||
    typeof marker !== 'string' ||
    typeof atMs !== 'number'
  )
    return null;
  if (
    typeof from !== 'string' ||
    typeof hops !== 'number' ||
    !isJsonObject(inputs) ||
    !isJsonObject(source)
  )
    return null;
  const kind = (['steps', 'uses', 'prose'] as const).find((each) => each === source['kind']);
  if (kind === undefined) return null;
  const orNull = (value: unknown): string | null => (typeof value === 'string' ? value : null);
  return {
    engine,
    run,
    marker,
    blob: orNull(blob) ?? '',
    from,
    atMs,
    hops,
    inputs,
    source: { kind, name: orNull(source['name']), hash: orNull(source['hash']) },
    fork:
      isJsonObject(fork) && typeof fork['run'] === 'string'
        ? { run: fork['run'], at: orNull(fork['at']), from: orNull(fork['from']) }
        : null,
  };
});
