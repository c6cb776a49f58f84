/**
 * What is said of a word that names no message, run, model or host: a file that stands where no
 * message is read, one that was never sent, or a slip.
 */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { andThen, type Fix, fixBy, orElse, withNote } from '../../base/fix.ts';
import { parseAddress, suggestName } from '../../protocol/address.ts';
import { asksSomebody, LOOKED_AT_BYTES } from '../../protocol/misplaced.ts';
import { channelOf, isAttachment, isPage, messageId, workflowFile } from '../../protocol/paths.ts';
import type { Invocation } from '../command.ts';
import { hostsKnown } from './host-opinions.ts';
import type { Surroundings } from './look-around.ts';
import { listAll } from './read-conversation.ts';
import { matchId } from './resolve-id.ts';
import { findUnsent } from './unsent.ts';

interface Absence {
  readonly says: string;
  readonly fix: Fix;
}

/** Why it is not found, and what to do instead. */
export async function explainAbsence(
  invocation: Invocation,
  around: Surroundings,
  asked: string,
): Promise<Absence> {
  return (
    (await findPushedFile(around, asked)) ??
    (await findUnsentFile(invocation, around, asked)) ??
    (await guessMeant(around, asked))
  );
}

async function findPushedFile(around: Surroundings, asked: string): Promise<Absence | null> {
  const saved = /^data\/workflows\/([^/]+)\.md$/.exec(asked)?.[1] ?? asked;
  if ((await findPushed(around, workflowFile(saved))) !== null)
    return {
      says: `"${saved}" is a saved workflow: why explains its runs`,
      fix: orElse(fixBy`crosstalkd workflow check ${saved}`, fixBy`crosstalkd workflow list`),
    };
  const pushed = await findPushed(around, asked);
  return pushed === null
    ? null
    : {
        says: `${pushed} is in the transport and is not a message: ${await whyNone(around, pushed)}`,
        fix: fixBy`crosstalkd lint ${pushed}`,
      };
}

async function findUnsentFile(
  { cwd }: Invocation,
  { session }: Surroundings,
  asked: string,
): Promise<Absence | null> {
  const { clone } = session.located;
  const places = [resolve(cwd, asked), ...(clone === null ? [] : [join(clone, asked)])];
  const unsent = await findUnsent(session);
  const draft = places.some((path) => existsSync(path))
    ? asked
    : unsent?.files.find((path) => messageId(path) === asked);
  if (draft !== undefined)
    return {
      says: `${draft} is on this disk and not in the transport: it was never sent`,
      fix: fixBy`crosstalkd send ${draft}`,
    };
  return unsent === null || unsent.commits === 0
    ? null
    : {
        says: `"${asked}" is not in the transport, and this clone has commits that were never pushed`,
        fix: andThen(fixBy`git pull --rebase`, fixBy`git push`),
      };
}

async function guessMeant(around: Surroundings, asked: string): Promise<Absence> {
  const files = await listAll(around.session);
  if (files.some(({ channel }) => channel === asked))
    return {
      says: `"${asked}" is a channel; why explains its messages`,
      fix: withNote(fixBy`crosstalkd log ${asked}`, 'then: crosstalkd why ID'),
    };
  const host = parseAddress(asked)?.host ?? null;
  const hosts = hostsKnown(around);
  if (host !== null && !hosts.has(host)) {
    const meant = suggestName(host, hosts);
    return {
      says: `no host "${host}" has been seen${meant === null ? '' : ` (did you mean "${meant}"?)`}`,
      fix: fixBy`crosstalkd hosts`,
    };
  }
  const near = suggestName(asked, [
    ...around.index.models,
    ...around.hosts.map(({ alias }) => alias),
    ...files.map(({ stem }) => stem),
  ]);
  const [first] = near === null ? [] : matchId(files, near);
  const hint =
    near === null ? '' : `; did you mean "${first === undefined ? near : messageId(first.path)}"?`;
  return {
    says: `"${asked}" is not a message, run, model or host of this transport${hint}`,
    fix: orElse(fixBy`crosstalkd log`, fixBy`crosstalkd status`),
  };
}

/** The path of a file of the transport that is not a message, as it was asked for; null: none. */
async function findPushed({ session, index }: Surroundings, asked: string): Promise<string | null> {
  const path = asked.replace(/^\.\//, '');
  if (index.tip === null) return null;
  const [entry] = await session.repository.lookUp(index.tip, [path]);
  return entry?.kind === 'file' ? path : null;
}

/** Of a file that may begin as a message does, and stands where none is read. */
async function whyNone({ session, index }: Surroundings, path: string): Promise<string> {
  const [entry] = index.tip === null ? [] : await session.repository.lookUp(index.tip, [path]);
  const [blob] =
    entry?.kind === 'file' ? await session.repository.readBlobs([entry.oid], LOOKED_AT_BYTES) : [];
  if (blob?.kind !== 'bytes' || !asksSomebody(blob.bytes)) return 'nothing in it asks anybody';
  const name = path.slice(path.lastIndexOf('/') + 1);
  if (isAttachment(path)) return 'files in a folder ".files" belong to a message';
  if (isPage(name)) return `what is called "${name}" describes a folder`;
  return channelOf(path) === null
    ? `${path.slice(0, path.lastIndexOf('/'))} holds no messages`
    : `nothing that is called "${name}" is read as one`;
}
