/** Files that are one message: the same id twice, by a copy or by the case or normalisation of a name. */
import { decodeTime } from 'ulid';
import { by } from '../base/order.ts';
import { identityOf, type MessagePath, newMessagePath, parseMessagePath, ulidOf } from './paths.ts';

/** Where a dispatcher would have put a message with this id; null for names made by hand. */
export function canonicalPath(file: MessagePath): string | null {
  const ulid = ulidOf(file.stem);
  return ulid === null ? null : newMessagePath(file.channel, decodeTime(ulid), ulid);
}

/** In a whole tree: each path whose identity another path has that counts: the one a dispatcher would have chosen, else one that was answered, else the first. */
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
  for (const file of [...messages.filter(isAnswered), ...messages.filter((message) => !isAnswered(message))]) {
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
  return new Map([...rivals].flatMap(([identity, paths]) => paths.map((path) => [path, counting.get(identity) ?? path] as const)));
}
