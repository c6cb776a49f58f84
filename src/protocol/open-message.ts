/** Turns a message into an open one: what its fields say, and what only its path says. */
import type { MessageFields } from './message.ts';
import type { OpenMessage } from './open-work.ts';
import { identityOf, type MessagePath } from './paths.ts';

/**
 * What a message does not say of itself: also who wrote it and when, where its fields are silent.
 * `isExternal`: as `actsOutside` (isolation.ts) judges it.
 */
export interface Found extends Pick<
  OpenMessage,
  'blob' | 'from' | 'timestampMs' | 'isExternal' | 'recipients'
> {
  readonly file: MessagePath;
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
