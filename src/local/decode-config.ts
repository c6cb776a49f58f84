/**
 * From what a person wrote (flags, environment, config.yaml) to one checked Config. Pure; reading
 * is in read-config.ts.
 */
import type { Excerpt } from '../base/errors.ts';
import { formatDuration } from '../base/duration.ts';
import { suggestName } from '../protocol/address.ts';
import { isAlias, isPortable, slugName } from '../protocol/names.ts';
import { describe, isMapping, placeOfKey, readYamlMapping } from '../protocol/yaml.ts';
import { DEFAULTS, type Config, type Origin, type Origins } from './config.ts';
import { SETTINGS, type Setting } from './config-settings.ts';
import { present, type Env } from './state-directory.ts';

/** Everything that settings come from, as text. */
export interface ConfigSources {
  /** config.yaml, or null when there is none. */
  readonly file: { readonly path: string; readonly text: string } | null;
  readonly env: Env;
  /** Options of the command line by field, as written. */
  readonly flags: Readonly<Partial<Record<keyof Config, string>>>;
  /** The machine's own name, for the default alias. */
  readonly hostname: string;
}

/** Usable settings, or everything that is wrong with them. */
export type ConfigDecoded =
  | {
      readonly kind: 'config';
      readonly config: Config;
      readonly origins: Origins;
      readonly warnings: readonly string[];
    }
  /** One line a problem: where, what was found, what was expected. */
  | {
      readonly kind: 'refused';
      readonly problems: readonly string[];
      /** Those of the file, in the same order. */
      readonly places: readonly ConfigPlace[];
    };

/** What a problem of the file is about: a key, or the place that its parser names. 1-based. */
export type ConfigPlace = Pick<Excerpt, 'line' | 'column'>;

/**
 * Settings by precedence: flag, then environment, then file, then default. Every problem is listed,
 * not only the first.
 */
export function decodeConfig(sources: ConfigSources): ConfigDecoded {
  const file = readFileValues(sources);
  const problems: string[] = [...file.problems];
  const places: ConfigPlace[] = [...file.places];
  const origins = new Map<keyof Config, Origin>();
  const take = <Field extends keyof Config>(field: Field): Config[Field] | undefined => {
    const setting: Setting<Config[Field]> = SETTINGS[field];
    const found = findRaw(field, sources, file.values);
    if (found === null) return undefined;
    const value = setting.decode(found.raw);
    if (value === undefined) {
      problems.push(
        `${whereOf(found.origin, setting.key)}: found ${describeRaw(found.raw, setting.shape)}, expected ${setting.expected}`,
      );
      if (found.origin.kind === 'file' && sources.file !== null)
        places.push(placeOfKey(sources.file.text, [setting.key]));
    } else origins.set(field, found.origin);
    return value;
  };
  const config = fillDefaults(takeAll(take), { origins, hostname: sources.hostname });
  if (problems.length === 0)
    problems.push(...checkRelations(config, (field) => originOf(origins, field)));
  if (problems.length > 0) return { kind: 'refused', problems, places };
  return {
    kind: 'config',
    config,
    origins: allOrigins(origins),
    warnings: misspeltVariables(sources.env),
  };
}

/** `config.yaml line 3`, `CROSSTALK_LEASE`, `--alias`, or why it is a default. */
export function formatOrigin(origin: Origin): string {
  switch (origin.kind) {
    case 'default':
      return 'default';
    case 'derived':
      return `default, follows "${SETTINGS[origin.from].key}"`;
    case 'file':
      return `${origin.path}:${origin.line}`;
    case 'env':
      return origin.name;
    case 'flag':
      return `--${origin.name}`;
  }
}

interface Raw {
  readonly raw: unknown;
  readonly origin: Origin;
}

function readFileValues(sources: ConfigSources): {
  readonly values: ReadonlyMap<string, Raw>;
  readonly problems: readonly string[];
  readonly places: readonly ConfigPlace[];
} {
  if (sources.file === null) return { values: new Map(), problems: [], places: [] };
  const { path, text } = sources.file;
  const asText = readYamlMapping(text, 'text');
  if (asText.kind === 'refused')
    return {
      values: new Map(),
      problems: [
        `${path}:${asText.line}:${asText.column}: found ${asText.why}, expected ${asText.remedy}`,
      ],
      places: [{ line: asText.line, column: asText.column }],
    };
  const values = new Map<string, Raw>();
  const problems: string[] = [];
  const places: ConfigPlace[] = [];
  for (const key of Object.keys(asText.value)) {
    const place = placeOfKey(text, [key]);
    const { line } = place;
    if (!KEYS.includes(key)) {
      problems.push(`${path}:${line}: unknown key "${key}"; ${suggestion(key, KEYS)}`);
      places.push(place);
    }
    // Values stay as written, so that `alias: 007` is a name.
    values.set(key, { raw: asText.value[key], origin: { kind: 'file', path, line } });
  }
  return { values, problems, places };
}

const KEYS: readonly string[] = Object.values(SETTINGS).map(({ key }) => key);

function suggestion(name: string, known: readonly string[]): string {
  const meant = suggestName(name, known);
  return meant === null ? `expected one of ${known.join(', ')}` : `did you mean "${meant}"?`;
}

function findRaw(
  field: keyof Config,
  sources: ConfigSources,
  file: ReadonlyMap<string, Raw>,
): Raw | null {
  const setting = SETTINGS[field];
  const flag = sources.flags[field];
  if (flag !== undefined)
    return { raw: flag, origin: { kind: 'flag', name: setting.flag ?? setting.key } };
  const variable = setting.env === null ? null : present(sources.env[setting.env]);
  if (variable !== null && setting.env !== null)
    return { raw: variable, origin: { kind: 'env', name: setting.env } };
  return file.get(setting.key) ?? null;
}

function whereOf(origin: Origin, key: string): string {
  return origin.kind === 'file' ? `${formatOrigin(origin)}: "${key}"` : formatOrigin(origin);
}

type Take = <Field extends keyof Config>(field: Field) => Config[Field] | undefined;
type Written = { readonly [Field in keyof Config]: Config[Field] | undefined };

function takeAll(take: Take): Written {
  return {
    alias: take('alias'),
    concurrency: take('concurrency'),
    intervalMinMs: take('intervalMinMs'),
    intervalMaxMs: take('intervalMaxMs'),
    leaseMs: take('leaseMs'),
    beatMs: take('beatMs'),
    leaseMarginMs: take('leaseMarginMs'),
    maxAgeMs: take('maxAgeMs'),
    hopsMax: take('hopsMax'),
    allowHttp: take('allowHttp'),
    only: take('only'),
    shutdownGraceMs: take('shutdownGraceMs'),
    networkTimeoutMs: take('networkTimeoutMs'),
    threadMessagesMax: take('threadMessagesMax'),
    threadBytesMax: take('threadBytesMax'),
    failuresMax: take('failuresMax'),
    failureWindowMs: take('failureWindowMs'),
    logBytesMax: take('logBytesMax'),
    projects: take('projects'),
    obeyControl: take('obeyControl'),
    watch: take('watch'),
    listen: take('listen'),
    wakeAddress: take('wakeAddress'),
    wakePeers: take('wakePeers'),
    notify: take('notify'),
    partialCache: take('partialCache'),
    mirror: take('mirror'),
    wakeLock: take('wakeLock'),
    requireSigned: take('requireSigned'),
    people: take('people'),
  };
}

/**
 * Defaults that depend on something: the alias on the host's name, the beat and its margin on a
 * lease that was set, the fast pause on the slow one.
 */
function fillDefaults(
  written: Written,
  known: { readonly origins: Map<keyof Config, Origin>; readonly hostname: string },
): Config {
  const derive = (field: keyof Config, from: keyof Config, value: number): number => {
    if (!known.origins.has(from)) return DEFAULTS[field] as number;
    known.origins.set(field, { kind: 'derived', from });
    return value;
  };
  const leaseMs = written.leaseMs ?? DEFAULTS.leaseMs;
  const intervalMaxMs = written.intervalMaxMs ?? DEFAULTS.intervalMaxMs;
  const filled = Object.fromEntries(
    Object.entries(written).filter(([, value]) => value !== undefined),
  ) as Partial<Config>;
  return {
    ...DEFAULTS,
    ...filled,
    alias: written.alias ?? aliasOf(known.hostname),
    beatMs: written.beatMs ?? derive('beatMs', 'leaseMs', Math.max(1, Math.floor(leaseMs / 4))),
    leaseMarginMs:
      written.leaseMarginMs ??
      derive('leaseMarginMs', 'leaseMs', Math.max(1, Math.floor(leaseMs / 6))),
    intervalMinMs:
      written.intervalMinMs ??
      derive('intervalMinMs', 'intervalMaxMs', Math.min(DEFAULTS.intervalMinMs, intervalMaxMs)),
  };
}

function aliasOf(hostname: string): string {
  const slug = slugName(hostname.split('.')[0] ?? '', DEFAULTS.alias);
  return isAlias(slug) && isPortable(slug) ? slug : DEFAULTS.alias;
}

/** What must hold between settings, or a host would lose its claims on its own. */
function checkRelations(
  config: Config,
  origin: (field: keyof Config) => Origin,
): readonly string[] {
  const say = (
    field: 'beatMs' | 'leaseMs' | 'leaseMarginMs' | 'intervalMinMs' | 'intervalMaxMs',
  ): string =>
    `"${SETTINGS[field].key}" ${formatDuration(config[field])} (${formatOrigin(origin(field))})`;
  const problems: string[] = [];
  if (config.beatMs * 3 > config.leaseMs)
    problems.push(`${say('beatMs')} must be at most a third of ${say('leaseMs')}`);
  if (config.leaseMs - config.leaseMarginMs < config.beatMs * 2)
    problems.push(
      `${say('leaseMs')} less ${say('leaseMarginMs')} must leave room for two beats: ${say('beatMs')}`,
    );
  if (config.intervalMinMs > config.intervalMaxMs)
    problems.push(`${say('intervalMinMs')} must not be above ${say('intervalMaxMs')}`);
  return problems;
}

function originOf(origins: ReadonlyMap<keyof Config, Origin>, field: keyof Config): Origin {
  return origins.get(field) ?? { kind: 'default' };
}

function allOrigins(origins: ReadonlyMap<keyof Config, Origin>): Origins {
  const fields = Object.keys(SETTINGS) as readonly (keyof Config)[];
  return Object.fromEntries(fields.map((field) => [field, originOf(origins, field)])) as Origins;
}

/**
 * Variables that are nearly ours. Others that begin with CROSSTALK_ may belong to somebody and are
 * left alone.
 */
function misspeltVariables(env: Env): readonly string[] {
  const known = Object.values(SETTINGS).flatMap(({ env }) => (env === null ? [] : [env]));
  const all = [...known, 'CROSSTALK_STATE_DIR', 'CROSSTALK_CONFIG_DIR', 'CROSSTALK_WAKE_SECRET'];
  return Object.keys(env).flatMap((name) => {
    const meant =
      name.startsWith('CROSSTALK_') && !all.includes(name) ? suggestName(name, all) : null;
    return meant === null ? [] : [`${name} is set but unknown; did you mean ${meant}?`];
  });
}

/** What stands there; its content, where it is of the form expected and something in it is not. */
function describeRaw(raw: unknown, shape: 'list' | 'mapping' | undefined): string {
  const found = Array.isArray(raw) ? 'list' : isMapping(raw) ? 'mapping' : null;
  if (found === null || found !== shape) return describe(raw);
  const text = JSON.stringify(raw);
  return text.length > RAW_CHARS_MAX ? `${text.slice(0, RAW_CHARS_MAX)}…` : text;
}

/** Of a value that is shown in a problem. */
const RAW_CHARS_MAX = 200;
