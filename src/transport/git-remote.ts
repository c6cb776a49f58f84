/** The three operations on the remote: list, fetch, push. */
import type { Oid } from '../base/ids.ts';
import { type Conversation, converse, parseRefs, type Way } from './conversation.ts';
import { findWay } from './find-way.ts';
import { checkRemoteUrl, isHttpUrl } from './git-environment.ts';
import { judgeFailure, lostItsFolder, NOT_GIT, vanishedIn, wantsNames } from './git-failure.ts';
import { fetchOverHttp } from './git-http-fetch.ts';
import { judgePush } from './judge-push.ts';
import type { Git, GitResult } from './git-runner.ts';
import { openUrl } from './remote-url.ts';
import type { ObjectFormat } from './loose-objects.ts';
import type { PushOutcome, Reached, RefListing, RefUpdate, RemoteFailure } from './repository.ts';
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
  /** Whether git has rewritten the addresses already. */
  readonly isExact: boolean;
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

/** What a look brings along. */
export interface Bringing {
  /** A commit that is in the cache with everything below it. */
  readonly have: Oid;
  /** What is wanted of what was listed. Called at most once. */
  readonly choose: (listing: RefListing) => Promise<readonly Oid[]>;
}

/** The remote repository. */
export interface GitRemote {
  listRefs(prefixes: readonly string[]): Promise<Reached<RefListing>>;
  /**
   * Lists refs, and brings what is wanted of them on the same connection. `hasBrought` is false
   * also when it could not be brought so: `fetch` then says why.
   */
  look(
    prefixes: readonly string[],
    bringing: Bringing,
  ): Promise<Reached<RefListing & { readonly hasBrought: boolean }>>;
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
  const listRefs: GitRemote['listRefs'] = async (prefixes) => {
    // A pattern also fits the end of other names, so the answer is looked through again.
    const patterns = [
      branchRef,
      ...prefixes.map((prefix) => (prefix.endsWith('/') ? `${prefix}*` : prefix)),
    ];
    const result = await git.run({
      args: ['ls-remote', '--refs', '--quiet', '--', url, ...patterns],
      network: true,
    });
    const isEmpty = succeeded(result) && result.stdout.length === 0;
    const greeted = isEmpty ? await greet(options) : null;
    if (greeted?.kind === 'unreachable') return greeted;
    if (!succeeded(result)) return { kind: 'unreachable', failure: judgeFailure(result) };
    const refs = parseRefs(result.stdout.toString('utf8').split('\n'), '\t');
    return { kind: 'reached', value: pickRefs(refs, branchRef, prefixes) };
  };
  return {
    listRefs,
    look: createLook(options, { listRefs, resolve: () => (fetchUrl ??= resolveUrl(options)) }),
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

function succeeded({ ended, code }: GitResult): boolean {
  return ended === 'exited' && code === 0;
}

const A_PACKET = /\bpacket: +\S+< /;

/**
 * What the remote says of itself before it says anything else. git takes any page of one line, such
 * as that of a network that wants a login, for an old server without a single ref: its branches
 * would seem to be gone. Here it is unreachable, as `not-git`.
 */
export async function greet({
  git,
  url,
  branchRef,
}: Pick<RemoteOptions, 'git' | 'url' | 'branchRef'>): Promise<Reached<string>> {
  // Asked for one ref: with many the listing would push its greeting out of what is kept.
  const result = await git.run({
    args: ['ls-remote', '--refs', '--', url, branchRef],
    network: true,
    // git tells each packet that it gets.
    env: { GIT_TRACE_PACKET: '2' },
  });
  if (!succeeded(result)) return { kind: 'unreachable', failure: judgeFailure(result) };
  if (result.stdout.length > 0 || A_PACKET.test(result.stderr))
    return { kind: 'reached', value: result.stderr };
  return { kind: 'unreachable', failure: { reason: 'not-git', line: NOT_GIT } };
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
      why: 'it does not allow filters (on a server of your own: git config uploadpack.allowFilter true)',
    };
  return { kind: 'able' };
}

/** Of refs that were listed, those that were asked for. */
function pickRefs(
  listed: ReadonlyMap<string, Oid>,
  branchRef: string,
  prefixes: readonly string[],
): RefListing {
  const refs = [...listed].filter(([name]) =>
    prefixes.some((prefix) => (prefix.endsWith('/') ? name.startsWith(prefix) : name === prefix)),
  );
  return { tip: listed.get(branchRef) ?? null, refs: new Map(refs) };
}

/** What git would say as well; and a remote that takes no more calls would hear one more. */
const OF_THE_LINE: ReadonlySet<RemoteFailure['reason']> = new Set([
  ...(['dns', 'refused', 'timeout', 'silent', 'limited', 'host-key'] as const),
  ...(['certificate', 'unavailable'] as const),
]);

/**
 * A look by a connection of our own. Until one has come about, git's own command has the last word:
 * the way may be one that only git knows.
 */
function createLook(
  { git, clock, branchRef }: RemoteOptions,
  by: { readonly listRefs: GitRemote['listRefs']; readonly resolve: () => Promise<string> },
): GitRemote['look'] {
  let way: Promise<Way | null> | null = null;
  let isProved = false;
  return async (prefixes, { have, choose }) => {
    way ??= by.resolve().then((url) => findWay(git, url));
    const found = await way;
    const pick = (refs: ReadonlyMap<string, Oid>): RefListing =>
      pickRefs(refs, branchRef, prefixes);
    const said: Conversation =
      found === null
        ? { kind: 'cannot' }
        : await converse({ git, clock }, found, {
            prefixes: [branchRef, ...prefixes],
            have,
            choose: (refs) => choose(pick(refs)),
          });
    if (said.kind === 'listed') {
      isProved = true;
      return { kind: 'reached', value: { ...pick(said.refs), hasBrought: said.brought } };
    }
    const failure = said.kind === 'failed' ? judgeFailure(said.result) : null;
    if (failure !== null && (isProved || OF_THE_LINE.has(failure.reason)))
      return { kind: 'unreachable', failure };
    const listed = await by.listRefs(prefixes);
    if (listed.kind === 'unreachable') return listed;
    // What has worked will work again: a page of the network stood between, or the server changes.
    if (!isProved) way = Promise.resolve(null);
    return { kind: 'reached', value: { ...listed.value, hasBrought: false } };
  };
}

/**
 * The URL with the user's `insteadOf` applied: fetch-pack and the http helper do not do it
 * themselves.
 */
async function resolveUrl({ git, url, allowHttp, isExact }: RemoteOptions): Promise<string> {
  if (isExact) return url;
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
        ? parseRefs(result.stdout.toString('utf8').split('\n'), ' ')
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
  // fetch-pack knows no `--`; it takes no option after the URL, and a checked URL is not one.
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
