/**
 * The environment of an agent: built, not inherited. What is not named here or in the model's
 * `env:` does not exist for it.
 */
import { ownValue } from '../base/own-value.ts';
import { delimiter, dirname, isAbsolute } from 'node:path';
import { RUN_MARKER } from './process-group.ts';
import { PROXY_NAMES } from '../base/proxy-names.ts';

/**
 * Names that every agent gets when the operator has them: where things are, in which language, and
 * how to reach the network.
 */
const PASSED = [
  ...['PATH', 'HOME', 'USER', 'LOGNAME', 'SHELL', 'LANG', 'LC_ALL', 'LC_CTYPE', 'TZ'],
  ...['XDG_CONFIG_HOME', 'XDG_DATA_HOME', 'XDG_STATE_HOME', 'XDG_CACHE_HOME', 'XDG_RUNTIME_DIR'],
  ...PROXY_NAMES,
  ...['SSL_CERT_FILE', 'SSL_CERT_DIR', 'NODE_EXTRA_CA_CERTS'],
];

const ALWAYS = { PATH: '/usr/local/bin:/usr/bin:/bin', LANG: 'C.UTF-8' } as const;

export type Env = Readonly<Record<string, string>>;
/** An environment as the platform gives it: absent names may be there as undefined. */
export type OperatorEnv = Readonly<Record<string, string | undefined>>;

export interface AgentEnvParts {
  readonly operator: OperatorEnv;
  /** The model's `env:`. */
  readonly names: readonly string[];
  /**
   * What the adapter sets for its program; the operator's own value wins when `names` lets it
   * through.
   */
  readonly adapter: Env;
  /** What the dispatcher adds. */
  readonly extra: Env;
  readonly tmpDir: string;
  readonly attemptId: string;
}

/**
 * The whole environment of one attempt. Later parts win: passed, adapter's, the model's `env:`, the
 * dispatcher's, marker and TMPDIR.
 */
export function buildAgentEnv(parts: AgentEnvParts): Env {
  return {
    ...ALWAYS,
    ...pick(parts.operator, PASSED),
    TERM: 'dumb',
    NO_COLOR: '1',
    ...parts.adapter,
    ...pick(parts.operator, parts.names),
    ...parts.extra,
    TMPDIR: parts.tmpDir,
    [RUN_MARKER]: parts.attemptId,
  };
}

/**
 * The environment with the directory of a program, given by its whole path, at the end of PATH: a
 * script may need what was installed beside it.
 */
export function withDirectoryOf(env: OperatorEnv, program: string): OperatorEnv {
  return isAbsolute(program)
    ? { ...env, PATH: [env['PATH'] ?? ALWAYS.PATH, dirname(program)].join(delimiter) }
    : env;
}

function pick(env: OperatorEnv, names: readonly string[]): Env {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = ownValue(env, name);
      return value === undefined ? [] : [[name, value]];
    }),
  );
}
