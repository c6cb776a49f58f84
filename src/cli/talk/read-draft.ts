/**
 * What a person wants to say, from wherever they wrote it: -m, a file, standard input or their
 * editor; made into a letter ready to be sent.
 */
import { readFile, realpath } from 'node:fs/promises';
import { join, relative, resolve, sep } from 'node:path';
import { formatIso, systemClock } from '../../base/clock.ts';
import { CrosstalkError } from '../../base/errors.ts';
import { newUlid } from '../../base/ids.ts';
import { systemRandom } from '../../base/random.ts';
import { formatAddress } from '../../protocol/address.ts';
import { headSlips } from '../../protocol/head-slips.ts';
import { isWholePath } from '../../protocol/attachments.ts';
import { MESSAGE_BYTES_MAX } from '../../protocol/front-matter.ts';
import type { Message, MessageFields, NewMessage } from '../../protocol/message.ts';
import { CHANNELS, newMessagePath, parseMessagePath } from '../../protocol/paths.ts';
import { given, type Invocation, option } from '../command.ts';
import { attachFiles, attachNamed } from './attach-files.ts';
import { carryDraft } from './carry-draft.ts';
import { composeLetter, type Letter, requireMessage } from './compose-message.ts';
import { editText, keepingText, removeEdited } from './edit-text.ts';
import type { Sender } from './person.ts';
import { chooseChannel, DEFAULT_CHANNEL } from '../look/channel-names.ts';
import { readModelViews } from '../look/models.ts';
import { readSaid, type Said } from '../look/read-conversation.ts';
import { startDirectory } from '../look/reading.ts';
import { parseRecipients } from './recipients.ts';
import { refuseTwin } from './refuse-twin.ts';
import { resolveId } from '../look/resolve-id.ts';
import type { TransportSession } from '../session/transport-session.ts';
import { fixBy, fixByHand, withNote } from '../../base/fix.ts';

/** A letter, and what has to happen around sending it. */
export interface Draft {
  readonly letter: Letter;
  /** Lines for the person once it is sent. */
  readonly notes: readonly string[];
  /** Runs what may fail; then an edited text is kept and its place printed. */
  readonly keeping: <T>(act: () => Promise<T>) => Promise<T>;
  readonly done: () => Promise<void>;
}

/** The situation in which it is sent. */
export interface Sending {
  readonly sender: Sender;
  /** The sender waits for the answer. */
  readonly waits: boolean;
  /** Where its agent has its session. */
  readonly host: string | null;
}

/**
 * Reads the text from the one place that was given. Throws USAGE for none or several,
 * MESSAGE_REJECTED for a text that is not a message.
 */
export async function readDraft(
  invocation: Invocation,
  session: TransportSession,
  sending: Sending,
): Promise<Draft> {
  const [file] = invocation.args;
  const places = [
    option(invocation, 'message'),
    file,
    given(invocation, 'edit') ? '--edit' : null,
  ].filter((place) => place != null);
  if (places.length > 1)
    throw new CrosstalkError(
      'USAGE',
      'send: the text comes from one place: -m, a file, - or --edit',
      { fix: 'crosstalkd send --help' },
    );
  const text = option(invocation, 'message');
  if (text !== null)
    return plainDraft(await composeNew(invocation, session, { sending, body: text }));
  if (given(invocation, 'edit')) return readEdited(invocation, session, sending);
  if (file === '-')
    return plainDraft(
      await composeNew(invocation, session, { sending, body: await invocation.io.readStdin() }),
    );
  if (file !== undefined) return readWritten(invocation, session, { sending, file });
  throw new CrosstalkError('USAGE', 'send: there is nothing to send', {
    fix: withNote(
      fixBy`crosstalkd send --to MODEL -m TEXT`,
      'or a file, or - for standard input, or --edit',
    ),
  });
}

function plainDraft(letter: Letter, more: readonly string[] = []): Draft {
  const notes = [...headSlips(letter.message), ...more];
  return { letter, notes, keeping: (act) => act(), done: () => Promise.resolve() };
}

interface NewText {
  readonly sending: Sending;
  readonly body: string;
  /** Fields that were written in the text itself; they come before options. */
  readonly written?: Message;
}

async function composeNew(
  invocation: Invocation,
  session: TransportSession,
  { sending, body, written }: NewText,
): Promise<Letter> {
  if (body.trim() === '')
    throw new CrosstalkError('MESSAGE_REJECTED', 'the text is empty; nothing was sent', {
      fix: fixBy`crosstalkd send -m TEXT`,
    });
  const { sender } = sending;
  const fields = written?.fields ?? null;
  const answered = await readAnswered(invocation, session, sender);
  const nowMs = systemClock.wallMs();
  const channel = await chooseChannel(
    session,
    option(invocation, 'channel') ?? answered[0]?.file.channel ?? DEFAULT_CHANNEL,
  );
  const re =
    fields === null || fields.re.length === 0 ? answered.map(({ file }) => file.path) : fields.re;
  const path = newMessagePath(channel, nowMs, newUlid({ wallMs: () => nowMs }, systemRandom));
  const named = fields?.files ?? [];
  const attached = await attachFiles(invocation, path, named);
  const letter = composeLetter(
    path,
    {
      to:
        fields?.to.map(formatAddress) ??
        (await chooseRecipients(invocation, session, { answered, sender })),
      from: sender.name,
      timestamp: formatIso(nowMs),
      re,
      hops: sender.agent?.hops,
      wait: sender.agent !== null && sending.waits,
      dispatch_host: sending.host ?? undefined,
      ...chooseDetails(invocation, session, fields),
      ...(attached.length === 0
        ? {}
        : { files: [...named.filter(isWholePath), ...attached.map(({ field }) => field)] }),
    },
    body,
  );
  return { ...letter, attachments: attached };
}

/** What may be said besides: in the text itself, else by options. */
function chooseDetails(
  invocation: Invocation,
  session: TransportSession,
  fields: MessageFields | null,
): Partial<NewMessage> {
  const files = fields?.files ?? [];
  return {
    subject: fields?.subject ?? option(invocation, 'subject') ?? undefined,
    as: fields?.as ?? option(invocation, 'as') ?? undefined,
    priority: (fields?.priority ?? 0) === 0 ? priorityOption(invocation) : fields?.priority,
    project: fields?.project ?? chooseProject(invocation, session),
    files: files.length === 0 ? undefined : files,
  };
}

/** The project that the command was started in; `--project ""` asks about none. */
function chooseProject(invocation: Invocation, { located }: TransportSession): string | undefined {
  const asked = option(invocation, 'project') ?? located.project?.name;
  return asked === '' ? undefined : asked;
}

/** The message that this one answers: --re, or what an agent was asked. */
async function readAnswered(
  invocation: Invocation,
  session: TransportSession,
  { agent }: Sender,
): Promise<readonly Said[]> {
  const asked = invocation.options.get('re') ?? (agent === null ? [] : [agent.message]);
  const files = await Promise.all(asked.map((id) => resolveId(session, id)));
  const { said, unreadable } = await readSaid(session, files);
  const [broken] = unreadable;
  if (broken === undefined) return said;
  throw new CrosstalkError(
    'MESSAGE_REJECTED',
    `${broken.file.path} is not a message, so it cannot be answered`,
    { fix: fixBy`crosstalkd show ${broken.file.path}` },
  );
}

async function chooseRecipients(
  invocation: Invocation,
  session: TransportSession,
  { answered, sender }: { readonly answered: readonly Said[]; readonly sender: Sender },
): Promise<readonly string[]> {
  const asked = invocation.options.get('to') ?? [];
  if (asked.length > 0)
    return parseRecipients(asked, session.mirror.index().called).map(formatAddress);
  // Writing once more to one's own message means to continue talking to the same.
  const authors = answered.flatMap((said) => (said.from === sender.name ? said.to : [said.from]));
  if (authors.length > 0 && sender.agent === null) return [...new Set(authors)];
  const { models } = session.mirror.index();
  const first = sender.agent === null ? await firstServed(invocation, session) : null;
  if (first !== null) return [first];
  throw new CrosstalkError(
    'USAGE',
    `send: --to is missing; models here: ${models.join(', ') || 'none'}`,
    { fix: fixBy`crosstalkd send --to ${models[0] ?? 'MODEL'}` },
  );
}

/** The only model there is, else the first that this host serves. */
async function firstServed({ env }: Invocation, session: TransportSession): Promise<string | null> {
  const views = await readModelViews(session, env);
  const name = (views.length === 1 ? views : views.filter(({ isServed }) => isServed))[0]?.offer
    .name;
  return name ?? null;
}

function priorityOption(invocation: Invocation): number | undefined {
  const text = option(invocation, 'priority');
  if (text === null) return undefined;
  if (/^[+-]?[0-9]$/.test(text)) return Number(text);
  throw new CrosstalkError('USAGE', `--priority "${text}": expected a whole number from -9 to 9`);
}

async function readEdited(
  invocation: Invocation,
  session: TransportSession,
  sending: Sending,
): Promise<Draft> {
  const edited = await editText(
    invocation,
    await composeTemplate(invocation, session, sending.sender),
  );
  return keepingText(edited, async () => {
    const text = Buffer.from(edited.bytes).toString('utf8');
    if (bodyBelowHead(text).trim() === '') {
      await removeEdited(edited);
      throw new CrosstalkError('MESSAGE_REJECTED', 'the text is empty; nothing was sent', {
        fix: 'crosstalkd send --edit',
      });
    }
    const written = requireMessage(edited.path, edited.bytes);
    const letter = await composeNew(invocation, session, {
      sending,
      body: written.body.replace(/^\n+/, ''),
      written,
    });
    return {
      letter,
      notes: [],
      keeping: (act) => keepingText(edited, act),
      done: () => removeEdited(edited),
    };
  });
}

async function composeTemplate(
  invocation: Invocation,
  session: TransportSession,
  sender: Sender,
): Promise<string> {
  const answered = await readAnswered(invocation, session, sender);
  const { models } = session.mirror.index();
  const asked = (invocation.options.get('to') ?? []).length > 0 || answered.length > 0;
  const to = asked
    ? await chooseRecipients(invocation, session, { answered, sender })
    : models.slice(0, 1);
  const subject = option(invocation, 'subject');
  return [
    '---',
    `# Models here: ${models.join(', ') || 'none'}. The text goes below the second ---; an empty one sends nothing.`,
    `to: ${to.join(', ')}`,
    `subject: ${subject === null ? '' : JSON.stringify(subject)}`,
    ...answered.map(({ file, from }) => `# in answer to ${from}: ${file.path}`),
    '---',
    '',
    '',
  ].join('\n');
}

function bodyBelowHead(text: string): string {
  return /^---[ \t]*\r?\n[^]*?\n---[ \t]*\r?(?:\n|$)([^]*)$/.exec(text)?.[1] ?? text;
}

/**
 * A file: with front matter it is a message written by hand and goes out as it is; without,
 * its text is the body.
 */
async function readWritten(
  invocation: Invocation,
  session: TransportSession,
  { sending, file }: { readonly sending: Sending; readonly file: string },
): Promise<Draft> {
  const full = resolve(startDirectory(invocation), file);
  const bytes = await readFileOf(full, file);
  if (!/^(?:\ufeff)?---/.test(Buffer.from(bytes.subarray(0, 16)).toString('utf8'))) {
    const body = decodeUtf8(bytes, file);
    // A text that begins by naming who is asked was meant as a message.
    if (/^\s*["']?to["']?[ \t]*:/i.test(body)) requireMessage(file, bytes, { fileName: file });
    return plainDraft(await composeNew(invocation, session, { sending, body }));
  }
  // Whatever stands there would be believed: another sender, fewer hops, an order to a run.
  if (sending.sender.agent !== null)
    throw new CrosstalkError(
      'REFUSED',
      `${file} has front matter; an agent sends only text, and its front matter is written for it`,
      { fix: withNote(fixBy`crosstalkd send --to MODEL -`, 'the text on standard input') },
    );
  const refused = ['to', 're', 'subject', 'as', 'priority', 'project', 'from', 'file'].find(
    (name) => given(invocation, name),
  );
  if (refused !== undefined)
    throw new CrosstalkError(
      'USAGE',
      `${file} has front matter, so --${refused} would have to change it`,
      {
        fix: fixByHand(`write "${refused}:" in the file, or send its text without front matter`),
      },
    );
  const path = await pathInClone(session.located.clone, full);
  if (path === null) {
    const channel = await chooseChannel(session, option(invocation, 'channel') ?? DEFAULT_CHANNEL);
    const nowMs = systemClock.wallMs();
    const where = newMessagePath(channel, nowMs, newUlid({ wallMs: () => nowMs }, systemRandom));
    return plainDraft(await carryDraft(where, { name: file, full, bytes }));
  }
  if (given(invocation, 'channel'))
    throw new CrosstalkError(
      'USAGE',
      `${file} is in a channel already, so --channel would have to move it`,
      { fix: fixByHand('leave out --channel') },
    );
  if (parseMessagePath(path) === null)
    throw new CrosstalkError(
      'MESSAGE_REJECTED',
      `${path} is not a place for a message: expected ${CHANNELS}/<channel>/<name>.md`,
      {
        fix: fixBy`mv ${file} ${join(session.located.clone ?? '.', CHANNELS, DEFAULT_CHANNEL)}/`,
      },
    );
  await refuseTwin(session, path);
  const message = requireMessage(file, bytes, { fileName: file, at: path });
  const attachments = await attachNamed(session.located.clone, path, message.fields.files);
  return plainDraft({ path, content: bytes, message, attachments }, [
    `before the next "git pull" in the clone: git add ${path}   (git keeps your copy, it is the same)`,
  ]);
}

async function readFileOf(full: string, name: string): Promise<Uint8Array> {
  try {
    const bytes = await readFile(full);
    if (bytes.length <= MESSAGE_BYTES_MAX) return bytes;
    throw new CrosstalkError(
      'MESSAGE_REJECTED',
      `${name} has ${bytes.length} bytes; expected at most ${MESSAGE_BYTES_MAX}`,
    );
  } catch (error) {
    if (error instanceof CrosstalkError) throw error;
    throw new CrosstalkError('USAGE', `send: cannot read the file "${name}"`, {
      fix: withNote(fixBy`crosstalkd send -m ${name}`, 'sends it as text'),
      cause: error,
    });
  }
}

function decodeUtf8(bytes: Uint8Array, name: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new CrosstalkError('MESSAGE_REJECTED', `${name} is not text in UTF-8`, {
      fix: fixByHand('save it as UTF-8'),
      cause: error,
    });
  }
}

/** The path in the transport of a file that lies below its clone's channels, or null. */
async function pathInClone(clone: string | null, full: string): Promise<string | null> {
  if (clone === null) return null;
  const path = relative(await realpath(clone), await realpath(full))
    .split(sep)
    .join('/');
  return path.startsWith(`${CHANNELS}/`) ? path : null;
}
