/**
 * A fetch over http at the price of `fetch-pack`. git's own `fetch` is the only porcelain that
 * joins the http helper and fetch-pack, and it walks the whole tip afterwards; so the two are
 * joined here, by the `stateless-connect` of gitremote-helpers(7).
 */
import type { Clock } from '../base/clock.ts';
import { watchLimit, type Git, type GitProcess, type GitResult } from './git-runner.ts';
import { FLUSH, toPacket } from './packet-line.ts';

/** Which objects, and how fetch-pack asks for them: `before` its name and `flags` after it. */
export interface HttpOrder {
  readonly oids: readonly string[];
  readonly before: readonly string[];
  readonly flags: readonly string[];
}

/**
 * Brings objects by id; null when the server has no protocol version 2, so that another way must be
 * taken.
 */
export async function fetchOverHttp(
  { git, clock, url }: { readonly git: Git; readonly clock: Clock; readonly url: string },
  order: HttpOrder,
): Promise<GitResult | null> {
  const helper = startHttpHelper(git, url);
  let timedOut = false;
  const { networkMs: limitMs, hurried } = git;
  watchLimit(helper, { clock, limitMs, idle: true, hurried }, () => {
    timedOut = true;
    helper.kill();
  });
  helper.stdin.write(CONNECT_HTTP);
  const answer = await firstChunk(helper);
  if (answer === null) {
    helper.kill();
    return resultOf(await helper.ended, { helper, timedOut });
  }
  if (answer[0] !== 0x0a) {
    helper.stdin.end();
    await helper.ended;
    return null;
  }
  const ended = await joinFetchPack(git, helper, { url, order, said: answer.subarray(1) });
  return resultOf(ended.end, { helper, fetchPack: ended.fetchPack, timedOut });
}

/** Asks the helper to be nothing but a connection, in version 2 of the protocol. */
export const CONNECT_HTTP = 'stateless-connect git-upload-pack\n';

/** git's own program for http, which also takes passwords from where git has them. */
export function startHttpHelper(git: Git, url: string): GitProcess {
  const name = url.startsWith('https:') ? 'remote-https' : 'remote-http';
  return git.start({ args: [name, url, url], network: true });
}

type End = Awaited<GitProcess['ended']>;

async function joinFetchPack(
  git: Git,
  helper: GitProcess,
  { url, order, said }: { readonly url: string; readonly order: HttpOrder; readonly said: Buffer },
): Promise<{ readonly end: End; readonly fetchPack: GitProcess }> {
  const { oids, before, flags } = order;
  const fetchPack = git.start({
    args: [...before, 'fetch-pack', '--stateless-rpc', ...flags, '--stdin', url],
    network: true,
  });
  // Here the ids are packets before those of the conversation, and no arguments: there may be more
  // of them than a command line takes.
  fetchPack.stdin.write(`${oids.map((oid) => toPacket(`${oid}\n`)).join('')}${FLUSH}`);
  // Whichever goes first takes the other along.
  void helper.ended.then(() => fetchPack.stdin.end());
  if (said.length > 0) fetchPack.stdin.write(said);
  helper.stdout.pipe(fetchPack.stdin);
  fetchPack.stdout.pipe(helper.stdin);
  const end = await fetchPack.ended;
  helper.stdin.end();
  helper.stdout.resume();
  await helper.ended;
  return { end, fetchPack };
}

function resultOf(
  { code, started }: End,
  {
    helper,
    fetchPack,
    timedOut,
  }: { readonly helper: GitProcess; readonly fetchPack?: GitProcess; readonly timedOut: boolean },
): GitResult {
  const stderr = `${helper.stderr()}\n${fetchPack?.stderr() ?? ''}`;
  return {
    ended: timedOut ? 'timeout' : started ? 'exited' : 'not-started',
    code: code ?? 128,
    stdout: Buffer.alloc(0),
    stderr,
  };
}

/** The helper's first words; null when it ends without any. */
async function firstChunk(process: GitProcess): Promise<Buffer | null> {
  return new Promise((resolve) => {
    const onData = (chunk: Buffer): void => {
      process.stdout.pause();
      resolve(chunk);
    };
    process.stdout.once('data', onData);
    void process.ended.then(() => resolve(null));
  });
}
