/**
 * How each setting is written: its key in config.yaml, its variable, its flag, and what may stand
 * there. Every source is read as text first.
 */
import { decodeRights } from '../protocol/people.ts';
import {
  type Right,
  type Rights,
  RIGHTS,
  SIGNED_KINDS,
  type SignedKind,
} from '../protocol/trust.ts';
import { isAbsolute } from 'node:path';
import { DAY } from '../base/clock.ts';
import { isAlias, isName, isPortable, NAME_RULE, RESERVED_NAMES } from '../protocol/names.ts';
import {
  formatWakeAddress,
  parseListenAddress,
  parseWakeAddress,
  type WakeAddress,
} from '../protocol/wake-address.ts';
import {
  choice as choiceOf,
  duration as durationOf,
  type Form,
  isTexts,
  wholeNumber,
  word,
  writtenAs,
} from '../protocol/take.ts';
import { isMapping } from '../protocol/yaml.ts';
import type { Config, Projects } from './config.ts';
import { isPeer } from './wake-peers.ts';
import { decodeNotify, type Notifier, NOTIFY_EXPECTED } from './notify-settings.ts';

/** One setting as people write it. */
export interface Setting<T> extends Form<T> {
  /** Its key in config.yaml. */
  readonly key: string;
  /** Its environment variable; null = only in the file. */
  readonly env: string | null;
  /** Its option of `run`, without the dashes; null = none. */
  readonly flag: string | null;
  readonly meaning: string;
  /** What a value is that may be right as a whole and wrong in one place; absent: one text. */
  readonly shape?: 'list' | 'mapping';
}

type Shaped<T> = Form<T> & Pick<Setting<T>, 'shape'>;

/** Beyond this a timer of the platform would fire at once. */
const TIMER_MS_MAX = 24 * DAY;
const MAX_AGE_MS_MAX = 3_650 * DAY;
const COUNT_MAX = 1_000_000;
const BYTES_MAX = 1_073_741_824;

const alias = word(
  `a host name of ${NAME_RULE}, not that of a device of Windows, and not ${RESERVED_NAMES.map((name) => `"${name}"`).join(' or ')}`,
  (text) => (isAlias(text) && isPortable(text) ? text : null),
);

/** A list of texts, or one text with commas. */
const splitList = (raw: unknown): readonly string[] | undefined =>
  typeof raw === 'string'
    ? raw.split(',').map((part) => part.trim())
    : isTexts(raw)
      ? raw
      : undefined;

const names: Form<readonly string[] | null> = {
  expected: 'names of models: a list, or one text with commas',
  decode: (raw) => {
    const list = splitList(raw);
    return list !== undefined && list.length > 0 && list.every(isName)
      ? [...new Set(list)]
      : undefined;
  },
};

const choice = word('true or false', (text) =>
  text === 'true' ? true : text === 'false' ? false : null,
);

const addressOf = (address: WakeAddress | null): string | null =>
  address === null ? null : formatWakeAddress(address);

const listenAddress: Form<string | null> = word(
  'a port such as 7420 (this machine only) or a place such as 0.0.0.0:7420 or [::]:7420',
  (text) => addressOf(parseListenAddress(text)),
);

const wakeAddress: Form<string | null> = word(
  'a host and a port, such as mbp.example:7420 or 10.0.0.5:7420',
  (text) => addressOf(parseWakeAddress(text)),
);

const peers: Form<readonly string[]> = {
  expected:
    'addresses, networks of at least /8 such as 10.0.0.0/8, and host names, without ports: a list, or one text with commas',
  decode: (raw) => {
    const list = splitList(raw);
    return list?.every(isPeer) === true ? [...new Set(list)] : undefined;
  },
};

const isDirectory = (one: unknown): one is string =>
  typeof one === 'string' && (isAbsolute(one) || /^~(\/|$)/.test(one));

const address: Form<string | null> = word(
  'https://…, ssh://…, host:path or an absolute path',
  (text) => (text === '' ? null : text),
);

const directories: Shaped<Projects> = {
  shape: 'mapping',
  expected:
    'a mapping of names to directories, or a list of directories, absolute or beginning with "~/"',
  decode: (raw) => {
    const items: readonly unknown[] = Array.isArray(raw) ? raw : [raw];
    const entries = items.filter(isMapping).flatMap((item) => Object.entries(item));
    const listed = items.filter((item) => !isMapping(item));
    const isRight = (entry: [string, unknown]): entry is [string, string] =>
      isName(entry[0]) && isDirectory(entry[1]);
    return entries.every(isRight) && listed.every(isDirectory)
      ? { named: Object.fromEntries(entries), listed }
      : undefined;
  },
};

const signedKinds: Form<readonly SignedKind[]> = {
  expected: `none, or ${SIGNED_KINDS.join(' or ')}`,
  decode: (raw) => {
    const list = splitList(raw);
    if (list === undefined) return undefined;
    if (list.length === 1 && list[0] === 'none') return [];
    const kinds = list.flatMap((name) => SIGNED_KINDS.find((kind) => kind === name) ?? []);
    return kinds.length === list.length ? kinds : undefined;
  },
};

const people: Shaped<Rights | null> = {
  shape: 'mapping',
  expected: `a mapping of names to lists of ${RIGHTS.join(', ')}`,
  decode: (raw) => {
    if (!isMapping(raw)) return undefined;
    const entries = Object.entries(raw).map(([name, may]) => [name, decodeRights(may)] as const);
    const isRight = (
      entry: (typeof entries)[number],
    ): entry is readonly [string, ReadonlySet<Right>] => isName(entry[0]) && entry[1] !== null;
    return entries.every(isRight) ? new Map(entries) : undefined;
  },
};

const obedience = choiceOf(['any', 'signed', 'local'], '"any", "signed" or "local"');

const notifiers: Shaped<readonly Notifier[]> = {
  shape: 'list',
  expected: NOTIFY_EXPECTED,
  decode: decodeNotify,
};

const digits = writtenAs(/^\d{1,12}$/);
const count = (min: number, max: number): Form<number> => wholeNumber(min, max, digits);

function duration(minMs: number, maxMs: number = TIMER_MS_MAX): Form<number> {
  const above = minMs > 0 ? 'above zero and ' : '';
  return durationOf(
    `a duration such as 500ms, 90s, 30m or 7d (a bare number is seconds), ${above}at most ${maxMs / DAY}d`,
    minMs,
    maxMs,
  );
}

/** A setting that stands in config.yaml alone. */
function inFile<T>(key: string, meaning: string, form: Shaped<T>): Setting<T> {
  return { key, meaning, env: null, flag: null, ...form };
}

/** A setting with a variable. */
function setting<T>(key: string, meaning: string, form: Shaped<T>): Setting<T> {
  const env = `CROSSTALK_${key.toUpperCase().replaceAll('-', '_')}`;
  return { ...inFile(key, meaning, form), env };
}

/** A setting with a variable and an option of `run`. */
function flagged<T>(key: string, meaning: string, form: Shaped<T>): Setting<T> {
  return { ...setting(key, meaning, form), flag: key };
}

/** Every setting by its field in Config. */
export const SETTINGS: { readonly [Field in keyof Config]: Setting<Config[Field]> } = {
  alias: flagged('alias', 'name of this host in addresses', alias),
  concurrency: flagged('concurrency', 'agents that run at the same time', count(1, 1_000)),
  intervalMinMs: setting(
    'interval-min',
    'shortest pause between two polls of the remote',
    duration(1),
  ),
  intervalMaxMs: flagged('interval', 'longest pause between two polls of the remote', duration(1)),
  leaseMs: setting('lease', 'silence after which a claim may be taken over', duration(1)),
  beatMs: setting('beat', 'pause between two signs of life', duration(1)),
  leaseMarginMs: setting(
    'lease-margin',
    'safety margin: how long before its lease ends a silent host kills its agents',
    duration(1),
  ),
  maxAgeMs: setting('max-age', 'older messages are not run', duration(1, MAX_AGE_MS_MAX)),
  hopsMax: setting('hops-max', 'agents answering agents in a row', count(1, 1_000)),
  allowHttp: setting('allow-http', 'allow remotes over plain http', choice),
  only: flagged('only', 'the only models to serve', names),
  shutdownGraceMs: setting(
    'shutdown-grace',
    'grace period of running agents when the dispatcher is told to end',
    duration(0),
  ),
  networkTimeoutMs: setting(
    'network-timeout',
    'time limit of a git command that talks to the remote',
    duration(1),
  ),
  threadMessagesMax: setting(
    'thread-messages-max',
    'earlier messages an agent is shown',
    count(0, COUNT_MAX),
  ),
  threadBytesMax: setting(
    'thread-bytes-max',
    'bytes of thread an agent is shown',
    count(0, BYTES_MAX),
  ),
  failuresMax: setting(
    'failures-max',
    'failures in the window after which a model rests',
    count(1, COUNT_MAX),
  ),
  failureWindowMs: setting('failure-window', 'window in which failures count', duration(1)),
  logBytesMax: setting(
    'log-bytes-max',
    'size at which the log file is rotated',
    count(1_024, BYTES_MAX),
  ),
  projects: inFile('projects', 'directories of projects, by name or as a list', directories),
  obeyControl: setting(
    'obey-control',
    'whose orders to all hosts count: `any` = anyone who can push, `signed` = people whose keys are known here, `local` = nobody elsewhere',
    obedience,
  ),
  watch: setting(
    'watch',
    'watch a remote on a file system of this machine instead of polling it',
    choice,
  ),
  listen: flagged('listen', 'port or address that accepts "poll now" calls', listenAddress),
  wakeAddress: setting(
    'wake-address',
    'where other hosts can call this one; announced in its beat',
    wakeAddress,
  ),
  wakePeers: setting('wake-peers', 'the only addresses and networks that this host calls', peers),
  notify: inFile('notify', 'who is notified, and how, when something needs a person', notifiers),
  partialCache: setting(
    'partial-cache',
    'a new cache leaves out older contents until they are read',
    choice,
  ),
  mirror: setting(
    'mirror',
    'a second remote that gets every change of the branch and is never read',
    address,
  ),
  wakeLock: setting('wake-lock', 'keep this machine awake while agents run', choice),
  requireSigned: setting(
    'require-signed',
    'what must be signed with a key that this host knows',
    signedKinds,
  ),
  people: inFile(
    'people',
    'what each person may do, where a signature is required: `ask`, `approve`, `operate`, `models`',
    people,
  ),
};
