/** The words by which a person agrees or refuses: for gates, and for what an agent asks to do. */
import { firstLine } from './reply.ts';

const YES = ['approve', 'approved', 'yes', 'ok', 'okay', 'lgtm', '+1'];
const NO = ['deny', 'denied', 'no', 'reject', 'rejected', '-1'];

/** What the first word of a text says; null: neither. Pure. */
export function yesOrNo(text: string): 'approve' | 'deny' | null {
  const line = firstLine(text).trim().toLowerCase();
  const word = /^[+-]?[a-z0-9]+/.exec(line)?.[0] ?? '';
  return YES.includes(word) ? 'approve' : NO.includes(word) ? 'deny' : null;
}
