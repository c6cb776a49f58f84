/** The three conversations with the remote: list, fetch, push. */
import { parseOid, type Oid } from '../base/ids.ts';
import { checkRemoteUrl, isHttpUrl } from './git-environment.ts';
import { judgeFailure, judgePush, lostItsFolder, vanishedIn, wantsNames } from './git-failure.ts';
import { fetchOverHttp } from './git-http-fetch.ts';
import type { Git, GitResult } from './git-runner.ts';
import type { ObjectFormat } from './loose-objects.ts';
import type { PushOutcome, Reached, RefListing, RefUpdate } from './repository.ts';
import type { Clock } from '../base/clock.ts';

/** The remote of one transport. */
export interface RemoteOptions {
  readonly git: Git;
  readonly clock: Clock;
  readonly url: string;
  /** Full name, `refs/heads/…`. */
  readonly branchRef: string;
  readonly allowHttp: boolean;
}

/** What is to be brought: object ids by the ref that each stands at. */
export type Wanted = ReadonlyMap<string, Oid>;

/** The remote repository. */
export interface GitRemote {
  listRefs(prefixes: readonly string[]): Promise<Reached<RefListing>>;
  /** Brings what is still there of `wanted` into the cache, and tells what came: by name a server gives what stands there by then. */
  fetch(wanted: Wanted): Promise<Reached<Wanted>>;
  push(updates: readonly RefUpdate[], atomic: boolean): Promise<PushOutcome>;
  /** The format of the remote's ids, also of one that has no refs yet. */
  probeFormat(): Promise<Reached<ObjectFormat>>;
}

/** A way to talk to one remote. */
export function createGitRemote(options: RemoteOptions): GitRemote {
  const { git, url, branchRef } = options;
  let fetchUrl: Promise<string> | null = null;
  return {
    listRefs: async (prefixes) => {
      // A pattern also fits the end of other names, so the answer is looked through again.
      const patterns = [branchRef, ...prefixes.map((prefix) => (prefix.endsWith('/') ? `${prefix}*` : prefix))];
      const result = await git.run({ args: ['ls-remote', '--refs', '--quiet', '--', url, ...patterns], network: true });
      if (result.ended !== 'exited' || result.code !== 0) return { kind: 'unreachable', failure: judgeFailure(result) };
      return { kind: 'reached', value: parseListing(result.stdout.toString('utf8'), branchRef, prefixes) };
    },
    fetch: async (wanted) => {
      fetchUrl ??= resolveUrl(options);
      return fetchAll({ ...options, url: await fetchUrl }, wanted);
    },
    push: async (updates, atomic) => {
      const leases = updates.map(({ ref, expected }) => `--force-with-lease=${ref}:${expected ?? ''}`);
      const moves = updates.map(({ ref, next }) => `${next ?? ''}:${ref}`);
      const flags = ['--porcelain', '--progress', '--no-verify', ...(atomic ? ['--atomic'] : [])];
      const result = await git.run({ args: ['push', ...flags, ...leases, '--', url, ...moves], network: true });
      return judgePush(result, updates);
    },
    probeFormat: async () => {
      const result = await git.run({ args: ['ls-remote', '--refs', '--', url], network: true, env: { GIT_TRACE_PACKET: '2' } });
      if (result.ended !== 'exited' || result.code !== 0) return { kind: 'unreachable', failure: judgeFailure(result) };
      return { kind: 'reached', value: /object-format=sha256/.test(result.stderr) ? 'sha256' : 'sha1' };
    },
  };
}

function parseListing(text: string, branchRef: string, prefixes: readonly string[]): RefListing {
  let tip: Oid | null = null;
  const refs = new Map<string, Oid>();
  for (const line of text.split('\n')) {
    const tab = line.indexOf('\t');
    const oid = tab < 0 ? null : parseOid(line.slice(0, tab));
    if (oid === null) continue;
    const name = line.slice(tab + 1);
    if (name === branchRef) tip = oid;
    if (prefixes.some((prefix) => (prefix.endsWith('/') ? name.startsWith(prefix) : name === prefix))) refs.set(name, oid);
  }
  return { tip, refs };
}

/** The URL with the user's `insteadOf` applied: fetch-pack and the http helper do not do it themselves. */
async function resolveUrl({ git, url, allowHttp }: RemoteOptions): Promise<string> {
  const result = await git.run({ args: ['ls-remote', '--get-url', '--', url] });
  return checkRemoteUrl(result.code === 0 ? result.stdout.toString('utf8').trim() : url, allowHttp);
}

/** Times that a fetch is begun again because the cache was packed meanwhile. */
const FOLDER_TRIES = 3;

type Ask = 'by-id' | 'by-name';

async function fetchAll(options: RemoteOptions, wanted: Wanted): Promise<Reached<Wanted>> {
  const left = new Map(wanted);
  let named: Wanted | null = null;
  let triesLeft = FOLDER_TRIES;
  let ask: Ask = 'by-id';
  // Each round that fails in an expected way takes one away or changes the way of asking, so it ends.
  while (left.size > 0) {
    const result = await transfer(options, left, ask);
    named = ask === 'by-name' && !isHttpUrl(options.url) ? parseNamed(result.stdout.toString('utf8')) : null;
    if (result.ended === 'exited' && (result.code === 0 || (ask === 'by-name' && /no such remote ref/.test(result.stderr)))) break;
    const vanished = vanishedIn(result);
    const name = [...left].find(([ref, oid]) => ref === vanished || oid === vanished)?.[0];
    if (name !== undefined) left.delete(name);
    else if (ask === 'by-id' && wantsNames(result)) ask = 'by-name';
    else if (triesLeft > 0 && lostItsFolder(result)) triesLeft -= 1;
    else return { kind: 'unreachable', failure: judgeFailure(result) };
  }
  return { kind: 'reached', value: named ?? left };
}

/** What fetch-pack says of what it brought by name: `<id> <name>` a line. */
function parseNamed(text: string): Wanted {
  const named = new Map<string, Oid>();
  for (const [id = '', name = ''] of text.split('\n').map((line) => line.split(' '))) {
    const oid = parseOid(id);
    if (oid !== null) named.set(name, oid);
  }
  return named;
}

/**
 * `fetch-pack` instead of `fetch`: it does not walk the whole tree of the tip to prove that it is connected (1.9 s at 1,000,000 files; this
 * takes 22 ms). What it brings is kept by the ref that the caller moves afterwards.
 */
async function transfer(options: RemoteOptions, wanted: Wanted, ask: Ask): Promise<GitResult> {
  const lines = [...wanted].map(([ref, oid]) => (ask === 'by-id' ? oid : ref));
  // fetch-pack knows no `--`; it takes no option after the URL, and a checked URL is none.
  if (!isHttpUrl(options.url))
    return options.git.run({
      args: ['fetch-pack', '--thin', '--lock-pack', '--stdin', options.url],
      stdin: `${lines.join('\n')}\n`,
      network: true,
    });
  const direct = ask === 'by-id' ? await fetchOverHttp(options, lines) : null;
  return direct ?? fetchByPorcelain(options, wanted);
}

/** For servers without protocol version 2, where fetch-pack cannot be used over http. */
async function fetchByPorcelain({ git, url }: RemoteOptions, wanted: Wanted): Promise<GitResult> {
  const flags = ['--no-tags', '--no-recurse-submodules', '--no-write-fetch-head', '--no-auto-maintenance', '--progress'];
  // Into no ref: its lock would be in the way of another process, or stay when this one is killed.
  return git.run({ args: ['fetch', ...flags, '--', url, ...wanted.keys()], network: true });
}
