/** Steps that wait for people or for the world: `ask` and `wait`. */
import { parseIso } from '../../base/clock.ts';
import { isName } from '../../protocol/names.ts';
import { personName } from '../../protocol/person-name.ts';
import { isJsonObject } from './json.ts';
import type { Ask, OnDeny, Wait } from './plan.ts';
import { decodeChoices, decodeSchema } from './field-decode.ts';
import { KEYS } from './keys.ts';
import {
  asList,
  createTaker,
  type Mapping,
  mappingAt,
  refuseUnknownKeys,
  takeBelow,
} from './read-keys.ts';
import { parseTemplate } from './template.ts';

/** The question to people in a step's `ask:`. */
export function decodeAsk(outer: Mapping): Ask {
  const { mapping, take } = takeBelow(outer, 'ask', KEYS.ask);
  const form = take.choice('kind', ['approve', 'choose', 'input']) ?? 'approve';
  const choices = decodeChoices(mapping);
  const approvers = take.texts('approvers').map((name) => personOf(name, mapping, 'approvers'));
  // An empty list would let anybody approve.
  if (Array.isArray(mapping.raw['approvers']) && approvers.length === 0)
    mapping.report(
      [...mapping.path, 'approvers'],
      '"approvers" names nobody, and so nobody could answer',
      'name people, or leave it out: then the person who started the run is asked',
    );
  if (form === 'choose' && choices.length < 2)
    mapping.report(
      mapping.path,
      '"kind: choose" needs at least two "choices"',
      choices.map(asList).find((list) => list !== null) ?? null,
    );
  if (form !== 'choose' && choices.length > 0)
    mapping.report([...mapping.path, 'choices'], `"choices" needs "kind: choose"`);
  if (form !== 'input' && mapping.raw['schema'] !== undefined)
    mapping.report([...mapping.path, 'schema'], '"schema" needs "kind: input"');
  const quorum = take.integer('quorum', 1, 50) ?? 1;
  if (approvers.length > 0 && quorum > approvers.length)
    mapping.report(
      [...mapping.path, 'quorum'],
      `a quorum of ${String(quorum)} with ${String(approvers.length)} approvers can never be reached`,
    );
  return {
    kind: 'ask',
    title: take.template('title') ?? parseTemplate('A decision is needed'),
    form,
    choices,
    schema: decodeSchema(mapping),
    approvers,
    quorum,
    timeoutMinutes: take.amount('timeout-minutes'),
    onTimeout: take.choice('on-timeout', ['wait', 'fail', 'deny', 'approve']) ?? 'wait',
    onDeny: decodeOnDeny(mapping),
  };
}

/** Names of people, made of what they are called as that of a sender is: `Ada Lovelace`, `@ada`. */
function personOf(text: string, mapping: Mapping, key: string): string {
  const [first = '', domain] = text.trim().toLowerCase().replace(/^@/, '').split('@');
  const made = isName(first) ? first : personName({ name: first, email: '' }, '');
  if (made !== '' && domain === undefined && !text.includes(',')) return made;
  const meant = isName(first) ? first : null;
  mapping.report([...mapping.path, key], `"${text}" is not a person's name`, asList(text) ?? meant);
  return '';
}

/** What a step's `wait:` waits for. */
export function decodeWait(outer: Mapping): Wait {
  const { mapping, take } = takeBelow(outer, 'wait', KEYS.wait);
  if (Object.keys(mapping.raw).length !== 1)
    outer.report(
      mapping.path,
      '"wait" needs exactly one of for, until, message, event',
      'wait: { for: 2h }',
    );
  const ms = take.duration('for');
  if (ms !== null) return { kind: 'wait', what: { kind: 'for', ms } };
  const until = take.template('until');
  if (until !== null) {
    const [only] = until.parts;
    if (until.parts.length === 1 && only?.kind === 'text' && parseIso(only.text.trim()) === null)
      mapping.report(
        [...mapping.path, 'until'],
        `"${only.text}" is not a time`,
        'such as 2026-11-21T06:40:20Z',
      );
    return { kind: 'wait', what: { kind: 'until', at: until } };
  }
  if (mapping.raw['message'] !== undefined)
    return { kind: 'wait', what: decodeMessageWait(mapping) };
  return { kind: 'wait', what: { kind: 'event', name: take.text('event') ?? '' } };
}

function decodeMessageWait(outer: Mapping): Wait['what'] {
  const mapping = mappingAt(outer, 'message');
  refuseUnknownKeys(mapping, KEYS.waitMessage, '"wait: {message}"');
  const take = createTaker(mapping);
  const from = take.text('from');
  return {
    kind: 'message',
    from: from === null ? null : personOf(from, mapping, 'from'),
    contains: take.text('contains'),
  };
}

function decodeOnDeny(outer: Mapping): OnDeny {
  const value = outer.raw['on-deny'];
  if (!isJsonObject(value))
    return { kind: createTaker(outer).choice('on-deny', ['fail', 'continue', 'skip']) ?? 'fail' };
  const { mapping, take } = takeBelow(outer, 'on-deny', KEYS.onDeny);
  const step = take.text('rework');
  if (step !== null) return { kind: 'rework', step, max: take.integer('max', 1, 20) ?? 3 };
  outer.report(
    mapping.path,
    '"on-deny" as a mapping needs "rework"',
    'on-deny: { rework: <step>, max: 3 }',
  );
  return { kind: 'fail' };
}
