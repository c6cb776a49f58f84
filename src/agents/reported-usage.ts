/**
 * A `command` program's report of its use, in the file that `CROSSTALK_USAGE` names: JSON with
 * any of `tokens_in`, `tokens_out`, `cost_usd` (numbers), `session` (an id to be continued, given
 * back in `CROSSTALK_SESSION`) and `model` (text). Several objects, as of a program that adds a
 * line for each of its calls, count together.
 */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { checkedUsage, possibleUsage } from '../protocol/usage.ts';
import { isMapping } from '../protocol/yaml.ts';
import type { Usage } from './agent.ts';
import { oneLine } from './clean-output.ts';
import { type JsonRecord, jsonValues, numberAt, sum, textAt } from './json-values.ts';
import { SESSION_ID } from './session-id.ts';

/** Of a longer file the lines that stand in so many bytes are read. */
const BYTES_MAX = 1_048_576;
const MODEL_MAX = 100;

export interface ReportedUsage {
  readonly usage: Usage;
  readonly session: string | null;
  readonly model: string | null;
}

/** What the file says; what it does not, or cannot mean, is null. Never rejects. */
export async function readReportedUsage(path: string): Promise<ReportedUsage> {
  // Some writers of JSON write what is no number as one.
  const text = (await readBounded(path))?.replace(/-?\b(?:NaN|Infinity)\b/g, 'null') ?? '';
  const records = jsonValues(text).flat().filter(isMapping);
  const last = (key: string) =>
    textAt(
      records.findLast((one) => textAt(one, key) !== null),
      key,
    );
  const session = last('session');
  const model = oneLine(last('model') ?? '', MODEL_MAX);
  // Each part on its own first: one that cannot be true takes nothing from the others. Rounded is
  // the sum alone, or a thousand calls that cost less than the smallest amount would cost nothing.
  const parts = records.map((record) =>
    possibleUsage({
      tokensIn: amountAt(record, 'tokens_in'),
      tokensOut: amountAt(record, 'tokens_out'),
      costUsd: amountAt(record, 'cost_usd'),
    }),
  );
  return {
    usage: checkedUsage({
      tokensIn: sum(parts.map(({ tokensIn }) => tokensIn)),
      tokensOut: sum(parts.map(({ tokensOut }) => tokensOut)),
      costUsd: sum(parts.map(({ costUsd }) => costUsd)),
    }),
    session: session !== null && SESSION_ID.test(session) ? session : null,
    model: model === '' ? null : model,
  };
}

/** A number, also one that is written as a text. */
function amountAt(record: JsonRecord, key: string): number | null {
  const text = textAt(record, key)?.trim();
  return text !== undefined && /^\d{1,15}(?:\.\d{1,15})?$/.test(text)
    ? Number(text)
    : numberAt(record, key);
}

async function readBounded(path: string): Promise<string | null> {
  try {
    // Not through a link, and not waiting for anyone who would write into a pipe.
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const { size } = await file.stat();
      const { bytesRead, buffer } = await file.read(Buffer.alloc(BYTES_MAX), 0, BYTES_MAX, 0);
      const end = size > BYTES_MAX ? buffer.lastIndexOf(0x0a) + 1 : bytesRead;
      return buffer.subarray(0, end).toString('utf8');
    } finally {
      await file.close();
    }
  } catch {
    return null;
  }
}
