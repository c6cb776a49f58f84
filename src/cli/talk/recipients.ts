/**
 * Whether a message would reach anybody: every name of its `to:` is a model of the transport or of
 * a host, a person who has written here, or a mistake.
 */
import { CrosstalkError } from '../../base/errors.ts';
import { type Address, formatAddress, parseAddress, suggestName } from '../../protocol/address.ts';
import { parseBeatName } from '../../protocol/beat.ts';
import { decodeModels } from '../../protocol/decode-models.ts';
import type { ModelProblem } from '../../protocol/models.ts';
import { MODELS_FILE } from '../../protocol/paths.ts';
import { NAME_RULE, RESERVED_NAMES } from '../../protocol/names.ts';
import { meantName } from '../../protocol/person-name.ts';
import { type Called, personNamed } from '../../protocol/people.ts';
import { noPersona, personaPaths } from '../../protocol/persona.ts';
import { tipOf } from '../look/reading.ts';
import { readAskable } from '../look/askable.ts';
import type { TransportSession } from '../session/transport-session.ts';
import { andThen, fixBy, withNote } from '../../base/fix.ts';

/**
 * Addresses out of what was typed: `opus`, `opus@mbp,codex`, a person's full name. `called`: whose
 * name is whose. Throws USAGE for anything else.
 */
export function parseRecipients(texts: readonly string[], called: Called): readonly Address[] {
  const words = texts.flatMap((text) => text.split(',')).map((word) => word.trim());
  return words.map((word) => {
    const person = personNamed(called, word);
    if (person !== null) return { name: person, host: null };
    const address = parseAddress(word) ?? parseAddress(meantName(word));
    if (address !== null) return address;
    throw new CrosstalkError(
      'USAGE',
      `--to "${word}" is not an address: expected name or name@host (${NAME_RULE})`,
      { fix: 'crosstalkd models' },
    );
  });
}

/** One name that nobody here answers to. */
export interface UnknownName {
  readonly name: string;
  readonly suggestion: string | null;
}

/**
 * The names that are neither a model of the transport or of a host, nor a person seen here. Asks
 * the remote only for names that are not models of the transport.
 */
export async function findUnknown(
  session: TransportSession,
  to: readonly Address[],
): Promise<readonly UnknownName[]> {
  const { models, people, called } = session.mirror.index();
  const known = new Set([...models, ...people, ...called.values(), ...RESERVED_NAMES]);
  const unknown = to.filter(({ name }) => !known.has(name));
  if (unknown.length === 0) return [];
  const elsewhere = (await readAskable(session)).names;
  return unknown
    .filter(({ name }) => !elsewhere.includes(name))
    .map(({ name }) => ({
      name,
      suggestion: suggestName(name, [...models, ...elsewhere, ...people]),
    }));
}

/** Throws MESSAGE_REJECTED for an unknown name or a wrong entry: it would wait for ever. */
export async function refuseUnknown(
  session: TransportSession,
  to: readonly Address[],
): Promise<void> {
  const [unknown] = await findUnknown(session, to);
  if (unknown === undefined) return;
  const { mirror } = session;
  const { problems } = decodeModels(mirror.modelsText() ?? '');
  const broken = problems.find(({ name }) => name === unknown.name) ?? mirror.modelsProblem();
  if (broken !== null) throw unreadableModel(unknown.name, broken);
  const { names } = await readAskable(session);
  const hint =
    unknown.suggestion === null
      ? `models here: ${names.join(', ') || 'none'}`
      : `did you mean "${unknown.suggestion}"?`;
  throw new CrosstalkError(
    'MESSAGE_REJECTED',
    `"${unknown.name}" is neither a model of this transport or of a host, nor a person who has written here; ${hint}`,
    {
      fix: withNote(
        fixBy`crosstalkd send --to ${unknown.suggestion ?? 'MODEL'} -m TEXT`,
        '--force writes to somebody new',
      ),
    },
  );
}

/** It may stand there: in an entry that is wrong, or in a file that cannot be read as a whole. */
function unreadableModel(asked: string, { name, line, found, expected }: ModelProblem): Error {
  const what = name === null ? `no model "${asked}" is known, and` : `"${asked}" cannot be used:`;
  return new CrosstalkError(
    'MESSAGE_REJECTED',
    `${what} ${MODELS_FILE} line ${String(line)} is wrong: found ${found}; expected ${expected}`,
    { fix: fixBy`crosstalkd lint ${MODELS_FILE}` },
  );
}

/** True when nobody needs to be found, or `as:` names a file at the tip. */
export async function isPersona(session: TransportSession, as: string | null): Promise<boolean> {
  if (as === null) return true;
  const entries = await session.repository.lookUp(tipOf(session), personaPaths(as));
  return entries.some((entry) => entry?.kind === 'file');
}

/** Throws MESSAGE_REJECTED for a persona that is not there: an agent would answer as itself. */
export async function refuseStranger(session: TransportSession, as: string | null): Promise<void> {
  if (as === null || (await isPersona(session, as))) return;
  throw new CrosstalkError('MESSAGE_REJECTED', noPersona(as), {
    fix: andThen(
      andThen(fixBy`git add ${personaPaths(as)[0] ?? as}`, fixBy`git commit`),
      fixBy`git push`,
    ),
  });
}

/**
 * What a person should know about addresses that are right: a host that never showed itself, or
 * none that did.
 */
export function warnAboutHosts(
  session: TransportSession,
  to: readonly Address[],
): readonly string[] {
  const hosts = new Set(
    [...session.listing.refs.keys()].flatMap((ref) =>
      ref.startsWith(session.refs.hosts)
        ? (parseBeatName(ref.slice(session.refs.hosts.length))?.alias ?? [])
        : [],
    ),
  );
  return to
    .filter(({ host }) => host !== null && !hosts.has(host))
    .map(
      (address) =>
        `no host "${address.host ?? ''}" has been seen${nearest(address.host ?? '', hosts)}; ${formatAddress(address)} waits for it: crosstalkd hosts`,
    );
}

function nearest(name: string, known: ReadonlySet<string>): string {
  const near = suggestName(name, known);
  return near === null ? '' : ` (did you mean "${near}"?)`;
}
