// A person who writes straight into a remote on this disk: what a host sees of it is the same as
// after any push.
import { ulid } from 'ulid';
import { newMessagePath, replyPath } from '../../build/protocol/paths.js';
import { git, messageText } from './repository.mjs';

/** Adds `count` messages to `echo` in commits of ten; gives their paths and the new tip. */
export function ask(remotePath, count = 1) {
  const paths = [];
  const pieces = [];
  for (let n = 0; n < count; n += 1) {
    const nowMs = Date.now();
    if (n % 10 === 0)
      pieces.push(
        `commit refs/heads/main\ncommitter Maintainer <maintainer@example.com> ${Math.floor(nowMs / 1000)} +0000\ndata 3\nask\n`,
        n === 0 ? 'from refs/heads/main^0\n' : '',
      );
    const path = newMessagePath('general', nowMs, ulid(nowMs));
    const text = messageText(n, nowMs);
    pieces.push(`M 100644 inline ${path}\ndata ${Buffer.byteLength(text)}\n${text}\n`);
    paths.push(path);
  }
  git(remotePath, ['fast-import', '--quiet'], pieces.join(''));
  return { paths, tip: tipOf(remotePath) };
}

export function tipOf(remotePath) {
  return git(remotePath, ['rev-parse', 'refs/heads/main']);
}

/** Of these messages, how many have no reply on the branch. */
export function unanswered(remotePath, paths) {
  const standing = new Set(
    git(remotePath, [
      'ls-tree',
      '-r',
      '--name-only',
      'refs/heads/main',
      'data/channels/general/',
    ]).split('\n'),
  );
  return paths.filter((path) => !standing.has(replyPath(path, 'echo'))).length;
}
