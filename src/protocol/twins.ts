/**
 * Files that are the same message: one id twice, by a copy or by case or normalisation of a name.
 */
import { decodeTime } from 'ulid';
import { by } from '../base/order.ts';
import { identityOf, type MessagePath, newMessagePath, parseMessagePath, ulidOf } from './paths.ts';

/** Where a dispatcher would have put a message with this id; null for names made by hand. */
export function canonicalPath(file: MessagePath): string | null {
  const ulid = ulidOf(file.stem);
  return ulid === null ? null : newMessagePath(file.channel, decodeTime(ulid), ulid);
}

/** A message at the place that its ULID names counts before any copy of it. */
export function isCanonical(path: string): boolean {
  const file = parseMessagePath(path);
  return file !== null && canonicalPath(file) === path;
}

/** What `isCanonical` says of a message, or of the one that a reply stands beside. */
export function standsCanonical(file: MessagePath): boolean {
  return canonicalPath(file) === (file.replyTo?.path ?? file.path);
}

/**
 * In a whole tree: each path whose identity another path has that counts: the one a dispatcher
 * would have chosen, else one that was answered, else the first. When several were answered, and a
 * dispatcher would have chosen none of them, nobody is asked any more: each is a twin of another
 * one. `paths`: what has a copy, and the replies to it, is enough; of one where a dispatcher would
 * have put it no reply.
 */
export function findTwins(paths: readonly string[]): ReadonlyMap<string, string> {
  const counting = new Map<string, string>();
  const rivals = new Map<string, string[]>();
  const answered = new Set<string>();
  const messages: MessagePath[] = [];
  for (const path of paths) {
    const file = parseMessagePath(path);
    if (file?.replyTo === null) messages.push(file);
    else if (file !== null) answered.add(file.replyTo.path);
  }
  messages.sort(by(({ path }) => path));
  const isAnswered = ({ path }: MessagePath): boolean => answered.has(path);
  for (const file of [
    ...messages.filter(isAnswered),
    ...messages.filter((message) => !isAnswered(message)),
  ]) {
    const { path } = file;
    const identity = `${file.channel}/${identityOf(file)}`;
    const before = counting.get(identity);
    const wins = before === undefined || canonicalPath(file) === path;
    if (wins) counting.set(identity, path);
    if (before === undefined) continue;
    const others = rivals.get(identity) ?? [];
    others.push(wins ? before : path);
    rivals.set(identity, others);
  }
  const twins = new Map<string, string>();
  for (const [identity, others] of rivals) {
    const counts = counting.get(identity) ?? '';
    for (const path of others) twins.set(path, counts);
    const answeredToo = isCanonical(counts) ? undefined : others.find((path) => answered.has(path));
    if (answeredToo !== undefined) twins.set(counts, answeredToo);
  }
  return twins;
}
