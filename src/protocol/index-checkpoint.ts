/** The format of the index of open work in the checkpoint file. */
import type { Oid } from '../base/ids.ts';
import { removeEntry } from './fold-changes.ts';
import type { OlderAnswer } from './older-answer.ts';
import type { ForgedReply, OpenIndex, OpenMessage, RejectedFile } from './open-work.ts';
import type { StartMark } from './started.ts';

/**
 * Raised when the index means something else than before: an older checkpoint is then read again.
 */
const CHECKPOINT_VERSION = 15;

/** A plain value for the checkpoint file. */
export function encodeIndex(index: OpenIndex): unknown {
  return {
    v: CHECKPOINT_VERSION,
    tip: index.tip,
    models: index.models,
    messages: [...index.messages.values(), ...index.superseded.values()],
    rejected: [...index.rejected.values()],
    retried: [...index.retried],
    older: [...index.older.values()],
    people: [...index.people],
    decisive: [...index.decisive],
    called: [...index.called],
    runs: [...index.runs],
    started: [...index.started.values()],
    forged: [...index.forged.values()],
  };
}

/**
 * The index in a checkpoint of ours, or null. The file is our own and checksummed; only its version
 * can differ.
 */
export function decodeIndex(value: unknown): OpenIndex | null {
  const raw = value as {
    v: number;
    tip: Oid;
    models: string[];
    messages: OpenMessage[];
    rejected: RejectedFile[];
    retried: [string, string][];
    older: OlderAnswer[];
    people: string[];
    decisive: string[];
    called: [string, string][];
    runs: string[];
    started: StartMark[];
    forged: ForgedReply[];
  } | null;
  if (raw?.v !== CHECKPOINT_VERSION) return null;
  const messages = new Map(raw.messages.map((message) => [message.path, message]));
  const retried = new Map(raw.retried);
  const superseded = removeEntry(messages, retried);
  return {
    tip: raw.tip,
    models: raw.models,
    messages,
    superseded,
    rejected: new Map(raw.rejected.map((file) => [file.path, file])),
    retried,
    older: new Map(raw.older.map((answer) => [answer.by, answer])),
    people: new Set(raw.people),
    decisive: new Set(raw.decisive),
    called: new Map(raw.called),
    runs: new Set(raw.runs),
    started: new Map(raw.started.map((mark) => [mark.path, mark])),
    forged: new Map(raw.forged.map((reply) => [reply.path, reply])),
  };
}
