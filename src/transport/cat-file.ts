/**
 * Reads objects of the cache through two long-lived `git cat-file` processes, one for type and
 * size, one for content. They start at the first request, so an idle dispatcher has none. A dead
 * process is restarted; a request that killed it twice is refused.
 */
import { MINUTE } from '../base/clock.ts';
import { CrosstalkError } from '../base/errors.ts';
import { parseOid, type Oid } from '../base/ids.ts';
import type { Git, GitProcess, GitResult } from './git-runner.ts';

/** An object; `bytes` is empty when only its header was asked for, or when it is too large. */
export interface CatObject {
  readonly oid: Oid;
  readonly type: string;
  readonly sizeBytes: number;
  readonly bytes: Buffer;
}

/** One held process. */
export interface CatFile {
  /** The object named by an id; null when it is not in the cache. */
  ask(oid: Oid): Promise<CatObject | null>;
  close(): Promise<void>;
}

interface Question {
  readonly oid: Oid;
  readonly resolve: (object: CatObject | null) => void;
  readonly reject: (error: CrosstalkError) => void;
  tries: number;
}

type Mode = '--batch' | '--batch-check';

const TRIES_MAX = 2;
/** What is kept of a commit: parents and authors stand at its beginning, and records are small. */
const COMMIT_BYTES_MAX = 1_048_576;
/** What one held process gives of any other object; larger ones are not held in memory. */
export const HELD_BYTES_MAX = 64 * 1024 * 1024;
const MANY_MS = 10 * MINUTE;

/** A held `git cat-file --batch` or `--batch-check`. */
export function openCatFile(git: Git, mode: Mode): CatFile {
  const waiting: Question[] = [];
  let answered = 0;
  let process: GitProcess | null = null;
  let outgoing: string[] = [];
  let closed = false;

  const flush = (): void => {
    process ??= start();
    process.stdin.write(outgoing.join(''));
    outgoing = [];
  };
  const send = (question: Question): void => {
    // Questions of one turn of the event loop go out in one write.
    if (outgoing.push(`${question.oid}\n`) === 1) queueMicrotask(flush);
  };
  // What was answered is removed once it is half of the queue: moving a long queue up for each
  // answer would be quadratic.
  const next = (): Question | undefined => {
    const question = waiting[answered];
    answered += 1;
    if (answered * 2 > waiting.length) {
      waiting.splice(0, answered);
      answered = 0;
    }
    return question;
  };
  const onEnd = (why: string): void => {
    process = null;
    const left = waiting.splice(0).slice(answered);
    answered = 0;
    const first = left[0];
    if (first !== undefined) first.tries += 1;
    for (const question of left) {
      if (closed || question.tries >= TRIES_MAX) question.reject(unreadable(question.oid, why));
      else {
        waiting.push(question);
        send(question);
      }
    }
  };
  const start = (): GitProcess => {
    const started = git.start({ args: ['cat-file', mode] });
    started.stdout.on(
      'data',
      createParser(mode, (object) => next()?.resolve(object), HELD_BYTES_MAX),
    );
    void started.ended.then(() => onEnd(started.stderr()));
    return started;
  };
  return {
    ask: (oid) =>
      new Promise((resolve, reject) => {
        // One line is one question: anything else would shift every later answer to the wrong one.
        if (parseOid(oid) === null) {
          resolve(null);
          return;
        }
        if (closed) {
          reject(unreadable(oid, 'the cache is closed'));
          return;
        }
        const question: Question = { oid, resolve, reject, tries: 0 };
        waiting.push(question);
        send(question);
      }),
    close: async () => {
      closed = true;
      process?.stdin.end();
      await process?.ended;
    },
  };
}

/**
 * Many objects at once, in the order asked, by their own process: its output is not flushed
 * after each. The bytes of one that is larger than `sizeBytesMax` are let through and not kept.
 */
export function askMany(
  git: Git,
  oids: readonly Oid[],
  sizeBytesMax: number,
): Promise<readonly (CatObject | null)[]> {
  return askAll(git, oids, { mode: '--batch', sizeBytesMax });
}

/**
 * As `askMany`, some answers at a time: git goes no further ahead than a pipe holds. Ends the
 * process when nobody wants the rest.
 */
export async function* scanMany(
  git: Git,
  oids: readonly Oid[],
  sizeBytesMax: number,
): AsyncGenerator<readonly (CatObject | null)[]> {
  let answers: (CatObject | null)[] = [];
  let told = 0;
  const parse = createParser('--batch', (object) => answers.push(object), sizeBytesMax);
  const process = git.start({ args: ['cat-file', '--batch', '--buffer'] });
  process.stdin.end(oids.map((oid) => `${oid}\n`).join(''));
  try {
    for await (const chunk of process.stdout) {
      parse(chunk as Buffer);
      const some = answers;
      answers = [];
      told += some.length;
      if (some.length > 0) yield some;
    }
  } finally {
    if (told < oids.length) process.kill();
  }
  const { code } = await process.ended;
  if (told !== oids.length)
    throw unreadable(
      oids[told] ?? oids[0] ?? ('' as Oid),
      `${process.stderr()}\ngit cat-file ended early (${describeCode(code)})`,
    );
}

/** As `askMany`, without the bytes. */
export function askHeaders(git: Git, oids: readonly Oid[]): Promise<readonly (CatObject | null)[]> {
  return askAll(git, oids, { mode: '--batch-check', sizeBytesMax: 0 });
}

async function askAll(
  git: Git,
  oids: readonly Oid[],
  { mode, sizeBytesMax }: { readonly mode: Mode; readonly sizeBytesMax: number },
): Promise<readonly (CatObject | null)[]> {
  const answers: (CatObject | null)[] = [];
  const parse = createParser(mode, (object) => answers.push(object), sizeBytesMax);
  const result = await git.run({
    args: ['cat-file', mode, '--buffer'],
    stdin: oids.map((oid) => `${oid}\n`).join(''),
    onStdout: parse,
    limitMs: MANY_MS,
  });
  if (answers.length !== oids.length)
    throw unreadable(
      oids[answers.length] ?? oids[0] ?? ('' as Oid),
      `${result.stderr}\n${describeEnd(result)}`,
    );
  return answers;
}

function unreadable(oid: Oid, why: string): CrosstalkError {
  const line = why.trim().split('\n')[0] ?? '';
  return new CrosstalkError(
    'INTERNAL',
    `object ${oid} could not be read from the cache: ${line === '' ? 'git cat-file ended' : line}`,
  );
}

function describeEnd({ ended, code }: GitResult): string {
  return `git cat-file ended early (${ended}, ${describeCode(code)})`;
}

function describeCode(code: number | null): string {
  return code === null ? 'by a signal' : `exit code ${code}`;
}

/**
 * Takes stdout piece by piece and hands on one answer after the other; of one larger than
 * `sizeBytesMax` only what it is.
 */
function createParser(
  mode: Mode,
  answer: (object: CatObject | null) => void,
  sizeBytesMax: number,
): (chunk: Buffer) => void {
  let pieces: Buffer[] = [];
  let bytesHeld = 0;
  let bytesNeeded = 0;
  let bytesToSkip = 0;
  let header: CatObject | null = null;

  const step = (held: Buffer, at: number): number => {
    if (header !== null) {
      const end = at + keptOf(header, sizeBytesMax);
      if (held.length < end) return -1;
      // A copy, so that a small object does not keep a large chunk alive.
      const { oid, type, sizeBytes } = header;
      answer({ oid, type, sizeBytes, bytes: Buffer.from(held.subarray(at, end)) });
      const next = at + header.sizeBytes + 1;
      header = null;
      bytesToSkip = Math.max(0, next - held.length);
      return Math.min(next, held.length);
    }
    const end = held.indexOf(0x0a, at);
    if (end < 0) return -1;
    const object = parseHeader(held.toString('latin1', at, end));
    if (object === null || mode === '--batch-check') answer(object);
    else header = object;
    return end + 1;
  };
  return (whole) => {
    const chunk = whole.subarray(Math.min(bytesToSkip, whole.length));
    bytesToSkip -= whole.length - chunk.length;
    pieces.push(chunk);
    bytesHeld += chunk.length;
    if (bytesHeld < bytesNeeded) return;
    const held = pieces.length === 1 ? chunk : Buffer.concat(pieces);
    let at = 0;
    for (let next = step(held, at); next >= 0; next = step(held, at)) at = next;
    pieces = at === held.length ? [] : [held.subarray(at)];
    bytesHeld = held.length - at;
    bytesNeeded = header === null ? 0 : keptOf(header, sizeBytesMax);
  };
}

/** Of an object that is too large nothing is kept, of such a commit what it begins with. */
function keptOf({ type, sizeBytes }: CatObject, sizeBytesMax: number): number {
  if (type === 'commit') return Math.min(sizeBytes, COMMIT_BYTES_MAX);
  return sizeBytes > sizeBytesMax ? 0 : sizeBytes;
}

function parseHeader(line: string): CatObject | null {
  // `<id> <type> <size>`, or `<id> missing`.
  const [id = '', type = '', size] = line.split(' ');
  const oid = size === undefined ? null : parseOid(id);
  return oid === null ? null : { oid, type, sizeBytes: Number(size), bytes: EMPTY };
}

const EMPTY = Buffer.alloc(0);
