/** Composes the prompt of an attempt from the claimed bytes, the persona and the thread. */
import { MINUTE } from '../base/clock.ts';
import type { Oid } from '../base/ids.ts';
import { decodeMessage, type Message, type MessageFields } from '../protocol/message.ts';
import { noPersona, personaPaths } from '../protocol/persona.ts';
import { MESSAGE_BYTES_MAX } from '../protocol/front-matter.ts';
import { type IsolationRead, readIsolation } from '../protocol/isolation.ts';
import { findLoop } from '../protocol/loop.ts';
import type { ModelEntry } from '../protocol/models.ts';
import { nameAttachments } from '../protocol/attachments.ts';
import type { Capsule } from '../protocol/capsule.ts';
import { composePrompt, type PromptParts } from '../protocol/prompt.ts';
import { fetchArchive } from '../transport/read-archive.ts';
import { readTextAt } from '../transport/read-text.ts';
import type { Repository } from '../transport/repository.ts';
import { ATTACHMENTS_FOLDER, OUTPUT_FOLDER } from '../agents/agent.ts';
import { type AttachmentsRead, NO_ATTACHMENTS, readAttachments } from './read-attachments.ts';
import { findUnsignedPart } from './check-signatures.ts';
import type { Dispatcher } from './dispatcher.ts';
import { readCapsule } from './keep-capsules.ts';
import type { LiveClaim } from './own-claims.ts';
import { readThread } from './read-thread.ts';

export interface AttemptInput {
  readonly prompt: string;
  /** The prompt for a worktree in which the changes of `before` stand. */
  readonly promptWithWork: () => string;
  /** What an earlier attempt has left. */
  readonly before: Capsule | null;
  /** The bare text of the message. */
  readonly message: string;
  readonly persona: string | null;
  /** Why it is not run at all: nobody is called as `as:` says. */
  readonly stranger: string | null;
  readonly session: string | null;
  /** Paths of the messages before it. */
  readonly thread: readonly string[];
  /** Why it is not run at all: models talk in circles. */
  readonly loop: string | null;
  /** Limits that the message sets for itself; null = those of the model. */
  readonly timeoutMs: number | null;
  readonly idleTimeoutMs: number | null;
  /** Whether it works in a worktree of its project. */
  readonly isolation: IsolationRead;
  readonly attachments: AttachmentsRead;
}

export interface AttemptPlace {
  /** Bytes of thread that may go along. */
  readonly threadBytesMax: number;
  /** The one that runs: the recipient, or a fallback. */
  readonly model: string;
  /** The attempt's own directory. */
  readonly directory: string;
}

/**
 * The input of the next invocation for a held claim. The agent gets exactly the claimed blob,
 * whatever the file says by now.
 */
export async function composeAttemptPrompt(
  dispatcher: Dispatcher,
  held: LiveClaim,
  { threadBytesMax, model, directory }: AttemptPlace,
): Promise<AttemptInput> {
  const { doors, settings, mirror } = dispatcher;
  const { message, recipient } = held.work;
  const { tip, models } = mirror.index();
  const claimed = await readClaimed(dispatcher, held);
  const { fields = null, body = '' } = claimed ?? {};
  const { entries, session } = await readThreadAt(dispatcher, held, { tip, re: fields?.re ?? [] });
  const { personaPath, ...who } = await readPersona(doors.repository, tip, fields?.as ?? null);
  const files = { message: message.path, files: fields?.files ?? [], personaPath };
  const attachments =
    tip === null ? NO_ATTACHMENTS : await readSigned(dispatcher, held, { tip, ...files });
  const before = await readCapsule(dispatcher, held, { model, fields });
  const { from, channel, path, timestampMs } = message;
  const parts: PromptParts = {
    ...{ before, recipient, host: settings.alias, from, channel, path, timestampMs },
    subject: fields?.subject ?? null,
    persona: null,
    files: tellFiles(attachments, directory),
    ...{ thread: entries, threadBytesMax, body },
    mayHaveActed: mayHaveActed(held, fields),
    nonce: held.state.claim.nonce,
  };
  return {
    prompt: composePrompt(parts),
    promptWithWork: () => composePrompt({ ...parts, isWorkHere: true }),
    ...{ before, message: body, ...who, attachments },
    loop: findLoop({ thread: entries, from, recipient, body, models: new Set(models) }),
    isolation: claimed === null ? { kind: 'none' } : readIsolation(path, claimed),
    thread: entries.map((entry) => entry.path),
    ...continueAs(fields, { alias: settings.alias, session }),
  };
}

/** The message as it was claimed; null: it cannot be read. */
async function readClaimed(
  { doors }: Dispatcher,
  { work, state: { claim } }: LiveClaim,
): Promise<Message | null> {
  const [blob] = await doors.repository.readBlobs([claim.blob], MESSAGE_BYTES_MAX);
  const read = blob?.kind === 'bytes' ? decodeMessage(blob.bytes, work.message.path) : null;
  return read?.kind === 'message' ? read.message : null;
}

async function readThreadAt(
  { doors, settings, publisher }: Dispatcher,
  { work: { message, recipient } }: LiveClaim,
  { tip, re }: { readonly tip: Oid | null; readonly re: readonly string[] },
): ReturnType<typeof readThread> {
  if (tip === null) return { entries: [], session: null };
  return readThread(doors.repository, {
    ...{ tip, path: message.path, re, recipient, alias: settings.alias },
    messagesMax: settings.threadMessagesMax,
    archive: async () => {
      const read = await fetchArchive(doors.repository, publisher.branchRef);
      return read.kind === 'reached' ? read.value : null;
    },
  });
}

/** Its files; refused too where they or its persona must be signed and are not. */
async function readSigned(
  dispatcher: Dispatcher,
  held: LiveClaim,
  asked: Parameters<typeof readAttachments>[1] & { readonly personaPath: string | null },
): Promise<AttachmentsRead> {
  const read = await readAttachments(dispatcher.doors.repository, asked);
  if (read.kind === 'refused') return read;
  const named = nameAttachments(asked.message, asked.files);
  const paths = named.kind === 'named' ? named.files.map(({ path }) => path) : [];
  const persona = asked.personaPath === null ? [] : [asked.personaPath];
  const parts = { tip: asked.tip, paths: [...paths, ...persona] };
  const unsigned = await findUnsignedPart(dispatcher, held.work, parts);
  return unsigned === null
    ? read
    : { kind: 'refused', why: `${unsigned}: nobody known here who may ask has signed it` };
}

/** The text of the persona that `as:` names. */
async function readPersona(
  repository: Repository,
  tip: Oid | null,
  as: string | null,
): Promise<Pick<AttemptInput, 'persona' | 'stranger'> & { readonly personaPath: string | null }> {
  if (as === null || tip === null) return { persona: null, stranger: null, personaPath: null };
  for (const path of personaPaths(as)) {
    const persona = await readTextAt(repository, tip, path);
    if (persona !== null) return { persona, stranger: null, personaPath: path };
  }
  return { persona: null, stranger: noPersona(as), personaPath: null };
}

/**
 * An agent with effects learns that it was begun before: by this claim, or by the one it retries.
 */
function mayHaveActed({ state: { claim } }: LiveClaim, fields: MessageFields | null): boolean {
  return claim.effects === 'external' && (claim.attempt > 1 || fields?.retries != null);
}

function tellFiles(read: AttachmentsRead, directory: string) {
  if (read.kind === 'refused' || read.files.length === 0) return null;
  const names = read.files.map(({ name }) => name);
  return {
    folder: `${directory}/${ATTACHMENTS_FOLDER}`,
    output: `${directory}/${OUTPUT_FOLDER}`,
    names,
  };
}

/**
 * A task of a workflow that continues a session names it, and the host that has it; anywhere else
 * it starts over.
 */
function continueAs(
  fields: MessageFields | null,
  here: { readonly alias: string; readonly session: string | null },
): Pick<AttemptInput, 'session' | 'timeoutMs' | 'idleTimeoutMs'> {
  if (fields === null) return { session: here.session, timeoutMs: null, idleTimeoutMs: null };
  const minutes = (given: number | null): number | null => (given === null ? null : given * MINUTE);
  const named = fields.dispatchHost === here.alias ? fields.session : null;
  return {
    session: named ?? here.session,
    timeoutMs: minutes(fields.timeoutMinutes),
    idleTimeoutMs: minutes(fields.idleMinutes),
  };
}

/** A message may shorten the limits of the model, never extend them. */
export function narrowEntry(
  entry: ModelEntry,
  { timeoutMs, idleTimeoutMs }: AttemptInput,
): ModelEntry {
  return {
    ...entry,
    timeoutMs: Math.min(entry.timeoutMs, timeoutMs ?? Infinity),
    idleTimeoutMs: Math.min(entry.idleTimeoutMs, idleTimeoutMs ?? Infinity),
  };
}
