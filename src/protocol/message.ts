/**
 * A message: one markdown file, checked once and carried as this type from then on. PROTOCOL.md "A
 * message".
 */
import { parseIso } from '../base/clock.ts';
import { type Address, parseAddress, type Sender, parseSender } from './address.ts';
import {
  expectedAddress,
  explainAsked,
  namesInMapping,
  noRecipient,
  placeOf,
} from './explain-asked.ts';
import { readFrontMatter, writeFrontMatter } from './front-matter.ts';
import { isFullName, personName, romanName } from './person-name.ts';
import type { Rejection } from './rejection.ts';
import { CHANNEL_RULE, isChannel, isName, NAME_RULE } from './names.ts';
import { pathProblem, resolveRe } from './paths.ts';
import {
  amount,
  choice,
  type Form,
  type Refuse,
  takeField,
  texts,
  wholeNumber,
  word,
  writtenAs,
} from './take.ts';
import type { Usage } from './usage.ts';
import { describe, isMapping } from './yaml.ts';

export const MESSAGE_TYPES = ['message', 'workflow'] as const;
export type MessageType = (typeof MESSAGE_TYPES)[number];

/** The fields of a message. Null or empty = not written. */
export interface MessageFields extends Usage {
  readonly to: readonly Address[];
  readonly from: string | null;
  /** The host in `from: opus@mbp`, as dispatchers before 8 wrote it. */
  readonly fromHost: string | null;
  readonly timestampMs: number | null;
  readonly re: readonly string[];
  readonly subject: string | null;
  /** A persona: its name, or the path of its file in the transport. */
  readonly as: string | null;
  readonly hops: number;
  /** The sender waits for the answer itself: the reply wakes nobody. */
  readonly wait: boolean;
  /** -9 … 9, higher first. */
  readonly priority: number;
  readonly project: string | null;
  readonly files: readonly string[];
  readonly type: MessageType;
  readonly childChannel: string | null;
  readonly dispatchHost: string | null;
  readonly workflowPhase: string | null;
  /**
   * What the work may do beyond answering, where the message knows better than the model's entry:
   * only ever stricter.
   */
  readonly effects: 'none' | 'git' | 'external' | null;
  /** Models that the sender asks next when this one fails: it wants to know at once. */
  readonly fallback: readonly string[];
  /** Limits of the attempt that are tighter than the model's own. */
  readonly timeoutMinutes: number | null;
  readonly idleMinutes: number | null;
  /** Control operation of a workflow run. */
  readonly op: string | null;
  /** Path of the message that this one asks again; that one is closed by it. */
  readonly retries: string | null;
  /** A question of an agent: for a yes or no that it waits for, or for an answer. */
  readonly asks: 'permission' | 'answer' | null;
  /** When an answer to that comes too late. */
  readonly asksUntilMs: number | null;
  /** A person published it out of what a host had kept: the answer of an attempt, too late. */
  readonly late: boolean;
  readonly failed: boolean;
  readonly error: string | null;
  readonly model: string | null;
  readonly host: string | null;
  readonly attempt: number | null;
  /** The earlier attempt whose capsule its agent began with. */
  readonly continues: string | null;
  readonly durationMs: number | null;
  readonly session: string | null;
  readonly agent: string | null;
}

export interface Message {
  readonly fields: MessageFields;
  readonly body: string;
  /** The YAML between the dashes, for the workflow language. */
  readonly yaml: string;
  readonly warnings: readonly string[];
}

export type MessageRead =
  | { readonly kind: 'message'; readonly message: Message }
  | { readonly kind: 'rejected'; readonly rejection: Rejection };

/**
 * A message out of the bytes of its file, or the first rule that it breaks. Unknown fields are
 * ignored; known ones must be right. `at`: the path of the file, to which `re:` may be relative.
 */
export function decodeMessage(bytes: Uint8Array, at: string | null = null): MessageRead {
  const read = readFrontMatter(bytes);
  if (read.kind === 'rejected')
    return { kind: 'rejected', rejection: explainAsked(bytes, read.rejection) };
  const faults = new Map<string, Fault>();
  const take = (key: string): Field => {
    const value = read.fields[key];
    if (value === undefined || value === null || value === '') return ABSENT;
    const refuse: Refuse = (found, expected) => {
      if (!faults.has(key)) faults.set(key, { found: `${key}: ${found}`, expected });
      return null;
    };
    return { value, refuse };
  };
  const fields = decodeFields(take, at);
  const isForNobody = fields.to.length === 0 && fields.op === null;
  const rejection =
    firstFault(read, faults) ?? (isForNobody ? noRecipient(read) : textInHead(read, fields));
  return rejection === null
    ? {
        kind: 'message',
        message: { fields, body: read.body, yaml: read.yaml, warnings: read.warnings },
      }
    : { kind: 'rejected', rejection };
}

type Fault = Pick<Rejection, 'found' | 'expected'>;

/** The first fault in the file. Only one is reported: finding a line takes time. */
function firstFault(
  { fields, yaml }: { readonly fields: Readonly<Record<string, unknown>>; readonly yaml: string },
  faults: ReadonlyMap<string, Fault>,
): Rejection | null {
  if (faults.size === 0) return null;
  const key = Object.keys(fields).find((each) => faults.has(each)) ?? '';
  const fault = faults.get(key);
  return fault === undefined ? null : { ...placeOf(yaml, key), ...fault };
}

type Head = Extract<ReturnType<typeof readFrontMatter>, { kind: 'read' }>;

/** A message without text that has one among its fields: nobody would read it. */
function textInHead({ fields, yaml, body }: Head, { type, op }: MessageFields): Rejection | null {
  if (type !== 'message' || op !== null || body.trim() !== '') return null;
  const key = Object.keys(fields).find((each) => MEANT_TEXT.includes(each.toLowerCase()));
  return key === undefined
    ? null
    : {
        ...placeOf(yaml, key),
        found: `"${key}:", and no text below the fields`,
        expected: 'the text below the second line ---',
      };
}

/** Keys by which people say what they say. */
const MEANT_TEXT: readonly string[] = ['body', 'message', 'text', 'content', 'prompt', 'question'];

/** What a person or an agent may say in a new message. */
export interface NewMessage {
  readonly to: readonly string[];
  readonly from: string;
  readonly timestamp: string;
  readonly re?: readonly string[] | undefined;
  readonly subject?: string | undefined;
  readonly as?: string | undefined;
  readonly hops?: number | undefined;
  readonly wait?: boolean | undefined;
  readonly priority?: number | undefined;
  readonly project?: string | undefined;
  readonly files?: readonly string[] | undefined;
  readonly effects?: MessageFields['effects'] | undefined;
  readonly dispatch_host?: string | undefined;
  readonly timeout_minutes?: number | undefined;
  readonly idle_minutes?: number | undefined;
  readonly retries?: string | undefined;
  /** An agent asks a person; `host` is where it has its session. */
  readonly asks?: 'answer' | undefined;
  readonly host?: string | undefined;
  readonly op?: string | undefined;
}

/** The file of a new message. */
export function formatMessage(message: NewMessage, body: string): string {
  const one = <T>(list: readonly T[] | undefined): T | readonly T[] | undefined =>
    list?.length === 1 ? list[0] : list?.length === 0 ? undefined : list;
  return writeFrontMatter(
    {
      ...message,
      to: one(message.to),
      re: one(message.re),
      hops: message.hops === 0 ? undefined : message.hops,
      wait: message.wait === true ? true : undefined,
    },
    body,
  );
}

type Taker = (key: string) => Field;

function decodeFields(take: Taker, at: string | null): MessageFields {
  const sender = senderOf(take('from'));
  const whole = (path: string): string => (at === null ? path : resolveRe(path, at));
  const retries = pathsOf(take('retries'))[0];
  return {
    to: addressesOf(take('to')),
    from: sender?.name ?? null,
    fromHost: sender?.host ?? null,
    timestampMs: valueOf(take('timestamp'), TIME),
    re: pathsOf(take('re')).map(whole),
    subject: textOf(take('subject')),
    as: pathsOf(take('as'))[0] ?? null,
    hops: valueOf(take('hops'), HOPS) ?? 0,
    wait: valueOf(take('wait'), TRUTH) ?? false,
    priority: valueOf(take('priority'), PRIORITY) ?? 0,
    project: valueOf(take('project'), NAME),
    files: pathsOf(take('files')),
    type: choiceOf(take('type'), TYPE) ?? 'message',
    childChannel: valueOf(take('child_channel'), CHANNEL),
    dispatchHost: valueOf(take('dispatch_host'), NAME),
    workflowPhase: textOf(take('workflow_phase')),
    effects: choiceOf(take('effects'), EFFECTS),
    fallback: textsOf(take('fallback')),
    timeoutMinutes: valueOf(take('timeout_minutes'), AMOUNT),
    idleMinutes: valueOf(take('idle_minutes'), AMOUNT),
    op: valueOf(take('op'), NAME),
    retries: retries === undefined ? null : whole(retries),
    asks: choiceOf(take('asks'), ASKS),
    asksUntilMs: valueOf(take('asks_until'), TIME),
    late: valueOf(take('late'), TRUTH) ?? false,
    failed: valueOf(take('failed'), TRUTH) ?? false,
    error: textOf(take('error')),
    model: textsOf(take('model'))[0] ?? null, // a marker may list several; a reply names one
    host: valueOf(take('host'), NAME),
    attempt: valueOf(take('attempt'), ATTEMPT),
    continues: textOf(take('continues')),
    durationMs: valueOf(take('duration_ms'), AMOUNT),
    tokensIn: valueOf(take('tokens_in'), AMOUNT),
    tokensOut: valueOf(take('tokens_out'), AMOUNT),
    costUsd: valueOf(take('cost_usd'), AMOUNT),
    session: textOf(take('session')),
    agent: textOf(take('agent')),
  };
}

/** An address of a person whose name is not a plain one: `Ada Lovelace`, `André`. */
function personAt(item: string): Address | null {
  const text = withoutMailbox(item);
  // Letters of two scripts in one word look like a name that they are not.
  const isMixed = text
    .split(/\s+/)
    .some((word) => /\p{Script=Latin}/u.test(word) && /[^\p{Script=Latin}\P{L}]/u.test(word));
  const isPerson = !isMixed && isFullName(text) && /[^\u0000-\u007f]|[A-Z]/.test(text);
  const name = isPerson ? romanName(text) : null;
  return name === null ? null : { name, host: null };
}

/** `Ada Lovelace <ada@example.org>`, as mail programs write it, is Ada Lovelace. */
function withoutMailbox(text: string): string {
  const name = text.trim();
  const at = name.endsWith('>') ? name.lastIndexOf('<') : -1;
  return at > 0 ? name.slice(0, at).trim() : name;
}

/** Every scalar of a head is read as text. */
const written = writtenAs(/^[-+]?\d+(\.\d+)?([eE][-+]?\d+)?$/);
const HOPS = wholeNumber(0, 1_000, written);
const PRIORITY = wholeNumber(-9, 9, written);
const ATTEMPT = wholeNumber(1, 1_000_000, written);
const AMOUNT = amount('a number from 0', written);
const TYPE = choice(MESSAGE_TYPES);
const EFFECTS = choice(['none', 'git', 'external']);
const ASKS = choice(['permission', 'answer']);
const TEXT = word('one text', (given) => given);
const TEXTS = texts('one text or a list of texts');
const TIME = word('a time such as 2026-11-21T06:40:20Z', parseIso);
const CHANNEL = word(`a channel: ${CHANNEL_RULE}`, (name) => (isChannel(name) ? name : null));
const NAME = word(`a name: ${NAME_RULE}`, (given) => {
  const name = given.toLowerCase();
  return isName(name) ? name : null;
});
const TRUTH = word('true or false', (given) =>
  /^(true|yes)$/i.test(given) ? true : /^(false|no)$/i.test(given) ? false : null,
);

/** What stands in a field, and where it is told that this has another form. */
interface Field {
  readonly value: unknown;
  readonly refuse: Refuse;
}

/** Most fields of most messages are not written. */
const ABSENT: Field = { value: null, refuse: () => null };

function textOf({ value, refuse }: Field): string | null {
  return value === null ? null : takeField(value, TEXT, refuse);
}

function textsOf({ value, refuse }: Field): readonly string[] {
  return value === null ? [] : (takeField(value, TEXTS, refuse) ?? []);
}

function choiceOf<C extends string>(field: Field, form: Form<C>): C | null {
  return field === ABSENT ? null : takeField(textOf(field), form, field.refuse);
}

/** Without the spaces around it. */
function valueOf<T>(field: Field, form: Form<T>): T | null {
  return field === ABSENT ? null : takeField(textOf(field)?.trim(), form, field.refuse);
}

function senderOf(field: Field): Sender | null {
  const given = textOf(field)?.trim() ?? '';
  return given === '' ? null : (parseSender(given) ?? personIn(given));
}

/** A person may be called anything: the name is made one, as that of a commit's author. */
function personIn(given: string): Sender | null {
  const [, email = ''] = /<([^<>]*)>$/.exec(given) ?? [];
  const name = personName({ name: withoutMailbox(given), email }, '');
  return name === '' ? null : { name, host: null };
}

function pathsOf(field: Field): readonly string[] {
  const given = textsOf(field).map((path) => path.trim().replace(/^(?:\.\/)+/, ''));
  const bad = given.find((path) => pathProblem(path) !== null);
  if (bad === undefined) return given;
  field.refuse(describe(bad), 'a path in the transport');
  return [];
}

function addressesOf(field: Field): readonly Address[] {
  const addresses: Address[] = [];
  if (isMapping(field.value)) {
    field.refuse(describe(field.value), expectedAddress(namesInMapping(field.value)));
    return [];
  }
  for (const text of textsOf(field))
    for (const item of text.includes(',') ? text.split(',') : [text]) {
      if (item.trim() === '') continue;
      const name = item.trim().replace(/^@/, '');
      const address = parseAddress(name) ?? personAt(name);
      if (address !== null) addresses.push(address);
      else field.refuse(describe(item.trim()), expectedAddress(item));
    }
  return addresses;
}

/** Every field that is read. */
export const FIELD_NAMES: ReadonlySet<string> = namesOfFields();

function namesOfFields(): ReadonlySet<string> {
  const names = new Set<string>();
  const note: Taker = (key) => {
    names.add(key);
    return ABSENT;
  };
  decodeFields(note, null);
  return names;
}
