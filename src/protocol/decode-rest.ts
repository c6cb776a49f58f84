/**
 * Why a model rests, out of a record that another host wrote: anybody who can push may have forged
 * it, and another version may know other kinds.
 */
import type { ReasonKind, RestReason } from './reason.ts';
import { isMapping } from './yaml.ts';

const TEXT_MAX = 200;

/**
 * The reason in `raw`; what this version does not know, or cannot read, is `text` as the other host
 * put it into words.
 */
export function decodeRest(raw: unknown, text: unknown): RestReason {
  const known = isMapping(raw) ? decodeKnown(raw) : null;
  return known ?? { kind: 'other', text: typeof text === 'string' ? text.slice(0, TEXT_MAX) : '' };
}

function decodeKnown(raw: Readonly<Record<string, unknown>>): RestReason | null {
  const text = (key: string): string => {
    const value = raw[key];
    return typeof value === 'string' ? value.slice(0, TEXT_MAX) : '';
  };
  const amount = (key: string): number => {
    const value = raw[key];
    return typeof value === 'number' && Number.isFinite(value) ? value : 0;
  };
  switch (raw['kind'] as ReasonKind) {
    case 'failed':
      return {
        kind: 'failed',
        class: text('class'),
        detail: text('detail'),
        ...(raw['isOpenEnded'] === true ? { isOpenEnded: true } : {}),
      };
    case 'failures': {
      const counted = { count: amount('count'), windowMs: amount('windowMs') };
      return { kind: 'failures', ...counted, class: text('class'), detail: text('detail') };
    }
    case 'fallback-failed':
      return { kind: 'fallback-failed', model: text('model'), detail: text('detail') };
    case 'setup':
      return { kind: 'setup', detail: text('detail') };
    case 'claims-refused':
      return { kind: 'claims-refused', line: text('line') };
    case 'budget': {
      const unit = (['USD', 'tokens', 'runs'] as const).find((one) => one === raw['unit']);
      const untilMs = amount('untilMs');
      if (unit === undefined || Math.abs(untilMs) > 8.64e15) return null;
      return {
        kind: 'budget',
        who: typeof raw['who'] === 'string' ? text('who') : null,
        used: amount('used'),
        limit: amount('limit'),
        unit,
        per: raw['per'] === 'hour' ? 'hour' : 'day',
        untilMs,
      };
    }
    default:
      return null;
  }
}
