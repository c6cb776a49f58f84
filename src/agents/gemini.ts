/**
 * Gemini CLI. Facts seen with 0.61.0. Its errors are on stderr, and an interrupted answer ends with
 * status 0.
 */
import { ownValue } from '../base/own-value.ts';
import { join } from 'node:path';
import { isMapping } from '../protocol/yaml.ts';
import {
  programOf,
  withPersona,
  type Adapter,
  type Invocation,
  type InvocationRequest,
  type Mode,
  type Parsed,
  type ProgramOutput,
} from './adapter.ts';
import type { Usage } from './agent.ts';
import { CHECKOUT_FILES } from '../protocol/checkout-files.ts';
import { failureFrom, signsIn } from './failure-signs.ts';
import {
  at,
  jsonValues,
  numberAt,
  parseRecord,
  sum,
  textAt,
  type JsonRecord,
} from './json-values.ts';
import { withEscapedMentions, withoutCommand } from './prompt-text.ts';

const MODE_ARGS: Readonly<Record<Mode, readonly string[]>> = {
  chat: ['--approval-mode', 'plan'],
  read: ['--approval-mode', 'default'],
  write: ['--approval-mode', 'yolo'],
};
/** Its own codes, which are not HTTP status. */
const OWN_CODES: Readonly<Record<number, number | null>> = { 41: 401, 42: null, 55: null, 1: null };

const TRUSTED = 'trusted-folders.json';

/**
 * It works in trusted directories only. Trust is given to the one directory that we made, for it
 * holds nothing that it would run; in others the operator's own word counts, as it keeps it.
 */
function trustOf({
  ground,
  directory,
  scratch,
}: InvocationRequest): Pick<Extract<Invocation, { kind: 'invocation' }>, 'env' | 'files'> {
  if (ground === 'trusted') return { env: { GEMINI_CLI_TRUST_WORKSPACE: 'true' }, files: {} };
  if (ground === 'foreign') return { env: {}, files: {} };
  return {
    env: { GEMINI_CLI_TRUSTED_FOLDERS_PATH: join(scratch, TRUSTED) },
    files: { [TRUSTED]: JSON.stringify({ [directory]: 'TRUST_FOLDER' }) },
  };
}

/** The adapter for Gemini CLI. */
export const gemini: Adapter = {
  name: 'gemini',
  options: [],
  modes: ['read', 'chat', 'write'],
  output: { kind: 'json' },
  sessionsByDirectory: true,
  runsFromCheckout: CHECKOUT_FILES.gemini,
  invoke,
  parse,
  detection: {
    executables: ['gemini'],
    keyNames: ['GEMINI_API_KEY', 'GOOGLE_API_KEY'],
    loginFiles: (env) => [join(env['HOME'] ?? '', '.gemini', 'oauth_creds.json')],
    signIn:
      'run "gemini" once and choose how to sign in (also for GEMINI_API_KEY: the choice is kept in ~/.gemini/settings.json)',
  },
};

function invoke(request: InvocationRequest): Invocation {
  const { entry, session } = request;
  const { program, args } = programOf(entry, 'gemini');
  const trust = trustOf(request);
  return {
    kind: 'invocation',
    program,
    args: [
      ...args,
      ...(entry.model === null ? [] : ['-m', entry.model]),
      ...['-o', 'json'],
      ...(session === null ? [] : ['--resume', session]),
      ...MODE_ARGS[request.mode],
    ],
    env: {
      ...trust.env,
      // One process instead of two, of which the outer would ignore TERM.
      GEMINI_CLI_NO_RELAUNCH: 'true',
    },
    files: trust.files,
    input: withEscapedMentions(withoutCommand(withPersona(request))),
  };
}

function parse(output: ProgramOutput): Parsed {
  const values = jsonValues(output.stdout).flat().filter(isMapping);
  const record =
    values.find(
      (value) => textAt(value, 'response') !== null && at(value, 'error') === undefined,
    ) ??
    values.findLast((value) => at(value, 'error') !== undefined) ??
    null;
  const usage = usageOf(record);
  const response = textAt(record, 'response');
  if (record !== null && response !== null && at(record, 'error') === undefined) {
    // What it says when its stream drops; without any count nothing shows that it did.
    if (at(record, 'stats') !== undefined && !((usage.tokensOut ?? 0) > 0))
      return failureFrom({ text: 'the answer was cut off: connection closed', usage }, output);
    return {
      kind: 'answer',
      text: response,
      session: textAt(record, 'session_id'),
      usage,
      version: null,
    };
  }
  const error = at(record, 'error') ?? at(lastRecord(output.stderr), 'error');
  const code = numberAt(error, 'code') ?? output.exitCode;
  const said = textAt(error, 'message') ?? output.stderr;
  return failureFrom(
    {
      text: code === 55 ? `untrusted folder: ${said}` : said,
      status: statusOf(code),
      codes: signsIn([error]).codes,
      usage,
      fallback: output.exitCode === 0 ? 'invalid' : 'crash',
    },
    output,
  );
}

/**
 * The HTTP status behind a code: itself, one of its own, or (as exit status) the remainder of a
 * division by 256.
 */
function statusOf(code: number | null): number | null {
  if (code === null) return null;
  const own = ownValue(OWN_CODES, code);
  if (own !== undefined) return own;
  return code >= 400 ? code : code >= 144 ? code + 256 : null;
}

/** The pretty-printed object that stderr ends with, after stack traces and warnings. */
function lastRecord(stderr: string): JsonRecord | null {
  const lines = stderr.split('\n');
  const start = lines.lastIndexOf('{');
  return start < 0 ? null : parseRecord(lines.slice(start, lines.lastIndexOf('}') + 1).join('\n'));
}

function usageOf(record: JsonRecord | null): Usage {
  const models = Object.values((at(record, 'stats', 'models') ?? {}) as JsonRecord);
  const total = (...keys: readonly string[]) =>
    sum(models.flatMap((model) => keys.map((key) => numberAt(model, 'tokens', key))));
  return { tokensIn: total('prompt'), tokensOut: total('candidates', 'thoughts'), costUsd: null };
}
