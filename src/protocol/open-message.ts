/** Turns a message into an open one: what its fields say, and what only its path says. */
import type { Oid } from '../base/ids.ts';
import type { Recipient } from './address.ts';
import type { MessageFields } from './message.ts';
import type { OpenMessage } from './open-work.ts';
import { identityOf, type MessagePath } from './paths.ts';

/** What a message does not say of itself. */
export interface Found {
  readonly file: MessagePath;
  readonly blob: Oid;
  /** Who wrote it, also where its fields name nobody. */
  readonly from: string;
  /** When, also where its fields do not say. */
  readonly timestampMs: number;
  /** As `actsOutside` (isolation.ts) judges it. */
  readonly isExternal: boolean;
  /** Who has not answered yet. */
  readonly recipients: readonly Recipient[];
}

/** The message as the index holds it. */
export function openMessage(found: Found, fields: MessageFields): OpenMessage {
  const { file, blob, from, timestampMs, isExternal, recipients } = found;
  return {
    path: file.path,
    channel: file.channel,
    identity: identityOf(file),
    blob,
    from,
    timestampMs,
    hops: fields.hops,
    priority: fields.priority,
    isWorkflow: fields.to.some(({ name }) => name === 'workflow'),
    isExternal,
    project: fields.project,
    preferredHost: fields.dispatchHost,
    hasFallback: fields.fallback.length > 0,
    recipients,
  };
}
