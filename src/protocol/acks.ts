/**
 * Notes by which a person dismisses a failure or a rejected file. PROTOCOL.md "Acknowledgements".
 * Pure.
 */
import { createHash } from 'node:crypto';
import { ACKS } from './paths.ts';

/** What is dismissed. A file with other bytes is another file. */
export type Acked =
  | {
      readonly kind: 'failure';
      readonly channel: string;
      readonly id: string;
      readonly model: string;
    }
  | { readonly kind: 'file'; readonly path: string; readonly oid: string };

/** Where the note stands that dismisses it: one place for one thing, no matter who writes it. */
export function ackPath(what: Acked): string {
  const named =
    what.kind === 'failure'
      ? ['failure', what.channel, what.id, what.model]
      : ['file', what.path, what.oid];
  const key = createHash('sha256').update(named.join('\n')).digest('hex').slice(0, 20);
  return `${ACKS}/${key}.md`;
}
