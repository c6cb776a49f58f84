/** The three operations on the remote: list, fetch, push. */
import { parseOid, type Oid } from '../base/ids.ts';
import { checkRemoteUrl, isHttpUrl } from './git-environment.ts';
import { judgeFailure, lostItsFolder, vanishedIn, wantsNames } from './git-failure.ts';
import { fetchOverHttp } from './git-http-fetch.ts';
import { judgePush } from './judge-push.ts';
import type { Git, GitResult } from './git-runner.ts';
import { openUrl } from './remote-url.ts';
import type { ObjectFormat } from './loose-objects.ts';
import type { PushOutcome, Reached, RefListing, RefUpdate } from './repository.ts';
import type { Clock } from '../base/clock.ts';

/** The remote of one transport. */
export interface RemoteOptions {
  readonly git: Git;
  readonly clock: Clock;
  readonly url: string;
  /** Where pushes go. */
  readonly pushUrl: string;
  /** Full name, `refs/heads/…`. */
  readonly branchRef: string;
  readonly allowHttp: boolean;
}

/** What is to be brought: object ids by the ref that each stands at. */
export type Wanted = ReadonlyMap<string, Oid>;

/** Whether the remote can leave contents out and give them one by one later; and if not, why. */
export type Filtering =
  { readonly kind: 'able' } | { readonly kind: 'unable'; readonly why: string };

/** What a fetch is to leave out, and what the cache lacks already. */
export interface FetchHow {
  /** Contents of files are left out. */
  readonly bare: boolean;
  /**
   * The cache lacks contents, so a pack that builds on what it should have may build on one of
   * them.
   */
  readonly partial: boolean;
}

/** The remote repository. */
export interface GitRemote {
  listRefs(prefixes: readonly string[]): Promise<Reached<RefListing>>;
  /**
   * Brings what is still there of `wanted` into the cache, and tells what came: by name a server
   * gives what stands there by then.
   */
  fetch(wanted: Wanted, how: FetchHow): Promise<Reached<Wanted>>;
  /** Brings what is still there of these blobs into the cache, in one conversation. */
  fetchBlobs(blobs: readonly Oid[]): Promise<Reached<Wanted>>;
  probeFilter(): Promise<Reached<Filtering>>;
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
      const patterns = [
        branchRef,
        ...prefixes.map((prefix) => (prefix.endsWith('/') ? `${prefix}*` : prefix)),
      ];
      const result = await git.run({
        args: ['ls-remote', '--refs', '--quiet', '--', url, ...patterns],
        network: true,
      });
      if (result.ended !== 'exited' || result.code !== 0)
        return { kind: 'unreachable', failure: judgeFailure(result) };
      return {
        kind: 'reached',
        value: parseListing(result.stdout.toString('utf8'), branchRef, prefixes),
      };
    },
    fetch: async (wanted, { bare, partial }) => {
      fetchUrl ??= resolveUrl(options);
      const pack: PackKind = { thin: true, bare, haves: true };
      return fetchAll({ ...options, url: await fetchUrl }, { wanted, pack, mayLackBases: partial });
    },
    fetchBlobs: async (blobs) => {
      fetchUrl ??= resolveUrl(options);
      // What we have is not told: with that the remote would leave out everything that belongs to
      // it, and so the very blobs that are asked for.
      const pack: PackKind = { thin: false, bare: false, haves: false };
      return fetchAll(
        { ...options, url: await fetchUrl },
        { wanted: new Map(blobs.map((oid) => [oid, oid])), pack, mayLackBases: false },
      );
    },
    push: async (updates, atomic) => {
      const leases = updates.map(
        ({ ref, expected }) => `--force-with-lease=${ref}:${expected ?? ''}`,
      );
      const moves = updates.map(({ ref, next }) => `${next ?? ''}:${ref}`);
      const flags = [
        '--porcelain',
        '--progress',
        '--no-verify',
        ...(atomic ? ['--atomic'] : []),
        ...(isOfWorkTree(url) ? [`--receive-pack=${RECEIVE}`] : []),
      ];
      const result = await git.run({
        args: ['push', ...flags, ...leases, '--', options.pushUrl, ...moves],
        network: true,
      });
      return judgePush(result, updates);
    },
    probeFormat: async () => {
      const said = await greet(options);
      return said.kind === 'unreachable'
        ? said
        : { kind: 'reached', value: /object-format=sha256/.test(said.value) ? 'sha256' : 'sha1' };
    },
    probeFilter: async () => {
      const said = await greet(options);
      return said.kind === 'unreachable'
        ? said
        : { kind: 'reached', value: judgeFiltering(said.value) };
    },
  };
}

/** A repository on this machine that somebody works in: a transport without any remote. */
function isOfWorkTree(url: string): boolean {
  return url.startsWith('/') && url.endsWith('/.git');
}

/**
 * The branch that is checked out there moves with its files, and not when they have changes that
 * are in no commit.
 */
const RECEIVE = 'git -c receive.denyCurrentBranch=updateInstead receive-pack';

/** What the remote says of itself before it says anything else. */
async function greet({ git, url, branchRef }: RemoteOptions): Promise<Reached<string>> {
  // Asked for one ref: with many the listing would push its greeting out of what is kept.
  const result = await git.run({
    args: ['ls-remote', '--refs', '--', url, branchRef],
    network: true,
    env: { GIT_TRACE_PACKET: '2' },
  });
  if (result.ended !== 'exited' || result.code !== 0)
    return { kind: 'unreachable', failure: judgeFailure(result) };
  return { kind: 'reached', value: result.stderr };
}

/**
 * Blobs can be asked for by their ids in version 2 of the protocol only; before it a remote has to
 * allow that, and most do not.
 */
function judgeFiltering(greeting: string): Filtering {
  if (!/< version 2$/m.test(greeting))
    return { kind: 'unable', why: 'it speaks an older protocol than version 2' };
  const fetches = greeting.split('\n').filter((line) => line.includes('< fetch='));
  if (!fetches.some((line) => /\bfilter\b/.test(line)))
    return {
      kind: 'unable',
      why: 'it allows no filters (on a server of your own: git config uploadpack.allowFilter true)',
    };
  return { kind: 'able' };
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
    if (
      prefixes.some((prefix) => (prefix.endsWith('/') ? name.startsWith(prefix) : name === prefix))
    )
      refs.set(name, oid);
  }
  return { tip, refs };
}

/**
 * The URL with the user's `insteadOf` applied: fetch-pack and the http helper do not do it
 * themselves.
 */
async function resolveUrl({ git, url, allowHttp }: RemoteOptions): Promise<string> {
  const result = await git.run({ args: ['ls-remote', '--get-url', '--', url] });
  const resolved = openUrl(result.code === 0 ? result.stdout.toString('utf8').trim() : url);
  git.grant(resolved.access);
  return checkRemoteUrl(resolved.url, allowHttp);
}

/** Times that a fetch is begun again because the cache was packed meanwhile. */
const FOLDER_TRIES = 3;

type Ask = 'by-id' | 'by-name';

/**
 * How packs are asked for: against what we have (`haves`), with deltas on it (`thin`), without
 * contents of files (`bare`).
 */
export interface PackKind {
  readonly thin: boolean;
  readonly bare: boolean;
  readonly haves: boolean;
}

interface Order {
  readonly wanted: Wanted;
  readonly pack: PackKind;
  /** A delta may build on a blob that was left out: then the same is asked for without deltas. */
  readonly mayLackBases: boolean;
}

async function fetchAll(options: RemoteOptions, order: Order): Promise<Reached<Wanted>> {
  const left = new Map(order.wanted);
  let named: Wanted | null = null;
  let triesLeft = FOLDER_TRIES;
  let ask: Ask = 'by-id';
  let { pack } = order;
  // Each round that fails in an expected way takes one away or changes the way of asking, so it
  // ends.
  while (left.size > 0) {
    const result = await transfer(options, { wanted: left, pack, ask });
    named =
      ask === 'by-name' && !isHttpUrl(options.url)
        ? parseNamed(result.stdout.toString('utf8'))
        : null;
    if (
      result.ended === 'exited' &&
      (result.code === 0 || (ask === 'by-name' && /no such remote ref/.test(result.stderr)))
    )
      break;
    const vanished = vanishedIn(result);
    const name = [...left].find(([ref, oid]) => ref === vanished || oid === vanished)?.[0];
    if (name !== undefined) left.delete(name);
    else if (order.mayLackBases && pack.thin && /unresolved delta/.test(result.stderr))
      pack = { ...pack, thin: false };
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
 * `fetch-pack` instead of `fetch`: it does not walk the whole tree of the tip to prove that it is
 * connected (1.9 s at 1,000,000 files; this takes 22 ms). What it brings is kept by the ref that
 * the caller moves afterwards.
 */
async function transfer(
  options: RemoteOptions,
  { wanted, pack, ask }: { readonly wanted: Wanted; readonly pack: PackKind; readonly ask: Ask },
): Promise<GitResult> {
  const lines = [...wanted].map(([ref, oid]) => (ask === 'by-id' ? oid : ref));
  const { before, flags } = packFlags(pack);
  // fetch-pack knows no `--`; it takes no option after the URL, and a checked URL is none.
  if (!isHttpUrl(options.url))
    return options.git.run({
      args: [...before, 'fetch-pack', ...flags, '--stdin', options.url],
      stdin: `${lines.join('\n')}\n`,
      network: true,
    });
  const direct =
    ask === 'by-id' ? await fetchOverHttp(options, { oids: lines, before, flags }) : null;
  // Without haves there is nothing that it could be asked by.
  return direct ?? (pack.haves ? fetchByPorcelain(options, wanted) : NO_BLOBS);
}

const NO_BLOBS: GitResult = {
  ended: 'exited',
  code: 128,
  stdout: Buffer.alloc(0),
  stderr:
    'fatal: the remote does not support protocol version 2 any more, which older contents need',
};

function packFlags({ thin, bare, haves }: PackKind): {
  readonly before: readonly string[];
  readonly flags: readonly string[];
} {
  return {
    before: haves ? [] : ['-c', 'fetch.negotiationAlgorithm=noop'],
    flags: ['--lock-pack', ...(thin ? ['--thin'] : []), ...(bare ? ['--filter=blob:none'] : [])],
  };
}

/** For servers without protocol version 2, where fetch-pack cannot be used over http. */
async function fetchByPorcelain({ git, url }: RemoteOptions, wanted: Wanted): Promise<GitResult> {
  const flags = [
    '--no-tags',
    '--no-recurse-submodules',
    '--no-write-fetch-head',
    '--no-auto-maintenance',
    '--progress',
  ];
  // Into no ref: its lock would be in the way of another process, or stay when this one is killed.
  return git.run({ args: ['fetch', ...flags, '--', url, ...wanted.keys()], network: true });
}
