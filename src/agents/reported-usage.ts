/**
 * What a `command` program tells of its own use in the file that `CROSSTALK_USAGE` names: JSON with
 * any of `tokens_in`, `tokens_out`, `cost_usd` (numbers), `session` (an id to be continued, given
 * back in `CROSSTALK_SESSION`) and `model` (text).
 */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { checkedUsage } from '../protocol/usage.ts';
import { NO_USAGE } from './adapter.ts';
import type { Usage } from './agent.ts';
import { oneLine } from './clean-output.ts';
import { numberAt, parseRecord, textAt } from './json-values.ts';
import { SESSION_ID } from './session-id.ts';

const BYTES_MAX = 65_536;
const MODEL_MAX = 100;

export interface ReportedUsage {
  readonly usage: Usage;
  readonly session: string | null;
  readonly model: string | null;
}

/** What the file says; what it does not, or cannot mean, is null. Never rejects. */
export async function readReportedUsage(path: string): Promise<ReportedUsage> {
  const record = parseRecord((await readBounded(path)) ?? '');
  if (record === null) return { usage: NO_USAGE, session: null, model: null };
  const session = textAt(record, 'session');
  const model = oneLine(textAt(record, 'model') ?? '', MODEL_MAX);
  return {
    usage: checkedUsage({
      tokensIn: numberAt(record, 'tokens_in'),
      tokensOut: numberAt(record, 'tokens_out'),
      costUsd: numberAt(record, 'cost_usd'),
    }),
    session: session !== null && SESSION_ID.test(session) ? session : null,
    model: model === '' ? null : model,
  };
}

async function readBounded(path: string): Promise<string | null> {
  try {
    // Not through a link, and not waiting for anyone who would write into a pipe.
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const { size } = await file.stat();
      if (size > BYTES_MAX) return null;
      const { bytesRead, buffer } = await file.read(Buffer.alloc(BYTES_MAX), 0, BYTES_MAX, 0);
      return buffer.subarray(0, bytesRead).toString('utf8');
    } finally {
      await file.close();
    }
  } catch {
    return null;
  }
}
