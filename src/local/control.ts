/**
 * Control of a running dispatcher by other commands of the same user on the same host: one line of
 * JSON to a socket in its state directory, one line back; `events` streams lines until the client
 * leaves. What the two sides say to each other stands here.
 */
import { parseJson } from '../base/parse-json.ts';
import { isName } from '../protocol/names.ts';
import { isMapping } from '../protocol/yaml.ts';

/** Everything that can be asked of a dispatcher on this host. */
export const LOCAL_OPS = [
  'pause',
  'resume',
  'drain',
  'stop',
  'wake',
  'accept-rewrite',
  'status',
  'events',
] as const;
/**
 * `wake`: look at the remote now. `accept-rewrite`: continue with a branch that moved backwards.
 * `status`: the dispatcher's own view. `events`: what happens from now on.
 */
export type LocalOp = (typeof LOCAL_OPS)[number];

/** What a command asks. */
export interface ControlRequest {
  readonly op: LocalOp;
  /** With `resume`: only the rest of this model. */
  readonly model?: string;
}

/** What a dispatcher answers with. */
export type ControlReply =
  { readonly ok: true; readonly state: unknown } | { readonly ok: false; readonly error: string };

/** A request longer than this is not a request. */
export const REQUEST_BYTES_MAX = 65_536;

/** The request in a line, or what is wrong with the line. Never throws. */
export function decodeRequest(line: string): ControlRequest | { readonly error: string } {
  const value = parseJson(line);
  const op = isMapping(value) ? LOCAL_OPS.find((known) => known === value['op']) : undefined;
  return op === undefined
    ? { error: `expected one line of JSON with "op": one of ${LOCAL_OPS.join(', ')}` }
    : { op, ...(isMapping(value) && isModel(value['model']) ? { model: value['model'] } : {}) };
}

function isModel(value: unknown): value is string {
  return typeof value === 'string' && isName(value);
}

/** The reply in a line, or null when it is not one. */
export function decodeReply(line: string): ControlReply | null {
  const value = parseJson(line);
  if (!isMapping(value)) return null;
  if (value['ok'] === true) return { ok: true, state: value['state'] ?? null };
  return value['ok'] === false && typeof value['error'] === 'string'
    ? { ok: false, error: value['error'] }
    : null;
}

/**
 * Splits what a socket gives into lines. The result is false when a line is longer than `bytesMax`:
 * then nothing more should be read.
 */
export function createLineSplitter(
  bytesMax: number,
  onLine: (line: string) => void,
): (chunk: Buffer) => boolean {
  let rest: Buffer = Buffer.alloc(0);
  return (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    for (let end = rest.indexOf(0x0a); end >= 0; end = rest.indexOf(0x0a)) {
      const line = rest.subarray(0, end);
      if (line.length > bytesMax) return false;
      rest = rest.subarray(end + 1);
      onLine(line.toString('utf8'));
    }
    return rest.length <= bytesMax;
  };
}
