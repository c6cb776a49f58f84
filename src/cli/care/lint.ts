/**
 * `crosstalkd lint <file…>`: what a dispatcher would say of these files, before they are sent.
 * Works anywhere; inside a clone it knows the names too.
 */
import { readFile } from 'node:fs/promises';
import { resolve, sep } from 'node:path';
import { ADAPTER_NAMES } from '../../agents/adapters.ts';
import { CrosstalkError } from '../../base/errors.ts';
import { unknownAdapters } from '../../local/served-models.ts';
import { wholePaths } from '../../protocol/attachments.ts';
import { decodeMessage, type Message } from '../../protocol/message.ts';
import { decodeModels } from '../../protocol/models.ts';
import type { Oid } from '../../base/ids.ts';
import { shellWord } from '../../base/shell-word.ts';
import {
  channelFolder,
  channelOf,
  CHANNELS,
  isPage,
  messageId,
  parseMessagePath,
} from '../../protocol/paths.ts';
import { oddFile } from '../../transport/odd-file.ts';
import { oneLine } from '../../base/plain-text.ts';
import { noPersona } from '../../protocol/persona.ts';
import { type Invocation } from '../command.ts';
import { type Io, paint } from '../io.ts';
import { startDirectory, printJson, tipOf, wantsJson } from '../look/reading.ts';
import { findUnknown, isPersona, warnAboutHosts } from '../talk/recipients.ts';
import { openSession, type TransportSession } from '../session/transport-session.ts';
import { fixBy, withNote } from '../../base/fix.ts';

interface Problem {
  readonly line: number;
  readonly column?: number;
  readonly found: string;
  readonly expected: string;
}

/** What is wrong with a file, and what is only odd. */
interface Linted {
  readonly file: string;
  readonly problems: readonly Problem[];
  readonly warnings: readonly string[];
}

/** Checks files and gives 2 when one of them would be rejected. */
export async function lintFiles(invocation: Invocation): Promise<number> {
  const known = await openKnown(invocation);
  try {
    const linted: Linted[] = [];
    for (const file of invocation.args)
      linted.push(await lintFile(invocation, file, known.session));
    report(invocation, linted, known.note);
    return linted.some(({ problems }) => problems.length > 0) ? 2 : 0;
  } finally {
    await known.session?.close();
  }
}

/** The transport around, if there is one and it answers: syntax is checked without it. */
async function openKnown(
  invocation: Invocation,
): Promise<{ readonly session: TransportSession | null; readonly note: string | null }> {
  try {
    return { session: await openSession(invocation), note: null };
  } catch (error) {
    if (!(error instanceof CrosstalkError)) throw error;
    const isOutside = error.code === 'NOT_A_TRANSPORT';
    return {
      session: null,
      note: `names were not checked: ${isOutside ? 'not inside a clone (use -C <dir>)' : error.message}`,
    };
  }
}

async function lintFile(
  invocation: Invocation,
  file: string,
  session: TransportSession | null,
): Promise<Linted> {
  const full = resolve(startDirectory(invocation), file);
  const bytes = await readFile(full).catch((error: unknown) => {
    const isTheirs = session !== null && file.startsWith(`${CHANNELS}/`);
    throw new CrosstalkError('USAGE', `lint: cannot read the file "${file}"`, {
      cause: error,
      ...(isTheirs ? { fix: withNote(fixBy`git pull`, 'then the same again') } : {}),
    });
  });
  if (/(^|[/\\])models\.yaml$/.test(file)) return lintModels(file, bytes);
  const path = pathBelow(session, full);
  const misplaced = path === null ? null : placeProblem(path);
  if (path !== null && isPageOfChannel(path)) return { file, problems: [], warnings: [] };
  if (misplaced !== null) return { file, problems: [misplaced], warnings: [] };
  const read = decodeMessage(bytes, path);
  if (read.kind === 'rejected') return { file, problems: [read.rejection], warnings: [] };
  const warnings = [
    ...read.message.warnings,
    ...bodyWarnings(read.message),
    ...replyWarnings(path, read.message),
  ];
  return {
    file,
    problems: [],
    warnings:
      session === null
        ? warnings
        : [...warnings, ...(await nameWarnings(session, read.message, path))],
  };
}

function lintModels(file: string, bytes: Uint8Array): Linted {
  const decoded = decodeModels(Buffer.from(bytes).toString('utf8'));
  return {
    file,
    problems: [...decoded.problems, ...unknownAdapters(decoded, ADAPTER_NAMES)],
    warnings: [],
  };
}

/** Where the file stands in the transport's clone, or null when it lies elsewhere. */
function pathBelow(session: TransportSession | null, full: string): string | null {
  const root = session?.located.clone == null ? null : session.located.clone + sep;
  return root !== null && full.startsWith(root)
    ? full.slice(root.length).split(sep).join('/')
    : null;
}

function isPageOfChannel(path: string): boolean {
  return path.startsWith(`${CHANNELS}/`) && isPage(path.slice(path.lastIndexOf('/') + 1));
}

/** Why no dispatcher will ever see a file where it stands, and the command that mends it. */
function placeProblem(path: string): Problem | null {
  if (parseMessagePath(path) !== null) return null;
  const odd = path.startsWith(`${CHANNELS}/`)
    ? oddFile({ kind: 'written', path, entry: 'file', blob: '' as Oid })
    : null;
  const name = `${path.slice(path.lastIndexOf('/') + 1).replace(/\.[^.]*$/, '')}.md`;
  const channel = channelOf(path) ?? 'general';
  const to = `${channelFolder(channel)}/${name}`;
  return {
    line: 1,
    found: odd?.found ?? `a file where no dispatcher looks for messages`,
    expected: odd?.expected ?? `a message in a channel: git mv ${shellWord(path)} ${shellWord(to)}`,
  };
}

function bodyWarnings({ body, fields }: Message): readonly string[] {
  return body.trim() === '' && fields.op === null
    ? ['there is no text below the front matter']
    : [];
}

/** A file at the place of an answer is that answer, whatever else it was meant to be. */
function replyWarnings(path: string | null, { fields }: Message): readonly string[] {
  const replyTo = path === null ? null : (parseMessagePath(path)?.replyTo ?? null);
  if (replyTo === null) return [];
  const id = messageId(replyTo.path);
  return fields.re.some((re) => messageId(re) === id)
    ? []
    : [`it stands where ${replyTo.recipient} answers ${id}, and does not say "re: ${id}"`];
}

async function nameWarnings(
  session: TransportSession,
  { fields }: Message,
  path: string | null,
): Promise<readonly string[]> {
  const unknown = (await findUnknown(session, fields.to)).map(({ name, suggestion }) => {
    const hint = suggestion === null ? '' : `; did you mean "${suggestion}"?`;
    return `"${name}" is neither a model nor a person seen here${hint}`;
  });
  const files = path === null ? fields.files : wholePaths(path, fields.files);
  const named = [...fields.re, ...files];
  const entries = await session.repository.lookUp(tipOf(session), named);
  const missing = named.flatMap((path, at) =>
    entries[at] == null ? [`${path} does not exist in the transport`] : [],
  );
  const limit = session.config.hopsMax;
  const hops =
    fields.hops >= limit
      ? [`hops: ${fields.hops} is at the limit of ${limit}: no host will run it`]
      : [];
  const impostor =
    fields.from !== null &&
    fields.model === null &&
    session.mirror.index().models.includes(fields.from)
      ? [`from: "${fields.from}" is a model of this transport`]
      : [];
  const stranger = (await isPersona(session, fields.as)) ? [] : [noPersona(fields.as ?? '')];
  return [
    ...unknown,
    ...warnAboutHosts(session, fields.to),
    ...missing,
    ...stranger,
    ...hops,
    ...impostor,
  ];
}

function report(invocation: Invocation, linted: readonly Linted[], note: string | null): void {
  const isGood = linted.every(({ problems }) => problems.length === 0);
  if (wantsJson(invocation)) {
    printJson(invocation, {
      ok: isGood,
      health: isGood && linted.every(({ warnings }) => warnings.length === 0) ? 'good' : 'degraded',
      files: linted.map(({ file, problems, warnings }) => ({
        file,
        ok: problems.length === 0,
        problems,
        warnings,
      })),
      note,
    });
    return;
  }
  for (const one of linted)
    for (const line of formatLinted(invocation.io, one)) invocation.io.print(line);
  if (note !== null) invocation.io.warn(oneLine(note, 400));
}

function formatLinted(io: Io, { file, problems, warnings }: Linted): readonly string[] {
  const name = oneLine(file, 300);
  if (problems.length === 0 && warnings.length === 0)
    return [`${name}: ${paint(io, 'green', 'good')}`];
  return [
    ...problems.map(
      ({ line, column, found, expected }) =>
        `${name}:${column === undefined ? line : `${line}:${column}`}: ${paint(io, 'red', 'rejected')}: found ${oneLine(found, 300)}; expected ${oneLine(expected, 300)}`,
    ),
    ...warnings.map(
      (warning) => `${name}: ${paint(io, 'yellow', 'warning')}: ${oneLine(warning, 300)}`,
    ),
  ];
}
