/**
 * What the page can change. Each is the command of the same name, called as from the command line:
 * the page can do nothing that it cannot.
 */
import { ownValue } from '../base/own-value.ts';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CrosstalkError } from '../base/errors.ts';
import { acknowledge } from '../cli/control/ack.ts';
import { adoptLate } from '../cli/control/adopt.ts';
import { answerQuestion } from '../cli/control/answer.ts';
import { cancelMessage } from '../cli/control/cancel.ts';
import type { Execute, Invocation } from '../cli/command.ts';
import { type Io, UNWATCHED } from '../cli/io.ts';
import { retryMessage } from '../cli/control/retry.ts';
import { sendMessage } from '../cli/talk/send.ts';
import { cancelRun, pauseRun, resumeRun } from '../cli/workflow/control.ts';
import { retryRun } from '../cli/workflow/fork.ts';
import { approve, deny } from '../cli/workflow/gate.ts';
import { isMapping } from '../protocol/yaml.ts';
import { searchMessages } from '../cli/look/search.ts';

/** How a command ended: its JSON object and what it said beside. */
export interface Done {
  readonly code: number;
  readonly data: unknown;
  readonly notes: readonly string[];
}

/**
 * A command that the page may give: its arguments and the options that it takes, by the names of
 * the body's keys.
 */
interface Act {
  readonly execute: Execute;
  readonly args: readonly string[];
  readonly options: readonly string[];
  /** Files of the person may come along, as `files`. */
  readonly takesFiles?: true;
}

export const ACTS: Readonly<Record<string, Act>> = {
  send: {
    execute: sendMessage,
    args: [],
    options: ['to', 'message', 'channel', 're', 'subject', 'priority'],
    takesFiles: true,
  },
  ack: { execute: acknowledge, args: ['what'], options: ['message'] },
  cancel: { execute: cancelMessage, args: ['id'], options: ['to'] },
  retry: { execute: retryMessage, args: ['id'], options: ['to'] },
  answer: { execute: answerQuestion, args: ['id', 'choice'], options: ['message'] },
  adopt: { execute: adoptLate, args: ['id'], options: ['to'] },
  'run/approve': { execute: approve, args: ['run', 'gate'], options: ['message', 'choice'] },
  'run/deny': { execute: deny, args: ['run', 'gate'], options: ['message'] },
  'run/cancel': { execute: cancelRun, args: ['run'], options: ['message'] },
  'run/pause': { execute: pauseRun, args: ['run'], options: [] },
  'run/resume': { execute: resumeRun, args: ['run'], options: [] },
  'run/retry': { execute: retryRun, args: ['run'], options: [] },
};

const TEXT_MAX = 1_000_000;
/** What file systems take. */
const NAME_BYTES_MAX = 255;

/**
 * Does what a POST asks for. `body` maps names to texts, and `files` to what comes along. Throws
 * USAGE for anything else, and whatever the command throws.
 */
export async function act(base: Invocation, name: string, body: unknown): Promise<Done> {
  const known = ownValue(ACTS, name);
  if (known === undefined) throw new CrosstalkError('NOT_FOUND', `the page cannot "${name}"`);
  const { files, texts } = takeFiles(known, body);
  const given = readTexts(texts, [...known.args, ...known.options]);
  const args = known.args.map((key) => given.get(key) ?? '');
  if (args[0] === '')
    throw new CrosstalkError('USAGE', `${name}: "${known.args[0] ?? ''}" is missing`);
  const options = new Map(
    known.options.flatMap((key) =>
      given.has(key) ? [[key, [given.get(key) ?? '']] as const] : [],
    ),
  );
  const words = { args: args.filter((text) => text !== ''), options };
  if (files.length === 0) return runCommand(base, known.execute, words);
  return withFiles(files, (paths) =>
    runCommand(base, known.execute, { ...words, options: new Map([...options, ['file', paths]]) }),
  );
}

interface Upload {
  readonly name: string;
  readonly bytes: Buffer;
}

/** The files of a body, and the body without them. */
function takeFiles(
  act: Act,
  body: unknown,
): { readonly files: readonly Upload[]; readonly texts: unknown } {
  if (act.takesFiles !== true || !isMapping(body)) return { files: [], texts: body };
  const { files = [], ...texts } = body;
  if (!Array.isArray(files)) throw new CrosstalkError('USAGE', '"files": expected a list');
  return { files: files.map(readUpload), texts };
}

function readUpload(raw: unknown): Upload {
  const { name, base64 } = isMapping(raw) ? raw : {};
  const isName =
    typeof name === 'string' &&
    /^[^/\\\0]+$/.test(name) &&
    name !== '.' &&
    name !== '..' &&
    Buffer.byteLength(name) <= NAME_BYTES_MAX;
  if (!isName || typeof base64 !== 'string' || !/^[A-Za-z0-9+/]*={0,2}$/.test(base64))
    throw new CrosstalkError(
      'USAGE',
      `"files": expected {name, base64} with a plain name of at most ${NAME_BYTES_MAX} bytes`,
    );
  return { name, bytes: Buffer.from(base64, 'base64') };
}

/**
 * The command takes files by their paths, so they stand in their own folder meanwhile, each in
 * its own one: two may have the same name.
 */
async function withFiles<T>(
  files: readonly Upload[],
  act: (paths: readonly string[]) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'crosstalk-web-'));
  try {
    const paths = files.map(({ name }, at) => join(folder, String(at), name));
    for (const [at, { bytes }] of files.entries()) {
      await mkdir(join(folder, String(at)));
      await writeFile(paths[at] ?? '', bytes, { flag: 'wx', mode: 0o600 });
    }
    return await act(paths);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** `crosstalkd search` with the filters of the page's address. */
export async function search(base: Invocation, query: URLSearchParams): Promise<Done> {
  const options = new Map(
    ['channel', 'from', 'to', 'model', 'since', 'number', 'failed'].flatMap((key) => {
      const value = query.get(key);
      return value === null || value === '' ? [] : [[key, [value]] as const];
    }),
  );
  return runCommand(base, searchMessages, { args: [query.get('q') ?? ''], options });
}

/** Runs a command's own function and takes what it would print with --json. */
async function runCommand(
  base: Invocation,
  execute: Execute,
  words: Pick<Invocation, 'args' | 'options'>,
): Promise<Done> {
  const printed: string[] = [];
  const notes: string[] = [];
  const io: Io = {
    ...base.io,
    ...UNWATCHED,
    print: (line) => void printed.push(line),
    warn: (line) => void notes.push(line),
    write: () => undefined,
  };
  const common = [...base.options].filter(([name]) => name === 'dir' || name === 'state');
  const options = new Map([...common, ...words.options, ['json', ['']] as const]);
  const code = await execute({ ...base, io, args: words.args, options });
  const [line] = printed;
  return { code, data: line === undefined ? null : JSON.parse(line), notes };
}

function readTexts(body: unknown, names: readonly string[]): ReadonlyMap<string, string> {
  if (!isMapping(body)) throw new CrosstalkError('USAGE', 'expected a JSON object');
  const texts = new Map<string, string>();
  for (const [name, value] of Object.entries(body)) {
    if (!names.includes(name))
      throw new CrosstalkError(
        'USAGE',
        `"${name}" is not known here; expected ${names.join(', ')}`,
      );
    if (typeof value !== 'string' || value.length > TEXT_MAX)
      throw new CrosstalkError('USAGE', `"${name}": expected one text`);
    if (value !== '') texts.set(name, value);
  }
  return texts;
}
