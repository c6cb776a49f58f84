// Remotes of a given size, made by one `git fast-import`: answered messages in dated folders, as
// the product itself lays them out.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { ulid } from 'ulid';
import { newMessagePath, replyPath } from '../../build/protocol/paths.js';

const DAY_MS = 24 * 3_600_000;
const CHANNELS = ['general', 'reviews', 'research', 'support'];
const MESSAGES_A_DAY = 100;
/**
 * Messages of one commit: a history as long as the conversation is many commits, but not one for
 * each line that was ever said.
 */
const MESSAGES_A_COMMIT = 10;
/** How much of the stream is handed over at once. */
const CHUNK_BYTES = 1 << 20;

export const MODELS_TEXT =
  'models:\n  echo: { adapter: command, command: [cat], effects: none, concurrency: 64 }\n';

/**
 * A bare repository in which `count` messages were asked and answered (so `2 * count` files). Made
 * once for each size.
 */
export async function makeRemote(place, count) {
  const path = join(place, `messages-${count}.git`);
  if (existsSync(path)) return path;
  const making = `${path}.making`;
  mkdirSync(making, { recursive: true });
  git(making, ['init', '--quiet', '--bare', '--initial-branch=main']);
  git(making, ['config', 'gc.auto', '0']);
  git(making, ['config', 'receive.autogc', 'false']);
  await importHistory(making, count);
  renameSync(making, path);
  return path;
}

/** Its own remote for a test that writes: objects are shared with the one it is made from. */
export function copyRemote(from, to) {
  const { status, stderr } = spawnSync('git', ['clone', '--quiet', '--bare', '--local', from, to], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`git clone: ${stderr}`);
  for (const setting of [
    ['gc.auto', '0'],
    ['receive.autogc', 'false'],
  ])
    git(to, ['config', ...setting]);
  return to;
}

/** The text that one git command prints. */
export function git(gitDir, args, input) {
  const { status, stdout, stderr } = spawnSync('git', [`--git-dir=${gitDir}`, ...args], {
    encoding: 'utf8',
    input,
    maxBuffer: 1 << 30,
  });
  if (status !== 0) throw new Error(`git ${args[0]}: ${stderr}`);
  return stdout.trim();
}

/** A message to `echo` as a person would write it. */
export function messageText(n, atMs) {
  return `---\nto: echo\nfrom: maintainer\ntimestamp: "${new Date(atMs).toISOString()}"\n---\nQuestion ${n}: what does it cost to ask?\n`;
}

function replyText(path, n, atMs) {
  const time = new Date(atMs).toISOString();
  return `---\nfrom: echo\nto: maintainer\nre: ${path}\ntimestamp: "${time}"\nmodel: echo\nhost: bench\nattempt: 1\nduration_ms: 12\n---\nQuestion ${n}: what does it cost to ask?\n`;
}

async function importHistory(gitDir, count) {
  const child = spawn('git', [`--git-dir=${gitDir}`, 'fast-import', '--quiet', '--done'], {
    stdio: ['pipe', 'inherit', 'inherit'],
  });
  const exited = once(child, 'exit');
  let waiting = [];
  let bytes = 0;
  const flush = async () => {
    const text = waiting.join('');
    waiting = [];
    bytes = 0;
    if (!child.stdin.write(text)) await once(child.stdin, 'drain');
  };
  for (const piece of historyOf(count)) {
    bytes += waiting.push(piece) && piece.length;
    if (bytes > CHUNK_BYTES) await flush();
  }
  await flush();
  child.stdin.end('done\n');
  const [code] = await exited;
  if (code !== 0) throw new Error(`git fast-import ended with ${code}`);
}

function* historyOf(count) {
  // The youngest is ten days old: everything is answered, and nothing is new to a host that joins.
  const lastMs = Date.now() - 10 * DAY_MS;
  const stepMs = DAY_MS / MESSAGES_A_DAY;
  const firstMs = lastMs - count * stepMs;
  yield commit(firstMs, 'Make the transport');
  yield file('CROSSTALK-VERSION', '7\n');
  yield file('data/models.yaml', MODELS_TEXT);
  for (let n = 0; n < count; n += 1) {
    const atMs = Math.floor(firstMs + n * stepMs);
    if (n % MESSAGES_A_COMMIT === 0) yield commit(atMs, `maintainer: question ${n}`);
    const path = newMessagePath(CHANNELS[n % CHANNELS.length], atMs, ulid(atMs));
    yield file(path, messageText(n, atMs));
    yield file(replyPath(path, 'echo'), replyText(path, n, atMs + 5_000));
  }
}

function commit(atMs, subject) {
  return `commit refs/heads/main\ncommitter Maintainer <maintainer@example.com> ${Math.floor(atMs / 1000)} +0000\ndata ${Buffer.byteLength(subject)}\n${subject}\n`;
}

function file(path, content) {
  return `M 100644 inline ${path}\ndata ${Buffer.byteLength(content)}\n${content}\n`;
}
