/**
 * Holds back open work whose author's signature is required and missing. It is reported, and a
 * person can accept it. PROTOCOL.md "Signatures".
 */
import type { Oid } from '../base/ids.ts';
import type { ModelEntry } from '../protocol/models.ts';
import type { OpenMessage } from '../protocol/open-work.ts';
import type { Work } from '../protocol/list-work.ts';
import type { ReasonOf } from '../protocol/reason.ts';
import { BUDGETS_FILE, MODELS_FILE, replyPath, SCHEMAS, WORKFLOWS } from '../protocol/paths.ts';
import {
  hear,
  isHost,
  maySpeakAs,
  peopleWho,
  requires,
  standingKey,
  type Trust,
  type Voice,
} from '../protocol/trust.ts';
import { countsAsHosts, heldByFile, listHostFiles, type Looking } from './check-hosts.ts';
import type { Dispatcher } from './dispatcher.ts';
import { trustNow } from './in-force.ts';

/** What is asked, and what was heard before: blob and path → who signed it. */
export interface Hearing extends Looking {
  readonly trust: Trust;
  /** The entries of models that this host may serve. */
  readonly models: ReadonlyMap<string, Pick<ModelEntry, 'effects'>>;
  readonly voices: Map<string, Voice>;
}

/** Notes what this host holds back now. Free while nothing has changed. */
export async function checkSignatures(
  dispatcher: Dispatcher,
  works: readonly Work[],
): Promise<void> {
  const { state, doors, mirror } = dispatcher;
  const trust = await trustNow(dispatcher);
  const index = mirror.index();
  const { tip } = index;
  const { models } = state.models.serving;
  if (trust === undefined || trust.required.size === 0 || tip === null) {
    Object.assign(state.trust, { held: new Map(), heardBy: null, checked: null });
    return;
  }
  const { checked } = state.trust;
  // Other keys may be known now.
  if (state.trust.heardBy !== trust) state.trust.voices.clear();
  else if (checked?.index === index && checked.works === works && checked.models === models) return;
  state.trust.heardBy = trust;
  const { voices, listed } = state.trust;
  const { repository } = doors;
  const hearing = { repository, index, tip, trust, models, voices, listed };
  state.trust.held = await findHeld(hearing, works);
  state.trust.checked = { index, works, models };
}

/** Work key → why it is held back, of those that are. */
export async function findHeld(
  hearing: Hearing,
  works: readonly Work[],
): Promise<ReadonlyMap<string, ReasonOf<'unsigned'>>> {
  const checked = works.filter((work) => mustBeSigned(work, hearing));
  const { index, trust, voices } = hearing;
  const files = requires(trust, 'hosts') ? await listHostFiles(hearing, works) : [];
  await listen(hearing, [...checked.map(({ message }) => message), ...files]);
  const held = new Map<string, ReasonOf<'unsigned'>>();
  for (const { key, message, recipient } of index.forged.size === 0 ? [] : works) {
    const forged = index.forged.get(replyPath(message.path, recipient));
    if (forged !== undefined)
      held.set(key, heldByFile({ path: forged.path, host: null }, forged.found));
  }
  for (const file of files) {
    const voice = voices.get(standingKey(file)) ?? { kind: 'unsigned' };
    if (!countsAsHosts(file, voice, trust)) held.set(file.key, heldByFile(file, describe(voice)));
  }
  for (const { key, message } of checked) {
    const reason = judgeVoice(message, hearing);
    if (reason !== null) held.set(key, reason);
  }
  return held;
}

/**
 * A workflow may ask any model, so its marker counts as what may act outside. Work of the hosts
 * themselves is signed by them.
 */
function mustBeSigned(
  { recipient, message }: Work,
  { trust, models }: Pick<Hearing, 'trust' | 'models'>,
): boolean {
  if (trust.required.has('all')) return true;
  if (!requires(trust, 'external')) return false;
  const entry = models.get(recipient);
  return message.isWorkflow || message.isExternal || entry?.effects === 'external';
}

/** Reads the signatures of messages that were not heard before; forgets those that are no more. */
async function listen(
  { repository, tip, trust, voices }: Hearing,
  messages: readonly Heard[],
): Promise<void> {
  const open = new Set(messages.map(standingKey));
  for (const key of voices.keys()) if (!open.has(key)) voices.delete(key);
  const unheard = messages.filter((message) => !voices.has(standingKey(message)));
  if (unheard.length === 0) return;
  const paths = unheard.map(({ path }) => path);
  const writers = await repository.findWriters(paths, tip);
  for (const message of unheard)
    voices.set(
      standingKey(message),
      hear(writers.get(message.path)?.signed ?? null, trust.signers),
    );
}

/**
 * The first of the files that a message rests on which neither a known host has signed nor a person
 * who may ask; null where that is not required. They are part of what is asked.
 */
export async function findUnsignedPart(
  dispatcher: Dispatcher,
  work: Work,
  { tip, paths }: { readonly tip: Oid; readonly paths: readonly string[] },
): Promise<string | null> {
  const { doors, state } = dispatcher;
  const trust = await trustNow(dispatcher);
  const { models } = state.models.serving;
  if (trust === undefined || paths.length === 0) return null;
  if (!mustBeSigned(work, { trust, models })) return null;
  const writers = await doors.repository.findWriters(paths, tip);
  const entries = await doors.repository.lookUp(tip, paths);
  return (
    paths.find((path, at) => {
      const voice = hear(writers.get(path)?.signed ?? null, trust.signers);
      const isSigned = isHost(voice) || peopleWho(voice, 'ask', trust).length > 0;
      return (
        !isSigned && !trust.letThrough.has(standingKey({ path, blob: entries[at]?.oid ?? '' }))
      );
    }) ?? null
  );
}

type Heard = Pick<OpenMessage, 'path' | 'blob'>;

/** Files that must be signed and stand unsigned: what was signed before counts. */
export async function findUnsignedFiles({
  repository,
  tip,
  trust,
}: Pick<Hearing, 'repository' | 'tip' | 'trust'>): Promise<readonly ReasonOf<'unsigned'>[]> {
  const kinds = [
    [MODELS_FILE, 'models'],
    [BUDGETS_FILE, 'budgets'],
  ] as const;
  const fixed = kinds.flatMap(([path, kind]) => (requires(trust, kind) ? [path] : []));
  const folders = requires(trust, 'schedules') ? [WORKFLOWS, SCHEMAS] : [];
  const saved = folders.map(async (folder) =>
    (await repository.list(tip, folder)).flatMap(({ name, kind }) =>
      kind === 'file' && (folder === SCHEMAS || name.endsWith('.md')) ? [`${folder}/${name}`] : [],
    ),
  );
  const paths: readonly string[] = [...fixed, ...(await Promise.all(saved)).flat()];
  const entries = paths.length === 0 ? [] : await repository.lookUp(tip, paths);
  const standing = paths.flatMap((path, at) => {
    const blob = entries[at]?.oid;
    return blob === undefined || trust.letThrough.has(standingKey({ path, blob })) ? [] : [path];
  });
  const writers = standing.length === 0 ? null : await repository.findWriters(standing, tip);
  return standing.flatMap((path) => {
    const voice = hear(writers?.get(path)?.signed ?? null, trust.signers);
    const isHeard = peopleWho(voice, 'models', trust).length > 0;
    return isHeard
      ? []
      : [{ kind: 'unsigned', path, from: 'somebody who may change it', found: describe(voice) }];
  });
}

/** Why it is held back; null when it counts. */
function judgeVoice(message: OpenMessage, { trust, voices }: Hearing): ReasonOf<'unsigned'> | null {
  if (trust.letThrough.has(standingKey(message))) return null;
  const voice = voices.get(standingKey(message)) ?? { kind: 'unsigned' };
  if (maySpeakAs(voice, message.from, trust)) return null;
  return { kind: 'unsigned', path: message.path, from: message.from, found: describe(voice) };
}

/** What is said of who signed something. */
export function describe(voice: Voice): ReasonOf<'unsigned'>['found'] {
  switch (voice.kind) {
    case 'known':
      return { kind: 'other', by: voice.principals.join(', ') };
    case 'bad':
      return { kind: 'bad', why: voice.why };
    case 'stranger':
      return { kind: 'stranger', key: voice.key };
    case 'unsigned':
      return { kind: 'nobody' };
  }
}
