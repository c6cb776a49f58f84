/**
 * `crosstalkd lint [file…]`: what a dispatcher would say of these files, before they are sent.
 * Works anywhere; inside a clone it knows the names too, and finds what the clone does not have in
 * the transport.
 */
import { snakeKeys } from '../../base/snake-keys.ts';
import type { Rejection } from '../../protocol/rejection.ts';
import { readFile, stat } from 'node:fs/promises';
import { join, resolve, sep } from 'node:path';
import { ADAPTER_NAMES } from '../../agents/adapters.ts';
import { CrosstalkError } from '../../base/errors.ts';
import { unknownAdapters } from '../../local/served-models.ts';
import { wholePaths } from '../../protocol/attachments.ts';
import { decodeMessage, type Message } from '../../protocol/message.ts';
import { decodeModels } from '../../protocol/decode-models.ts';
import type { Oid } from '../../base/ids.ts';
import { shellWord } from '../../base/shell-word.ts';
import { MESSAGE_BYTES_MAX } from '../../protocol/front-matter.ts';
import {
  channelFolder,
  channelOf,
  CHANNELS,
  DATA,
  isPage,
  messageId,
  MODELS_FILE,
  parseMessagePath,
  WORKFLOWS,
} from '../../protocol/paths.ts';
import { oddFile } from '../../transport/odd-file.ts';
import { oneLine } from '../../base/plain-text.ts';
import { mayBeText, mayHoldMessages } from '../../protocol/misplaced.ts';
import type { RejectedFile } from '../../protocol/open-work.ts';
import { isPortable, NOT_PORTABLE } from '../../protocol/names.ts';
import { workflowProblems } from './lint-workflow.ts';
import { noPersona } from '../../protocol/persona.ts';
import type { Invocation } from '../command.ts';
import { type Io, paint } from '../io.ts';
import { pointAt } from '../point-at.ts';
import { startDirectory, printJson, tipOf, wantsJson } from '../look/reading.ts';
import { findUnknown, isPersona, warnAboutHosts } from '../talk/recipients.ts';
import { differing, differingSettings, sayDiffering } from '../look/differing.ts';
import { SETTINGS } from '../look/broken-settings.ts';
import { findStrays, findUnsentStrays } from '../look/misplaced.ts';
import { findUnsent } from '../look/unsent.ts';
import { openSession, type TransportSession } from '../session/transport-session.ts';

/** What is wrong with a file, and what is only odd. */
interface Linted {
  readonly file: string;
  /** What it holds, to be pointed into. */
  readonly text?: string;
  readonly problems: readonly Rejection[];
  readonly warnings: readonly string[];
  /** Whether hosts see it as it is here; absent: it stands in no clone of a transport. */
  readonly isPushed?: boolean;
}

/** The transport around; `note`: why there is none. */
interface Known {
  readonly session: TransportSession | null;
  readonly note: string | null;
}

/** Checks files and gives 2 when one of them would be rejected. */
export async function lintFiles(invocation: Invocation): Promise<number> {
  const known = await openKnown(invocation);
  try {
    const linted: Linted[] = invocation.args.length === 0 ? [...(await lintAll(known))] : [];
    for (const asked of invocation.args)
      linted.push(...(await lintAsked(invocation, asked, known)));
    const others = known.session === null ? [] : await differingSettings(known.session);
    const names = others.filter((path) => !linted.some(({ file }) => file.endsWith(path)));
    report(invocation, linted, known.note ?? sayDiffering(names));
    return linted.some(({ problems }) => problems.length > 0) ? 2 : 0;
  } finally {
    await known.session?.close();
  }
}

/** The transport around, if there is one and it answers: syntax is checked without it. */
async function openKnown(invocation: Invocation): Promise<Known> {
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

/** A file; for a folder, what is wrong below it. */
async function lintAsked(
  invocation: Invocation,
  asked: string,
  { session }: Known,
): Promise<readonly Linted[]> {
  const full = resolve(startDirectory(invocation), asked);
  const below = pathBelow(session, full) ?? (asked.startsWith(`${DATA}/`) ? asked : null);
  const there = await stat(full).catch(() => null);
  if (there?.isFile() === true) {
    const path = pathBelow(session, full);
    const given = { file: asked, path, bytes: await readFile(full) };
    return [await noteWhetherPushed(session, path, await lintBytes(session, given))];
  }
  const path = below?.replace(/(?<!\/)\/+$/, '') ?? null;
  const [entry] =
    session === null || path === null || path === ''
      ? []
      : await session.repository.lookUp(tipOf(session), [path]);
  if (session === null || path === null || (there === null && entry == null))
    throw new CrosstalkError('USAGE', `lint: there is no file "${asked}"`);
  const isFolder = there?.isDirectory() === true || entry?.kind === 'tree';
  return isFolder
    ? lintFolder(session, path)
    : [await lintSent(session, path, await findStrays(session))];
}

/** The whole transport. */
function lintAll({ session, note }: Known): Promise<readonly Linted[]> {
  if (session === null)
    throw new CrosstalkError('USAGE', `lint: a file to check is missing; ${note ?? ''}`, {
      fix: 'crosstalkd lint FILE',
    });
  return lintFolder(session, '');
}

async function noteWhetherPushed(
  session: TransportSession | null,
  path: string | null,
  linted: Linted,
): Promise<Linted> {
  if (session === null || path === null) return linted;
  return { ...linted, isPushed: (await differing(session, [path])).length === 0 };
}

/** What is not a message in the transport, and what the clone has that was never sent. */
async function lintFolder(session: TransportSession, path: string): Promise<readonly Linted[]> {
  const isBelow = (one: string): boolean => path === '' || one.startsWith(`${path}/`);
  const unsent = await findUnsent(session);
  const clone = session.located.clone ?? '';
  const unsentFiles = [...(unsent?.files ?? []), ...(await findUnsentStrays(session))];
  const own = await Promise.all(
    unsentFiles.filter(isBelow).map(async (file) => ({
      file,
      path: file,
      bytes: await readFile(join(clone, file)),
    })),
  );
  const strays = await findStrays(session);
  const sent = [...strays.keys(), ...session.mirror.index().forged.keys()].filter(
    (one) => isBelow(one) && !own.some(({ file }) => file === one),
  );
  const linted: Linted[] = [];
  for (const file of sent) linted.push(await lintSent(session, file, strays));
  for (const one of own) linted.push({ ...(await lintBytes(session, one)), isPushed: false });
  for (const one of [MODELS_FILE, ...SETTINGS.keys()].filter(isBelow)) {
    const [entry] = await session.repository.lookUp(tipOf(session), [one]);
    const seen = entry?.kind === 'file' ? await lintSent(session, one, strays) : null;
    if (seen !== null && seen.problems.length > 0) linted.push(seen);
  }
  const name = path === '' ? 'the transport' : `${path}/`;
  return linted.length > 0 ? linted : [{ file: name, problems: [], warnings: [] }];
}

/** A file that the clone does not have, as it stands in the transport. */
async function lintSent(
  session: TransportSession,
  path: string,
  strays: ReadonlyMap<string, RejectedFile>,
): Promise<Linted> {
  const [entry] = await session.repository.lookUp(tipOf(session), [path]);
  const [blob] =
    entry?.kind === 'file'
      ? await session.repository.readBlobs([entry.oid], MESSAGE_BYTES_MAX)
      : [];
  const rejected = strays.get(path);
  if (rejected !== undefined) {
    const { line, column, found, expected } = rejected;
    const place = column === undefined ? { line } : { line, column };
    const text = blob?.kind === 'bytes' ? { text: textOf(blob.bytes) } : {};
    return { file: path, ...text, problems: [{ ...place, found, expected }], warnings: [] };
  }
  if (blob?.kind !== 'bytes')
    return {
      file: path,
      problems: [{ line: 1, found: 'no regular file', expected: 'a message' }],
      warnings: [],
    };
  return lintBytes(session, { file: path, path, bytes: blob.bytes });
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('utf8');
}

interface Given {
  readonly file: string;
  /** Where it stands in the transport, or would; null = elsewhere. */
  readonly path: string | null;
  readonly bytes: Uint8Array;
}

/** A file that is not a message by what it is called; null: it may be one. */
async function lintOther(
  session: TransportSession | null,
  { file, path, bytes }: Given,
): Promise<Linted | null> {
  if (/(^|[/\\])models\.yaml$/.test(file)) return lintModels(file, bytes);
  if (path === null) return null;
  const good = { file, problems: [], warnings: [] };
  const problemsOf = SETTINGS.get(path);
  if (problemsOf !== undefined) {
    const text = textOf(bytes);
    return { ...good, text, problems: problemsOf(text) };
  }
  const folder = path.slice(0, Math.max(0, path.lastIndexOf('/')));
  if (folder === WORKFLOWS && path.endsWith('.md'))
    return lintWorkflow(session, { file, path, bytes });
  if (isPageOfChannel(path) || isOfTransport(folder, path)) return good;
  const misplaced = placeProblem(path);
  return misplaced === null ? null : { ...good, problems: [misplaced] };
}

async function lintBytes(
  session: TransportSession | null,
  { file, path, bytes }: Given,
): Promise<Linted> {
  const other = await lintOther(session, { file, path, bytes });
  if (other !== null) return { ...other, warnings: [...nameWarning(path), ...other.warnings] };
  const read = decodeMessage(bytes, path);
  if (read.kind === 'rejected')
    return { file, text: textOf(bytes), problems: [read.rejection], warnings: [] };
  const isMarker = read.message.fields.type === 'workflow' && read.message.fields.op === null;
  const steps = isMarker ? await lintWorkflow(session, { file, path, bytes }) : null;
  if (steps !== null && steps.problems.length > 0) return steps;
  const run = read.message.fields.childChannel;
  const warnings = [
    ...nameWarning(run === null ? path : `${path ?? ''}/${run}`),
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

/** Of a path with a part that some machine cannot have. */
function nameWarning(path: string | null): readonly string[] {
  const odd = path?.split('/').find((part) => !isPortable(part));
  return odd === undefined ? [] : [`"${odd}" is ${NOT_PORTABLE}`];
}

async function lintWorkflow(
  session: TransportSession | null,
  { file, bytes }: Given,
): Promise<Linted> {
  const text = textOf(bytes);
  return { file, text, problems: await workflowProblems(session, text), warnings: [] };
}

function lintModels(file: string, bytes: Uint8Array): Linted {
  const text = textOf(bytes);
  const decoded = decodeModels(text);
  return {
    file,
    text,
    problems: [...decoded.problems, ...unknownAdapters(decoded, ADAPTER_NAMES)],
    warnings: [],
  };
}

/** Where the file stands in the transport's clone, or null when it lies elsewhere. */
function pathBelow(session: TransportSession | null, full: string): string | null {
  const clone = session?.located.clone ?? null;
  if (clone === null) return null;
  if (full === clone) return '';
  return full.startsWith(clone + sep)
    ? full
        .slice(clone.length + 1)
        .split(sep)
        .join('/')
    : null;
}

/** Personas, schemas and the like mean what their folder says; `CLAUDE.md` what its name says. */
function isOfTransport(folder: string, path: string): boolean {
  return (
    !path.startsWith(`${CHANNELS}/`) &&
    (!mayHoldMessages(folder) || !mayBeText(path.slice(path.lastIndexOf('/') + 1)))
  );
}

function isPageOfChannel(path: string): boolean {
  return path.startsWith(`${CHANNELS}/`) && isPage(path.slice(path.lastIndexOf('/') + 1));
}

/** Why no dispatcher will ever see a file where it stands, and the command that mends it. */
function placeProblem(path: string): Rejection | null {
  if (parseMessagePath(path) !== null) return null;
  const odd = path.startsWith(`${CHANNELS}/`)
    ? oddFile({ kind: 'written', path, entry: 'file', blob: '' as Oid })
    : null;
  const name = `${path.slice(path.lastIndexOf('/') + 1).replace(/\.[^.]*$/, '')}.md`;
  const channel = channelOf(path) ?? 'general';
  const to = odd?.remedy?.at(-1) ?? `${channelFolder(channel)}/${name}`;
  return {
    line: 1,
    found: odd?.found ?? `a file where no dispatcher looks for messages`,
    expected:
      odd !== null && odd.remedy === undefined
        ? odd.expected
        : `a message in a channel: mv ${shellWord(path)} ${shellWord(to)}`,
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
  const isForged = session.mirror.index().forged.has(path ?? '');
  const unsigned = isForged
    ? ['nobody has signed it who may: on this host it counts for nothing']
    : [];
  const stranger = (await isPersona(session, fields.as)) ? [] : [noPersona(fields.as ?? '')];
  return [
    ...unknown,
    ...warnAboutHosts(session, fields.to),
    ...missing,
    ...stranger,
    ...hops,
    ...impostor,
    ...unsigned,
  ];
}

function report(invocation: Invocation, linted: readonly Linted[], note: string | null): void {
  const isGood = linted.every(({ problems }) => problems.length === 0);
  if (wantsJson(invocation)) {
    printJson(invocation, {
      ok: isGood,
      health: isGood && linted.every(({ warnings }) => warnings.length === 0) ? 'good' : 'degraded',
      files: linted.map(({ file, problems, warnings, isPushed = null }) => ({
        file,
        ok: problems.length === 0,
        pushed: isPushed,
        problems: snakeKeys(problems),
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

function formatLinted(io: Io, linted: Linted): readonly string[] {
  const { file, text, problems, warnings, isPushed } = linted;
  const name = oneLine(file, 300);
  const unpushed = isPushed === false ? '; not pushed as it is here' : '';
  if (problems.length === 0 && warnings.length === 0)
    return [`${name}: ${paint(io, 'green', 'good')}${unpushed}`];
  return [
    ...problems.flatMap(({ line, column, found, expected }) => [
      `${name}:${column === undefined ? line : `${line}:${column}`}: ${paint(io, 'red', 'rejected')}: found ${oneLine(found, 300)}; expected ${oneLine(expected, 300)}`,
      ...(text === undefined ? [] : pointAt(io, { text, line, column })),
    ]),
    ...(isPushed === false ? [`${name}: not pushed as it is here`] : []),
    ...warnings.map(
      (warning) => `${name}: ${paint(io, 'yellow', 'warning')}: ${oneLine(warning, 300)}`,
    ),
  ];
}
