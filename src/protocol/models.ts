/**
 * models.yaml: the names that can be asked and what answers for them, in the same form in the
 * transport and on the host. PROTOCOL.md "Models".
 */
import { createHash } from 'node:crypto';
import { MINUTE } from '../base/clock.ts';
import { byCodeUnit } from '../base/order.ts';
import type { Admission, MaySend } from './admission.ts';
import type { FileProblem } from './take.ts';
import type { KeyPlace } from './yaml-lines.ts';
import { isMapping } from './yaml.ts';

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
  /** What happens to the slot of the attempt meanwhile. */
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
export interface ModelProblem extends FileProblem {
  readonly name: string | null;
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
  /** Where a key of an entry stands. */
  readonly placeOf: (name: string, key: string) => KeyPlace;
}

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

/** Programs that only hand on or make up text; `compile: false` says it of any other. */
const TEXT_TOOLS = 'cat tac tee echo printf yes true false rev head tail sort wc tr sed jq'.split(
  ' ',
);

export function handsBack([program = '']: readonly string[]): boolean {
  return TEXT_TOOLS.includes(program.slice(program.lastIndexOf('/') + 1));
}
