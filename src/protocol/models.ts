/**
 * models.yaml: which names can be addressed and what answers for them. The same form in the
 * transport and on the host. PROTOCOL.md "Models".
 */
import { createHash } from 'node:crypto';
import { DAY, MINUTE } from '../base/clock.ts';
import { parseDuration } from '../base/duration.ts';
import { byCodeUnit } from '../base/order.ts';
import { plainName } from './address.ts';
import { type Admission, isAcceptable, type MaySend } from './admission.ts';
import { isName, NAME_RULE, RESERVED_NAMES } from './names.ts';
import { describe, isMapping, lineOfKey, readYamlMapping } from './yaml.ts';

/**
 * `none`: may be run again when a host is lost. `external`: it may have changed something, so never
 * a second time without a person.
 */
export type Effects = 'none' | 'external';

/** How a person is asked for what an agent may not do on its own. */
export interface Permissions {
  /** Names of people; empty = the asker. */
  readonly ask: readonly string[];
  /** How long an answer is waited for; then it is denied. */
  readonly timeoutMs: number;
  /** What becomes of the slot of the attempt meanwhile. */
  readonly hold: 'slot' | 'free';
}

/** One model, checked and with every default filled in. */
export interface ModelEntry extends Admission {
  readonly name: string;
  readonly adapter: string;
  /** What the program calls the model; null = its default. */
  readonly model: string | null;
  readonly effects: Effects;
  /** Wall limit of one attempt. */
  readonly timeoutMs: number;
  /** Limit without any output. */
  readonly idleTimeoutMs: number;
  /** Attempts at the same time on one host. */
  readonly concurrency: number;
  /** Invocations of all hosts together for one message. */
  readonly attempts: number;
  /** Models that answer in its place, in order, when it cannot. */
  readonly fallback: readonly string[];
  /** Names of the operator's environment that its program may see. */
  readonly env: readonly string[];
  /** Directory that it runs in, `~` allowed; null = an empty scratch directory. */
  readonly cwd: string | null;
  readonly maySend: MaySend;
  /** What it says is kept on the remote while it runs, for an attempt after it. */
  readonly capsules: boolean;
  /** Who is asked for what its mode does not allow; null = nobody, it is denied. */
  readonly permissions: Permissions | null;
  /**
   * Settings, hooks and plugins that its program finds in a project may run. Counts in the host's
   * own file only: `selectServedModels` takes it out of others.
   */
  readonly trustCheckout: boolean;
  /** Program and arguments (`adapter: command`), or a replacement for the adapter's own program. */
  readonly command: readonly string[];
  /** Put before the program: a sandbox such as `[bwrap, …]`. */
  readonly wrapper: readonly string[];
  readonly outputBytesMax: number;
  /** Attempts in any hour on one host; null = no limit. */
  readonly runsPerHour: number | null;
  /** It can make a plan out of prose: it thinks, and does not just hand back what it is given. */
  readonly compile: boolean;
  /** Keys that only the adapter understands, as written. */
  readonly options: Readonly<Record<string, unknown>>;
  /** sha256 of the entry as written: what an operator approves. */
  readonly hash: string;
}

/**
 * Something in a models.yaml that cannot be used; the entry it stands in is left out, the others
 * are not.
 */
export interface ModelProblem {
  readonly name: string | null;
  readonly line: number;
  readonly found: string;
  readonly expected: string;
}

export interface ModelsFile {
  /** False when nothing of it can be read, not even which names it has. */
  readonly isReadable: boolean;
  /** In the order of the file. */
  readonly models: ReadonlyMap<string, ModelEntry>;
  /** Name → command, when a program before 8 wrote the file: names that can be asked, unserved. */
  readonly older: ReadonlyMap<string, string>;
  /** `compile-model:`: who compiles prose where a marker does not say it; fallbacks in order. */
  readonly compileModels: readonly string[];
  readonly problems: readonly ModelProblem[];
  /** Line of a key of an entry. */
  readonly lineOf: (name: string, key: string) => number;
}

/** Longest wait for a person: an agent that waits keeps its process and its claim. */
const PERMISSION_MS_MAX = 7 * DAY;

export const MODEL_DEFAULTS = {
  timeoutMs: 30 * MINUTE,
  idleTimeoutMs: 10 * MINUTE,
  concurrency: 1,
  attempts: 3,
  outputBytesMax: 1_048_576,
} as const;

/**
 * Adapters whose default is a read-only mode (DESIGN: effects `none`); every other program may do
 * anything.
 */
export const READ_ONLY_ADAPTERS: readonly string[] = [
  'claude',
  'codex',
  'gemini',
  'qwen',
  'opencode',
  'pi',
  'copilot',
  'droid',
  'http',
];

/** Reads a models.yaml. Never throws: what is wrong is listed, what is right is served. */
export function decodeModels(text: string): ModelsFile {
  const lineOf = (name: string, key: string): number => lineOfKey(text, ['models', name, key]);
  const unusable = (line: number, found: string, expected: string): ModelsFile => ({
    isReadable: false,
    models: new Map(),
    older: new Map(),
    compileModels: [],
    problems: [{ name: null, line, found, expected }],
    lineOf,
  });
  const read = readYamlMapping(text, 'typed');
  if (read.kind === 'refused') return unusable(read.line, read.why, read.remedy);
  const older = readOlderModels(read.value);
  if (older !== null) return { ...unusable(0, '', ''), isReadable: true, older, problems: [] };
  const section = read.value['models'] ?? {};
  if (!isMapping(section))
    return unusable(
      lineOfKey(text, ['models']),
      describe(section),
      '"models:" to be a mapping of names',
    );
  const models = new Map<string, ModelEntry>();
  const problems: ModelProblem[] = Object.keys(read.value)
    .filter((key) => key !== 'models' && key !== COMPILE_MODEL)
    .map((key) => ({
      name: null,
      line: lineOfKey(text, [key]),
      found: `unknown key "${key}"`,
      expected: `only "models:" and "${COMPILE_MODEL}:"`,
    }));
  const compileModels = decodeNames(read.value[COMPILE_MODEL]);
  if (compileModels === null)
    problems.push({
      name: null,
      line: lineOfKey(text, [COMPILE_MODEL]),
      found: describe(read.value[COMPILE_MODEL]),
      expected: 'the name of a model, or a list of names',
    });
  const asText = readYamlMapping(text, 'text');
  const texts = asText.kind === 'mapping' ? asText.value['models'] : null;
  for (const [name, raw] of Object.entries(section)) {
    const written = isMapping(texts) ? texts[name] : null;
    const decoded = decodeEntry(name, { raw, written });
    if (decoded.kind === 'entry') models.set(name, decoded.entry);
    else
      problems.push(
        ...decoded.problems.map(({ key, ...what }) => ({
          name,
          line: lineOfKey(text, ['models', name, ...(key === null ? [] : [key])]),
          ...what,
        })),
      );
  }
  return {
    isReadable: true,
    models,
    older: new Map(),
    compileModels: compileModels ?? [],
    problems,
    lineOf,
  };
}

/** The names in the text of data/models.yaml (null: there is none), in code-unit order. */
export function listModelNames(text: string | null): readonly string[] {
  if (text !== lastModels.text) {
    const { models, older } = decodeModels(text ?? '');
    lastModels = { text, names: [...models.keys(), ...older.keys()].sort(byCodeUnit) };
  }
  return lastModels.names;
}

/** Asked for at every commit and hardly ever another: the last answer is kept. */
let lastModels: { readonly text: string | null; readonly names: readonly string[] } = {
  text: null,
  names: [],
};

/**
 * Name → command of a file as programs before 8 wrote it (`opus: claude -p`), in its order; null
 * for every other. A name with a slash is a plain one here.
 */
function readOlderModels(
  file: Readonly<Record<string, unknown>>,
): ReadonlyMap<string, string> | null {
  const entries = Object.entries(file);
  const commands = entries.flatMap(([name, command]) =>
    typeof command === 'string' && command.trim() !== ''
      ? [[plainName(name.toLowerCase()), command.trim()] as const]
      : [],
  );
  const isOlder = !Object.hasOwn(file, 'models') && commands.length === entries.length;
  return isOlder && commands.length > 0 ? new Map(commands) : null;
}

const COMPILE_MODEL = 'compile-model';

/** One name or several; null = something else. */
function decodeNames(value: unknown): readonly string[] | null {
  if (value === undefined || value === null) return [];
  const names: readonly unknown[] = Array.isArray(value) ? value : [value];
  return names.every((name): name is string => typeof name === 'string' && isName(name))
    ? names
    : null;
}

/** The hash an operator approves: any change to the entry, in any key, changes it. */
export function hashEntry(raw: unknown): string {
  return createHash('sha256').update(canonical(raw)).digest('hex');
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (!isMapping(value)) return JSON.stringify(value ?? null);
  const pairs = Object.entries(value).sort(([a], [b]) => byCodeUnit(a, b));
  return `{${pairs.map(([key, inner]) => `${JSON.stringify(key)}:${canonical(inner)}`).join(',')}}`;
}

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

function decodeEntry(
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
    readonly refuse: (key: string, found: string, expected: string) => null;
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

/** Programs that only hand on or make up text; `compile: false` says it of any other. */
const TEXT_TOOLS = 'cat tac tee echo printf yes true false rev head tail sort wc tr sed jq'.split(
  ' ',
);

export function handsBack([program = '']: readonly string[]): boolean {
  return TEXT_TOOLS.includes(program.slice(program.lastIndexOf('/') + 1));
}

function refuseOddKeys(
  raw: Readonly<Record<string, unknown>>,
  refuse: (key: string, found: string, expected: string) => null,
): void {
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

function createTaker(
  { raw, written }: Entry,
  refuse: (key: string, found: string, expected: string) => null,
) {
  /** `4.10` stays `4.10`. */
  const asWritten = (key: string): string => {
    const text = isMapping(written) ? written[key] : null;
    return typeof text === 'string' ? text : String(raw[key]);
  };
  const describeItems = (value: unknown): string => {
    if (!Array.isArray(value)) return describe(value);
    const at = value.findIndex((item) => typeof item !== 'string');
    return at < 0 ? 'an empty list' : `item ${at + 1}: ${describe(value[at])}`;
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
    if (
      Array.isArray(value) &&
      value.length > 0 &&
      value.every((item): item is string => typeof item === 'string')
    )
      return value;
    return refuseList(
      key,
      describeItems(value),
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
    text: (key: string): string | null => {
      const value = raw[key];
      if (value === undefined || value === null) return null;
      return typeof value === 'string' && value !== ''
        ? value
        : typeof value === 'number'
          ? asWritten(key)
          : refuse(key, describe(value), 'a text');
    },
    list,
    names,
    /** `true`, `false`, or some names. */
    namesOrAll: (key: string): MaySend => {
      const value = raw[key];
      if (value === true || value === 'true') return 'all';
      if (value === false || value === 'false') return [];
      return names(key, RECIPIENT) ?? [];
    },
    choice: <C extends string>(key: string, choices: readonly C[]): C | null => {
      const value = raw[key];
      if (value === undefined || value === null) return null;
      return (
        choices.find((choice) => choice === (typeof value === 'boolean' ? String(value) : value)) ??
        refuse(key, describe(value), choices.map((choice) => `"${choice}"`).join(' or '))
      );
    },
    duration: (key: string): number | null => {
      const value = raw[key];
      if (value === undefined || value === null) return null;
      const ms =
        typeof value === 'number' || typeof value === 'string'
          ? parseDuration(String(value))
          : null;
      return ms !== null && ms > 0
        ? ms
        : refuse(key, describe(value), 'a duration above zero, such as 90s, 30m or 2h');
    },
    count: (key: string, min: number, max: number): number | null => {
      const value = raw[key];
      if (value === undefined || value === null) return null;
      return typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max
        ? value
        : refuse(key, describe(value), `a whole number from ${String(min)} to ${String(max)}`);
    },
  };
}
