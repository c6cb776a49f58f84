/**
 * What is wrong with one file, and what is only odd: by what it is called, and for a message by the
 * names that the transport around knows.
 */
import type { Rejection } from '../../protocol/rejection.ts';
import { ADAPTER_NAMES } from '../../agents/adapters.ts';
import { unknownAdapters } from '../../local/served-models.ts';
import { wholePaths } from '../../protocol/attachments.ts';
import { readIsolation } from '../../protocol/isolation.ts';
import { headSlips } from '../../protocol/head-slips.ts';
import { decodeMessage, type Message } from '../../protocol/message.ts';
import { decodeModels } from '../../protocol/decode-models.ts';
import type { Oid } from '../../base/ids.ts';
import { shellWord } from '../../base/shell-word.ts';
import {
  channelFolder,
  channelOf,
  CHANNELS,
  isPage,
  messageId,
  parseMessagePath,
  WORKFLOWS,
} from '../../protocol/paths.ts';
import { oddFile } from '../../transport/odd-file.ts';
import { mayBeText, mayHoldMessages } from '../../protocol/misplaced.ts';
import { isPortable, NOT_PORTABLE } from '../../protocol/names.ts';
import { workflowProblems } from './lint-workflow.ts';
import { noPersona } from '../../protocol/persona.ts';
import { tipOf } from '../look/reading.ts';
import { findUnknown, isPersona, warnAboutHosts } from '../talk/recipients.ts';
import { SETTINGS } from '../look/broken-settings.ts';
import type { TransportSession } from '../session/transport-session.ts';

/** What is wrong with a file, and what is only odd. */
export interface Linted {
  readonly file: string;
  /** What it holds, to be pointed into. */
  readonly text?: string;
  readonly problems: readonly Rejection[];
  readonly warnings: readonly string[];
  /** Whether hosts see it as it is here; absent: it stands in no clone of a transport. */
  readonly isPushed?: boolean;
}

/** What bytes hold, as text to be pointed into. */
export function textOf(bytes: Uint8Array): string {
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

/** The verdict on one file; without a session, syntax alone. */
export async function lintBytes(
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
    ...headSlips(read.message),
    ...bodyWarnings(read.message),
    ...isolationWarning(path, read.message),
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

/** An attempt that would fail before its agent starts. */
function isolationWarning(path: string | null, message: Message): readonly string[] {
  const read = readIsolation(path ?? '', message);
  return read.kind === 'refused' ? [`no agent would be started: ${read.why}`] : [];
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

/** Why no dispatcher will ever see a file where it stands, and the command that fixes it. */
function placeProblem(path: string): Rejection | null {
  if (parseMessagePath(path) !== null) return null;
  const odd = path.startsWith(`${CHANNELS}/`)
    ? oddFile({ kind: 'written', path, entry: 'file', blob: '' as Oid })
    : null;
  const name = `${path.slice(path.lastIndexOf('/') + 1).replace(/^\.+|\.[^.]*$/g, '')}.md`;
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
    : [`it is at the path where ${replyTo.recipient} answers ${id}, but does not say "re: ${id}"`];
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
  const unsigned = isForged ? ['nobody who may write it has signed it: this host ignores it'] : [];
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
