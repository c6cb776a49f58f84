/**
 * The Repository door in memory, for simulation: one remote, any number of hosts, each with a cache
 * of its own. The remote decides each push in one synchronous step, so whatever order the
 * simulation gives the steps, a lease means what it means on a server. Object ids come from content
 * alone: the same run gives the same ids.
 */
import { createHash } from 'node:crypto';
import { CrosstalkError } from '../../src/base/errors.ts';
import type { Oid } from '../../src/base/ids.ts';
import type { SignedBytes } from '../../src/protocol/trust.ts';
import { by, byCodeUnit } from '../../src/base/order.ts';
import type {
  Along,
  BlobRead,
  CommitDraft,
  CommitInfo,
  FileWriter,
  PushOutcome,
  Reached,
  RefListing,
  RefResult,
  RefUpdate,
  RemoteFailure,
  Repository,
  Sign,
  TreeChange,
  TreeEntry,
} from '../../src/transport/repository.ts';

/** A method of the door. */
export type StepName = keyof Repository;

/**
 * Called before and after the effect of every method. It may wait, and a promise that never
 * resolves is a crash at that point. `lost` before: the call fails without effect; after: it has
 * had its effect, but the answer never comes. A local method that is `lost` throws INTERNAL.
 */
export type Step = (name: StepName, phase: 'before' | 'after') => Promise<'go' | 'lost'>;

/** One ref that the remote moved, in the order it did. */
export interface RefMove extends RefUpdate {
  /** Number of the push; refs of one push share it. */
  readonly push: number;
  readonly host: string;
}

/** The remote, and what a test may do to it behind everybody's back. */
export interface MemoryRemote {
  /** `cache`: the commits that the host has; give the same one again after a restart. */
  open(hooks?: {
    readonly step?: Step;
    readonly host?: string;
    readonly cache?: Set<Oid>;
  }): Repository;
  readonly refs: ReadonlyMap<string, Oid>;
  /** Every move that was accepted from a host. */
  readonly moves: readonly RefMove[];
  /** Puts a ref anywhere, or takes it away: a rewrite, a hand-made ref. */
  setRef(ref: string, oid: Oid | null): void;
  /** Commits as a person would with another tool; several parents make a merge. Moves no ref. */
  commit(parents: readonly Oid[], draft: CommitDraft & Signature): Oid;
  /** A record as anybody can make one with another tool. Moves no ref. */
  record(text: string, signed?: SignedBytes): Oid;
  /** Text by path of a commit's tree. */
  filesOf(commit: Oid): ReadonlyMap<string, string>;
  commitInfo(oid: Oid): CommitInfo | null;
  /** False: the remote answers no more. */
  setReachable(reachable: boolean): void;
  /** Why the remote forbids a move, or null. */
  setPolicy(refuse: (update: RefUpdate) => string | null): void;
  /** Removes every object that no ref needs. */
  forgetUnreferenced(): void;
  /**
   * Removes a commit and those before it, everywhere, as far as the remote never had them: what a
   * host built and will not push again.
   */
  forgetBuilt(commit: Oid): void;
}

interface Folder {
  readonly kind: 'tree';
  readonly oid: Oid;
  /** What it has, by name, in `PARTS` parts; a part without a name is absent. */
  readonly parts: readonly (Part | undefined)[];
}
interface Part {
  readonly oid: Oid;
  readonly entries: ReadonlyMap<string, Node>;
}
interface File {
  readonly kind: 'file';
  readonly oid: Oid;
}
type Node = Folder | File;

interface Commit {
  readonly info: CommitInfo;
  readonly root: Folder;
  /** Longer than that of every parent: orders a walk without dates. */
  readonly generation: number;
}

/** Content by id for everyone: what a host *has* is its own set of commits. */
interface Universe {
  readonly commits: Map<Oid, Commit>;
  readonly blobs: Map<Oid, Uint8Array>;
  readonly texts: Map<Oid, string>;
  readonly signed: Map<Oid, SignedBytes>;
}

/**
 * Names of a folder are spread over so many parts, so that a change of a large one copies, hashes
 * and compares a part and not the whole.
 */
const PARTS = 16;
const OFFLINE: RemoteFailure = { reason: 'refused', line: 'the remote in memory does not answer' };
const NO_STEP: Step = () => Promise.resolve('go');

/** An empty remote whose branch is `branch`. */
export function createMemoryRemote(branch = 'main'): MemoryRemote {
  const universe: Universe = {
    commits: new Map(),
    blobs: new Map(),
    texts: new Map(),
    signed: new Map(),
  };
  const texts = new WeakMap<Folder, ReadonlyMap<string, string>>();
  const textOf = (blob: Oid): string => {
    const known =
      universe.texts.get(blob) ?? Buffer.from(universe.blobs.get(blob) ?? []).toString('utf8');
    universe.texts.set(blob, known);
    return known;
  };
  const server: Server = {
    universe,
    branchRef: `refs/heads/${branch}`,
    refs: new Map(),
    listings: new Map(),
    has: new Set(),
    moves: [],
    reachable: true,
    refuse: () => null,
    pushes: 0,
  };
  return {
    refs: server.refs,
    moves: server.moves,
    open: ({ step = NO_STEP, host = '', cache = new Set<Oid>() } = {}) =>
      openHost(server, { step, host, has: cache }),
    setRef: (ref, oid) => {
      server.listings.clear();
      if (oid === null) server.refs.delete(ref);
      else server.refs.set(ref, oid);
    },
    commit: (parents, draft) => {
      const oid = addCommit(universe, parents, draft);
      copyCommits(universe, oid, server.has);
      return oid;
    },
    record: (text, signed) => {
      const oid = addRecord(universe, text, signed);
      copyCommits(universe, oid, server.has);
      return oid;
    },
    filesOf: (commit) => {
      const root = rootOf(universe, commit);
      const known =
        texts.get(root) ??
        new Map(allFiles(root, '').map(({ path, blob }) => [path, textOf(blob)]));
      texts.set(root, known);
      return known;
    },
    commitInfo: (oid) => universe.commits.get(oid)?.info ?? null,
    setReachable: (reachable) => (server.reachable = reachable),
    setPolicy: (refuse) => (server.refuse = refuse),
    forgetUnreferenced: () => {
      server.has.clear();
      for (const oid of server.refs.values()) copyCommits(universe, oid, server.has);
    },
    forgetBuilt: (commit) => {
      for (let oid: Oid | undefined = commit; oid !== undefined && !server.has.has(oid);) {
        const parent: Oid | undefined = universe.commits.get(oid)?.info.parents[0];
        universe.commits.delete(oid);
        oid = parent;
      }
    },
  };
}

interface Server {
  readonly universe: Universe;
  readonly branchRef: string;
  readonly refs: Map<string, Oid>;
  /**
   * What `listRefs` answered since a ref last moved: hosts that ask for the same get the same, as
   * it never changes.
   */
  readonly listings: Map<string, RefListing>;
  readonly has: Set<Oid>;
  readonly moves: RefMove[];
  reachable: boolean;
  refuse: (update: RefUpdate) => string | null;
  pushes: number;
}

interface Host {
  readonly step: Step;
  readonly host: string;
  readonly has: Set<Oid>;
}

function openHost(server: Server, host: Host): Repository {
  const { universe } = server;
  const ask = <T>(name: StepName, effect: () => Reached<T>): Promise<Reached<T>> =>
    askRemote(server, host, { name, effect });
  const local = <T>(name: StepName, effect: () => T): Promise<T> => doLocally(host, name, effect);
  const own = (oid: Oid): Commit => {
    const commit = host.has.has(oid) ? universe.commits.get(oid) : undefined;
    if (commit === undefined)
      throw new CrosstalkError('INTERNAL', `commit ${oid} is not in the cache`);
    return commit;
  };
  const keep = (oid: Oid): Oid => {
    host.has.add(oid);
    return oid;
  };
  const diff: Repository['diff'] = ({ from, to, under }) =>
    local('diff', () => {
      const side = (oid: Oid | null): Folder =>
        oid === null ? EMPTY : folderAt(own(oid).root, under);
      const changes = diffFolders({
        from: side(from),
        to: side(to),
        prefix: under === '' ? '' : `${under}/`,
      });
      return changes.sort(by((change) => change.path));
    });
  const readBlobs: Repository['readBlobs'] = (oids, sizeBytesMax) =>
    local('readBlobs', () => oids.map((oid) => readBlob(universe, oid, sizeBytesMax)));
  return {
    listRefs: async (prefixes, along) => {
      const listed = await ask('listRefs', () => ({
        kind: 'reached',
        value: listRefs(server, prefixes),
      }));
      return along === undefined || host.has.size === 0 || listed.kind === 'unreachable'
        ? listed
        : {
            kind: 'reached',
            value: await bringAlong(server, host, { listing: listed.value, along }),
          };
    },
    fetch: (want) => ask('fetch', () => fetchInto(server, host, want)),
    hasObject: (oid) => local('hasObject', () => host.has.has(oid) || universe.blobs.has(oid)),
    diff,
    walk: async function* (range) {
      yield await diff(range);
    },
    keeps: (commit) => host.has.has(commit),
    hasHistory: (commit) => local('hasHistory', () => host.has.has(commit)),
    lookUp: (commit, paths) =>
      local('lookUp', () => paths.map((path) => lookUp(own(commit).root, path))),
    list: (commit, folder) =>
      local('list', () =>
        entriesOf(folderAt(own(commit).root, folder)).map(([name, { kind, oid }]) => ({
          ...{ name, kind, oid },
        })),
      ),
    sizesOf: (oids) =>
      local('sizesOf', () => oids.map((oid) => universe.blobs.get(oid)?.length ?? 0)),
    // It always has everything: nothing happens here that could be the place of a fault.
    bringBlobs: () => Promise.resolve(),
    settledPart: () => Promise.resolve(null),
    readBlobs,
    scanBlobs: async function* (oids, sizeBytesMax) {
      yield await readBlobs(oids, sizeBytesMax);
    },
    readCommit: (oid) =>
      local('readCommit', () =>
        host.has.has(oid) ? (universe.commits.get(oid)?.info ?? null) : null,
      ),
    findAddingCommits: (paths, range) =>
      local('findAddingCommits', () =>
        findAdding(universe, { paths, commits: commitsBetween(universe, own, range) }),
      ),
    readSigned: (oid) => local('readSigned', () => universe.signed.get(oid) ?? null),
    findWrites: (paths, range) =>
      local('findWrites', () => {
        const commits = commitsBetween(universe, own, range);
        return new Map(
          paths.flatMap((path) => {
            const writes = writesOf(universe, path, commits).map(({ info }) => info.oid);
            return writes.length === 0 ? [] : [[path, writes] as const];
          }),
        );
      }),
    findWriters: (paths, tip) =>
      local('findWriters', () => {
        const commits = commitsBetween(universe, own, { from: null, to: tip });
        return new Map(
          paths.flatMap((path): [string, FileWriter][] => {
            const blob = blobIn(universe, tip, path);
            const writes = writesOf(universe, path, commits);
            const at = writes.findIndex(({ info }) => blobIn(universe, info.oid, path) === blob);
            const writer = blob === undefined ? undefined : writes[at];
            const isFollowed = writes
              .slice(0, Math.max(0, at))
              .some(({ info }) => isAncestor(universe, writer!.info.oid, info.oid));
            return writer === undefined || isFollowed
              ? []
              : [
                  [
                    path,
                    {
                      commit: writer.info.oid,
                      signed: universe.signed.get(writer.info.oid) ?? null,
                    },
                  ],
                ];
          }),
        );
      }),
    isAncestor: (ancestor, tip) =>
      local(
        'isAncestor',
        () => host.has.has(ancestor) && host.has.has(tip) && isAncestor(universe, ancestor, tip),
      ),
    history: (range) => local('history', () => history(universe, own, range)),
    buildCommits: (parent, drafts) =>
      withSignatures(
        drafts.map(({ message, sign }) => [message, sign]),
        (signed) =>
          local('buildCommits', () => {
            const built: Oid[] = [];
            if (parent !== null) own(parent);
            for (const [at, draft] of drafts.entries()) {
              const parents = [built.at(-1) ?? parent].filter((oid) => oid !== null);
              built.push(keep(addCommit(universe, parents, { ...draft, signed: signed[at] })));
            }
            return built;
          }),
      ),
    writeRecord: (text, sign) =>
      withSignatures([[text, sign]], ([signed]) =>
        local('writeRecord', () => keep(addRecord(universe, text, signed))),
      ),
    push: (updates, { atomic }) => push(server, host, { updates, atomic }),
    maintain: () => local('maintain', () => undefined),
    hurry: () => undefined,
    close: () => local('close', () => undefined),
  };
}

async function askRemote<T>(
  server: Server,
  host: Host,
  call: { readonly name: StepName; readonly effect: () => Reached<T> },
): Promise<Reached<T>> {
  const before = await host.step(call.name, 'before');
  if (before === 'lost' || !server.reachable) return { kind: 'unreachable', failure: OFFLINE };
  const answer = call.effect();
  return (await host.step(call.name, 'after')) === 'lost'
    ? { kind: 'unreachable', failure: OFFLINE }
    : answer;
}

/**
 * What a look brings: on its connection, but later. What is lost there is lost for the listing's
 * sake only: whoever needs it fetches it.
 */
async function bringAlong(
  server: Server,
  host: Host,
  { listing, along }: { readonly listing: RefListing; readonly along: Along },
): Promise<RefListing> {
  const records = new Map([...along(listing)].filter(([, oid]) => !host.has.has(oid)));
  const tip = listing.tip === null || host.has.has(listing.tip) ? null : listing.tip;
  if (tip === null && records.size === 0) return { ...listing, brought: new Set() };
  const brought = await askRemote(server, host, {
    name: 'fetch',
    effect: () => fetchInto(server, host, { tip, records }),
  });
  const names = [...(tip === null ? [] : [server.branchRef]), ...records.keys()];
  return brought.kind === 'unreachable' ? listing : { ...listing, brought: new Set(names) };
}

async function doLocally<T>(host: Host, name: StepName, effect: () => T): Promise<T> {
  const lost = (): CrosstalkError => new CrosstalkError('INTERNAL', `${name} was made to fail`);
  if ((await host.step(name, 'before')) === 'lost') throw lost();
  const value = effect();
  if ((await host.step(name, 'after')) === 'lost') throw lost();
  return value;
}

async function push(server: Server, host: Host, call: PushCall): Promise<PushOutcome> {
  const before = await host.step('push', 'before');
  if (before === 'lost' || !server.reachable) return { kind: 'unknown', failure: OFFLINE };
  // What is not to be moved is compared with what the remote tells at the beginning; the rest is
  // decided when it has arrived.
  const compared = new Map(
    call.updates.filter(isKept).map((update) => [update.ref, judge(server, update)] as const),
  );
  if (compared.size > 0 && (await host.step('push', 'before')) === 'lost')
    return { kind: 'unknown', failure: OFFLINE };
  const moves = { ...call, updates: call.updates.filter((update) => !isKept(update)) };
  const refs = new Map([...compared, ...decidePush(server, host, moves)]);
  return (await host.step('push', 'after')) === 'lost'
    ? { kind: 'unknown', failure: OFFLINE }
    : { kind: 'answered', refs };
}

function isKept({ expected, next }: RefUpdate): boolean {
  return next !== null && expected === next;
}

interface PushCall {
  readonly updates: readonly RefUpdate[];
  readonly atomic: boolean;
}

/**
 * The server's one step. Like git: a ref that stands at the wanted value already has landed,
 * whatever was expected.
 */
function decidePush(
  server: Server,
  host: Host,
  { updates, atomic }: PushCall,
): ReadonlyMap<string, RefResult> {
  const judged = updates.map((update) => ({ update, result: judge(server, update) }));
  const refused = judged.find(({ result }) => result.kind === 'refused')?.result;
  const fails = atomic && judged.some(({ result }) => result.kind !== 'landed');
  server.pushes += 1;
  const results = judged.map(({ update, result }): [string, RefResult] => {
    if (result.kind !== 'landed' || stands(server, update)) return [update.ref, result];
    if (fails) return [update.ref, refused ?? { kind: 'stale', line: 'stale info' }];
    moveRef(server, host, update);
    return [update.ref, result];
  });
  return new Map(results);
}

function stands(server: Server, { ref, next }: RefUpdate): boolean {
  return next !== null && server.refs.get(ref) === next;
}

function judge(server: Server, update: RefUpdate): RefResult {
  if (stands(server, update)) return { kind: 'landed' };
  if ((server.refs.get(update.ref) ?? null) !== update.expected)
    return { kind: 'stale', line: 'stale info' };
  const line = server.refuse(update);
  return line === null ? { kind: 'landed' } : { kind: 'refused', line };
}

function moveRef(server: Server, host: Host, update: RefUpdate): void {
  server.listings.clear();
  if (update.next === null) server.refs.delete(update.ref);
  else {
    copyCommits(server.universe, update.next, server.has);
    server.refs.set(update.ref, update.next);
  }
  server.moves.push({ ...update, push: server.pushes, host: host.host });
}

function listRefs(server: Server, prefixes: readonly string[]): RefListing {
  const asked = prefixes.join(' ');
  const known = server.listings.get(asked) ?? readRefs(server, prefixes);
  server.listings.set(asked, known);
  return known;
}

function readRefs(server: Server, prefixes: readonly string[]): RefListing {
  const names = new Set(prefixes.filter((prefix) => !prefix.endsWith('/')));
  const folders = prefixes.filter((prefix) => prefix.endsWith('/'));
  const wanted = (name: string): boolean =>
    names.has(name) || folders.some((folder) => name.startsWith(folder));
  const refs = new Map<string, Oid>();
  for (const [name, oid] of server.refs) if (wanted(name)) refs.set(name, oid);
  return { tip: server.refs.get(server.branchRef) ?? null, refs };
}

function fetchInto(
  server: Server,
  host: Host,
  want: { readonly tip: Oid | null; readonly records: ReadonlyMap<string, Oid> },
): Reached<null> {
  for (const oid of want.records.values())
    if (server.has.has(oid)) copyCommits(server.universe, oid, host.has);
  if (want.tip !== null) {
    if (!server.has.has(want.tip) && !host.has.has(want.tip))
      return {
        kind: 'unreachable',
        failure: { reason: 'missing', line: `the branch moved away from ${want.tip}` },
      };
    copyCommits(server.universe, want.tip, host.has);
  }
  return { kind: 'reached', value: null };
}

/**
 * Adds `oid` and its ancestors; stops where something is there, because its ancestors are then
 * there too.
 */
function copyCommits(universe: Universe, oid: Oid, into: Set<Oid>): void {
  const open = [oid];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (into.has(next)) continue;
    into.add(next);
    open.push(...(universe.commits.get(next)?.info.parents ?? []));
  }
}

function sha1(...parts: readonly (string | Uint8Array)[]): Oid {
  const hash = createHash('sha1');
  for (const part of parts) hash.update(part).update('\0');
  return hash.digest('hex') as Oid;
}

/** The id that these bytes have as a file. */
export function blobIdOf(content: string | Uint8Array): Oid {
  return sha1('blob', content);
}

function makeFolder(parts: Folder['parts']): Folder {
  return { kind: 'tree', oid: sha1('tree', parts.map((part) => part?.oid ?? '').join(' ')), parts };
}

function makePart(entries: ReadonlyMap<string, Node>): Part {
  const lines = [...entries]
    .map(([name, node]) => `${node.kind} ${node.oid} ${name}`)
    .sort(byCodeUnit);
  return { oid: sha1('part', lines.join('\n')), entries };
}

const EMPTY: Folder = makeFolder(Array.from({ length: PARTS }, () => undefined));

function partOf(name: string): number {
  let hash = 0;
  for (let at = 0; at < name.length; at += 1)
    hash = (Math.imul(hash, 31) + name.charCodeAt(at)) | 0;
  return (hash >>> 0) % PARTS;
}

function entryOf(folder: Folder, name: string): Node | undefined {
  return folder.parts[partOf(name)]?.entries.get(name);
}

function entriesOf(folder: Folder): readonly (readonly [name: string, node: Node])[] {
  return folder.parts
    .flatMap((part) => (part === undefined ? [] : [...part.entries]))
    .sort(by(([name]) => name));
}

function rootOf(universe: Universe, commit: Oid): Folder {
  return universe.commits.get(commit)?.root ?? EMPTY;
}

function nodeAt(root: Folder, path: string): Node | null {
  let node: Node = root;
  for (const name of path.split('/')) {
    const below: Node | undefined = node.kind === 'tree' ? entryOf(node, name) : undefined;
    if (below === undefined) return null;
    node = below;
  }
  return node;
}

function folderAt(root: Folder, path: string): Folder {
  const node = path === '' ? root : nodeAt(root, path);
  return node?.kind === 'tree' ? node : EMPTY;
}

function lookUp(root: Folder, path: string): TreeEntry | null {
  const node = nodeAt(root, path);
  return node === null ? null : { kind: node.kind, oid: node.oid };
}

function readBlob(universe: Universe, oid: Oid, sizeBytesMax: number): BlobRead {
  const bytes = universe.blobs.get(oid);
  if (bytes === undefined) return { kind: 'missing' };
  return bytes.length > sizeBytesMax
    ? { kind: 'too-large', sizeBytes: bytes.length }
    : { kind: 'bytes', bytes };
}

function allFiles(folder: Folder, prefix: string): { readonly path: string; readonly blob: Oid }[] {
  return entriesOf(folder).flatMap(([name, node]) =>
    node.kind === 'tree'
      ? allFiles(node, `${prefix}${name}/`)
      : [{ path: prefix + name, blob: node.oid }],
  );
}

function diffFolders({
  from,
  to,
  prefix,
}: {
  readonly from: Folder;
  readonly to: Folder;
  readonly prefix: string;
}): TreeChange[] {
  if (from.oid === to.oid) return [];
  const changed = to.parts.flatMap((part, at) =>
    part?.oid === from.parts[at]?.oid ? [] : [[from.parts[at]?.entries, part?.entries]],
  );
  const names = changed.flatMap(([before, after]) => [
    ...new Set([...(before?.keys() ?? []), ...(after?.keys() ?? [])]),
  ]);
  return names.flatMap((name): TreeChange[] => {
    const [old, now] = [entryOf(from, name), entryOf(to, name)];
    if (old?.kind === now?.kind && old?.oid === now?.oid) return [];
    const path = prefix + name;
    const below = diffFolders({
      from: old?.kind === 'tree' ? old : EMPTY,
      to: now?.kind === 'tree' ? now : EMPTY,
      prefix: `${path}/`,
    });
    if (now?.kind === 'file')
      return [...below, { kind: 'written', path, entry: 'file', blob: now.oid }];
    return old?.kind === 'file' ? [...below, { kind: 'removed', path }] : below;
  });
}

interface Signature {
  readonly signed?: SignedBytes | undefined;
}

function addCommit(
  universe: Universe,
  parents: readonly Oid[],
  draft: CommitDraft & Signature,
): Oid {
  let root = rootOf(universe, parents[0] ?? ('' as Oid));
  for (const path of draft.removes ?? []) root = withNode(root, path, null);
  for (const { path, content } of draft.writes) {
    const bytes = Buffer.from(content);
    const oid = blobIdOf(bytes);
    universe.blobs.set(oid, bytes);
    root = withNode(root, path, { kind: 'file', oid });
  }
  const authoredMs = Math.floor(draft.atMs / 1_000) * 1_000;
  return putCommit(
    universe,
    {
      parents,
      author: draft.author,
      committer: draft.committer,
      authoredMs,
      message: draft.message.replaceAll('\0', '').replace(/\n+$/, ''),
    },
    { root, signed: draft.signed },
  );
}

function addRecord(universe: Universe, text: string, signed?: SignedBytes): Oid {
  const author = { name: 'crosstalkd', email: 'crosstalkd@crosstalk' };
  return putCommit(
    universe,
    { parents: [], author, committer: author, authoredMs: 0, message: text.replace(/\n+$/, '') },
    { root: EMPTY, signed },
  );
}

/** Signs what commits say, in place of their bytes. Where none is signed nothing waits. */
function withSignatures<T>(
  texts: readonly (readonly [text: string, sign: Sign | undefined])[],
  act: (signed: readonly (SignedBytes | undefined)[]) => Promise<T>,
): Promise<T> {
  if (texts.every(([, sign]) => sign === undefined)) return act([]);
  const signed = texts.map(async ([text, sign]) => {
    const payload = Buffer.from(text);
    return sign && { payload, signature: await sign(payload) };
  });
  return Promise.all(signed).then(act);
}

function putCommit(
  universe: Universe,
  parts: Omit<CommitInfo, 'oid'>,
  { root, signed }: Signature & { readonly root: Folder },
): Oid {
  const oid = sha1(
    'commit',
    root.oid,
    JSON.stringify(parts),
    ...(signed === undefined ? [] : [signed.signature]),
  );
  if (signed !== undefined) universe.signed.set(oid, signed);
  const generation =
    1 +
    Math.max(0, ...parts.parents.map((parent) => universe.commits.get(parent)?.generation ?? 0));
  universe.commits.set(oid, { info: { oid, ...parts }, root, generation });
  return oid;
}

/**
 * A copy of `root` with `node` at `path` (null takes it away); folders left empty go. Everything
 * beside the way is shared.
 */
function withNode(root: Folder, path: string, node: File | null): Folder {
  const [name = '', ...rest] = path.split('/');
  if (name === '' || name === '.' || name === '..' || name.toLowerCase() === '.git')
    throw impossible(path);
  const old = entryOf(root, name);
  if (rest.length === 0) {
    if (node !== null && old?.kind === 'tree') throw impossible(path);
    return withEntry(root, name, node);
  }
  if (old?.kind === 'file') {
    if (node === null) return root;
    throw impossible(path);
  }
  const below = withNode(old ?? EMPTY, rest.join('/'), node);
  return withEntry(root, name, below.oid === EMPTY.oid ? null : below);
}

function withEntry(folder: Folder, name: string, node: Node | null): Folder {
  const at = partOf(name);
  const entries = new Map(folder.parts[at]?.entries);
  if (node === null) entries.delete(name);
  else entries.set(name, node);
  return makeFolder(folder.parts.with(at, entries.size === 0 ? undefined : makePart(entries)));
}

function impossible(path: string): CrosstalkError {
  return new CrosstalkError(
    'INTERNAL',
    `cannot write ${JSON.stringify(path)}: something else stands there`,
  );
}

/** Goes back from `tip` no further than commits that could still come after `ancestor`. */
function isAncestor(universe: Universe, ancestor: Oid, tip: Oid): boolean {
  const generation = universe.commits.get(ancestor)?.generation ?? 0;
  const seen = new Set<Oid>([tip]);
  for (const oid of seen) {
    if (oid === ancestor) return true;
    const commit = universe.commits.get(oid);
    if (commit !== undefined && commit.generation > generation)
      for (const parent of commit.info.parents) seen.add(parent);
  }
  return false;
}

function ancestorsOf(universe: Universe, tip: Oid): ReadonlySet<Oid> {
  const found = new Set<Oid>();
  copyCommits(universe, tip, found);
  return found;
}

type Own = (oid: Oid) => Commit;
interface Range {
  readonly from: Oid | null;
  readonly to: Oid;
}

/** Commits of the range, children before parents. */
function commitsBetween(universe: Universe, own: Own, { from, to }: Range): readonly Commit[] {
  const found = from === null ? new Set<Oid>() : new Set(ancestorsOf(universe, own(from).info.oid));
  const before = found.size;
  copyCommits(universe, own(to).info.oid, found);
  const commits = [...found].slice(before).flatMap((oid) => universe.commits.get(oid) ?? []);
  return commits.sort((a, b) => b.generation - a.generation);
}

function blobIn(universe: Universe, oid: Oid, path: string): Oid | undefined {
  return lookUp(universe.commits.get(oid)?.root ?? EMPTY, path)?.oid;
}

/** Those of the commits that changed or removed a path. */
function writesOf(universe: Universe, path: string, commits: readonly Commit[]): readonly Commit[] {
  return commits.filter(({ info }) => {
    const now = blobIn(universe, info.oid, path);
    return info.parents.length === 0
      ? now !== undefined
      : info.parents.every((parent) => blobIn(universe, parent, path) !== now);
  });
}

function findAdding(
  universe: Universe,
  { paths, commits }: { readonly paths: readonly string[]; readonly commits: readonly Commit[] },
): ReadonlyMap<string, CommitInfo> {
  const added = (commit: Commit, path: string): boolean =>
    nodeAt(commit.root, path)?.kind === 'file' &&
    commit.info.parents.every((parent) => nodeAt(rootOf(universe, parent), path)?.kind !== 'file');
  const found = paths.map(
    (path) => [path, commits.find((commit) => added(commit, path))?.info] as const,
  );
  return new Map(
    found.flatMap(([path, info]) => (info === undefined ? [] : [[path, info] as const])),
  );
}

function history(
  universe: Universe,
  own: Own,
  range: Range & { readonly max: number },
): readonly CommitInfo[] {
  const before =
    range.from === null ? new Set<Oid>() : ancestorsOf(universe, own(range.from).info.oid);
  const line: CommitInfo[] = [];
  let at: CommitInfo | undefined = own(range.to).info;
  while (at !== undefined && line.length < range.max && !before.has(at.oid)) {
    line.push(at);
    const parent: Oid | undefined = at.parents[0];
    at = parent === undefined ? undefined : universe.commits.get(parent)?.info;
  }
  return line.reverse();
}
