/** Reads one entry of a models.yaml: every key with its type, limits and default. */
import { DAY } from '../base/clock.ts';
import { parseDuration } from '../base/duration.ts';
import { isAcceptable, type MaySend } from './admission.ts';
import {
  type Effects,
  handsBack,
  hashEntry,
  MODEL_DEFAULTS,
  type ModelEntry,
  type Permissions,
  READ_ONLY_ADAPTERS,
} from './models.ts';
import { isName, NAME_RULE, RESERVED_NAMES } from './names.ts';
import {
  choice,
  describeOdd,
  duration,
  isTexts,
  type Form,
  takeField,
  wholeNumber,
} from './take.ts';
import { describe, isMapping } from './yaml.ts';

/** Longest wait for a person: an agent that waits keeps its process and its claim. */
const PERMISSION_MS_MAX = 7 * DAY;

/** One name or several; null = something else. */
export function decodeNames(value: unknown): readonly string[] | null {
  if (value === undefined || value === null) return [];
  const names: readonly unknown[] = Array.isArray(value) ? value : [value];
  return isTexts(names) && names.every(isName) ? names : null;
}

type RefuseKey = (key: string, found: string, expected: string) => null;
interface KeyProblem {
  readonly key: string | null;
  readonly found: string;
  readonly expected: string;
}
type Decoded =
  | { readonly kind: 'entry'; readonly entry: ModelEntry }
  | { readonly kind: 'refused'; readonly problems: readonly KeyProblem[] };

/** An entry with the types that YAML gives, and the same with every scalar as it was written. */
interface Entry {
  readonly raw: Readonly<Record<string, unknown>>;
  readonly written: unknown;
}

export function decodeEntry(
  name: string,
  { raw, written }: { readonly raw: unknown; readonly written: unknown },
): Decoded {
  const problems: KeyProblem[] = [];
  const refuse = (key: string | null, found: string, expected: string): null => {
    problems.push({ key, found, expected });
    return null;
  };
  if (!isName(name) || RESERVED_NAMES.includes(name)) refuse(null, `the name "${name}"`, NAME_RULE);
  if (!isMapping(raw))
    return {
      kind: 'refused',
      problems: [
        { key: null, found: describe(raw), expected: 'a mapping with at least "adapter:"' },
      ],
    };
  const take = createTaker({ raw, written }, refuse);
  const adapter =
    take.text('adapter') ??
    refuse(
      'adapter',
      describe(raw['adapter']),
      'the name of an adapter, such as "claude" or "command"',
    ) ??
    '';
  const command = take.list('command');
  if (adapter === 'command' && command.length === 0 && raw['command'] === undefined)
    refuse('adapter', '"adapter: command" without "command:"', 'command: [program, argument, …]');
  const effects =
    take.choice('effects', ['none', 'external']) ??
    (READ_ONLY_ADAPTERS.includes(adapter) ? 'none' : 'external');
  const entry: ModelEntry = {
    name,
    adapter,
    model: take.text('model'),
    effects,
    timeoutMs: take.duration('timeout') ?? MODEL_DEFAULTS.timeoutMs,
    idleTimeoutMs: take.duration('idle-timeout') ?? MODEL_DEFAULTS.idleTimeoutMs,
    concurrency: take.count('concurrency', 1, 1_000) ?? MODEL_DEFAULTS.concurrency,
    attempts: take.count('attempts', 1, 10) ?? MODEL_DEFAULTS.attempts,
    fallback: take.list('fallback'),
    env: take.list('env'),
    cwd: take.text('cwd'),
    maySend: take.namesOrAll('may-send'),
    acceptFrom: take.names('accept-from', ACCEPT_FROM),
    projects: take.names('projects', { fits: () => true, expected: '' }),
    capsules: take.choice('capsules', ['true', 'false']) !== 'false',
    permissions: decodePermissions(raw['permissions'], { effects, refuse }),
    trustCheckout: take.choice('trust-checkout', ['true', 'false']) === 'true',
    command,
    wrapper: take.list('wrapper'),
    outputBytesMax:
      take.count('output-bytes-max', 1, 64 * 1_048_576) ?? MODEL_DEFAULTS.outputBytesMax,
    runsPerHour: take.count('runs-per-hour', 1, 1_000_000),
    compile: (take.choice('compile', ['true', 'false']) ?? String(!handsBack(command))) === 'true',
    options: isMapping(raw['options']) ? raw['options'] : {},
    hash: hashEntry(raw),
  };
  refuseOddKeys(raw, refuse);
  return problems.length > 0 ? { kind: 'refused', problems } : { kind: 'entry', entry };
}

const PERMISSIONS = 'ask, or a mapping of ask: [names], timeout: 30m, hold: slot or free';

function decodePermissions(
  value: unknown,
  entry: {
    readonly effects: Effects;
    readonly refuse: RefuseKey;
  },
): Permissions | null {
  if (value === undefined || value === null) return null;
  const no = (found: string, expected = PERMISSIONS): null =>
    entry.refuse('permissions', found, expected);
  if (entry.effects !== 'external')
    return no('"effects: none"', '"effects: external": what is allowed may change things');
  const given = value === 'ask' ? {} : value;
  if (!isMapping(given)) return no(describe(value));
  const { ask, timeout = '30m', hold = 'slot', ...others } = given;
  const [odd] = Object.keys(others);
  if (odd !== undefined) return no(`unknown key "${odd}"`);
  const names = decodeNames(ask);
  if (names === null) return no(`ask: ${describe(ask)}`);
  const timeoutMs = typeof timeout === 'string' ? parseDuration(timeout) : null;
  if (timeoutMs === null || timeoutMs <= 0 || timeoutMs > PERMISSION_MS_MAX)
    return no(`timeout: ${describe(timeout)}`, 'a duration of at most 7 days, such as 30m');
  return hold === 'slot' || hold === 'free'
    ? { ask: names, timeoutMs, hold }
    : no(`hold: ${describe(hold)}`);
}

function refuseOddKeys(raw: Readonly<Record<string, unknown>>, refuse: RefuseKey): void {
  for (const key of Object.keys(raw))
    if (!KNOWN_KEYS.has(key))
      refuse(key, `unknown key "${key}"`, `one of ${[...KNOWN_KEYS].join(', ')}`);
  if (raw['options'] !== undefined && !isMapping(raw['options']))
    refuse('options', describe(raw['options']), 'a mapping');
}

const KNOWN_KEYS = new Set(
  'adapter model effects timeout idle-timeout concurrency attempts fallback env cwd may-send accept-from projects trust-checkout permissions capsules command wrapper output-bytes-max runs-per-hour compile options'.split(
    ' ',
  ),
);

interface ItemForm {
  readonly fits: (item: string) => boolean;
  readonly expected: string;
}

const ACCEPT_FROM: ItemForm = {
  fits: isAcceptable,
  expected: 'names of people and models, "workflow", or "channel:<name>"',
};
const RECIPIENT: ItemForm = { fits: isName, expected: 'true, false, or names of recipients' };

function createTaker({ raw, written }: Entry, refuse: RefuseKey) {
  const takeAs = <T>(key: string, form: Form<T>): T | null =>
    takeField(raw[key], form, (...said) => refuse(key, ...said));
  /** `4.10` stays `4.10`. */
  const asWritten = (key: string): string => {
    const text = isMapping(written) ? written[key] : null;
    return typeof text === 'string' ? text : String(raw[key]);
  };
  const refuseList = (key: string, found: string, expected: string): readonly string[] => {
    refuse(key, found, expected);
    return [];
  };
  const list = (key: string): readonly string[] => {
    const value = raw[key];
    if (value === undefined || value === null) return [];
    if (typeof value === 'string')
      return key === 'command'
        ? refuseList(key, describe(value), 'a list of texts: [program, argument, …]')
        : [value];
    if (isTexts(value) && value.length > 0) return value;
    return refuseList(
      key,
      describeOdd(value),
      Array.isArray(value) && value.length === 0
        ? 'at least one text, or the key left out'
        : 'a list of texts (a number in quotes)',
    );
  };
  /** A list in which every item has a form; null = the key is left out. */
  const names = (key: string, { fits, expected }: ItemForm): readonly string[] | null => {
    const items = list(key);
    const odd = items.find((item) => !fits(item));
    if (odd !== undefined) refuse(key, describe(odd), expected);
    return raw[key] === undefined || raw[key] === null ? null : items;
  };
  return {
    text: (key: string): string | null =>
      takeAs(key, {
        expected: 'a text',
        decode: (value) =>
          typeof value === 'number'
            ? asWritten(key)
            : typeof value === 'string' && value !== ''
              ? value
              : undefined,
      }),
    list,
    names,
    /** `true`, `false`, or some names. */
    namesOrAll: (key: string): MaySend => {
      const value = raw[key];
      if (value === true || value === 'true') return 'all';
      if (value === false || value === 'false') return [];
      return names(key, RECIPIENT) ?? [];
    },
    choice: <C extends string>(key: string, choices: readonly C[]): C | null =>
      takeAs(key, choice(choices, choices.map((one) => `"${one}"`).join(' or '))),
    duration: (key: string): number | null => takeAs(key, TIME),
    count: (key: string, min: number, max: number): number | null =>
      takeAs(key, wholeNumber(min, max)),
  };
}

const TIME = duration('a duration above zero, such as 90s, 30m or 2h', 1);
