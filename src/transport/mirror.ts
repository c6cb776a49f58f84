/**
 * This host's view of the branch: the tip it has read, and the index of open work at that tip.
 * `pull` is the only way forward, and one pull at a time; anyone who publishes pulls through the
 * same door, so the index never runs behind what this host itself has landed.
 */
import type { Oid } from '../base/ids.ts';
import { EMPTY_INDEX, type OpenIndex } from '../protocol/open-work.ts';
import { type ChangeBatch, foldChanges } from '../protocol/fold-changes.ts';
import type { ModelProblem } from '../protocol/models.ts';
import { listModelNames } from '../protocol/decode-models.ts';
import { hideFiles } from './hide-files.ts';
import { movesOthers, usableBase } from '../protocol/read-again.ts';
import { readChanges } from './read-changes.ts';
import { type ModelsInForce, readModels } from './read-models.ts';
import { type PeopleInForce, readPeople } from './read-people.ts';
import { VERSION_FILE } from '../protocol/paths.ts';
import {
  isSameVersion,
  parseRemoteTraits,
  readRemoteTraits,
  type RemoteTraits,
} from '../protocol/remote-traits.ts';
import type { Reached, Repository } from './repository.ts';
import { readTextAt } from './read-text.ts';

export type Pulled =
  | { readonly kind: 'current' }
  | { readonly kind: 'advanced' }
  | ({ readonly kind: 'rewritten' } & Rewrite);

/** A tip that nobody continues with before a person has said so. */
export interface Rewrite {
  readonly was: Oid;
  readonly now: Oid | null;
  /** CROSSTALK-VERSION asks something else of hosts than before; null = it does not. */
  readonly version: { readonly was: string | null; readonly now: string | null } | null;
  /** `now` descends from `was`: nothing but the version has changed. */
  readonly descends: boolean;
}

export interface Mirror {
  readonly index: () => OpenIndex;
  /** Text of data/models.yaml that is in force; null when there is none. */
  readonly modelsText: () => string | null;
  /** Why that is not the one at the tip: nothing of it can be read. Null = it is. */
  readonly modelsProblem: () => ModelProblem | null;
  /** What the version file at the tip says of the remote; null before the first pull. */
  readonly traits: () => RemoteTraits | null;
  /**
   * Counts the advances of this view. Read it before `listRefs` and hand it to `pull`: a listing
   * older than our own push is not a rewrite.
   */
  readonly epoch: () => number;
  /**
   * Brings the view to the tip of a listing, and the records along. A branch that moved backwards,
   * or whose version file asks something else of hosts, changes nothing and is reported.
   */
  readonly pull: (seen: SeenTip) => Promise<Reached<Pulled>>;
  /**
   * Takes `tip` as the branch although it does not descend from the one known, or has another
   * version file; everything is read again. Throws NOT_A_TRANSPORT for a version that this program
   * does not speak.
   */
  readonly accept: (tip: Oid) => Promise<Reached<Pulled>>;
}

export interface SeenTip {
  readonly tip: Oid | null;
  /** `epoch()` as it was before the listing was asked for. */
  readonly asOf: number;
  readonly records?: ReadonlyMap<string, Oid>;
  /**
   * Given when this host itself built and landed `tip`: the commit it was built on. From there
   * nothing needs to be fetched or proved.
   */
  readonly builtOn?: Oid | null;
}

/** Which replies that stand at a commit are ignored, after what the index has. */
export type FindForged = (seen: {
  readonly index: OpenIndex;
  readonly tip: Oid;
  /** Who can be asked there. */
  readonly models: readonly string[];
}) => Promise<OpenIndex['forged']>;

/** Decides what closes a message. */
export interface ClosersJudge {
  readonly findForged: FindForged;
  /** The batch without what closes messages by other ways than a reply, and does not count. */
  readonly dropForged: (index: OpenIndex, batch: ChangeBatch) => Promise<ChangeBatch>;
}

/** Where everything counts. */
const BELIEVES_ALL: ClosersJudge = {
  findForged: ({ index }) => Promise.resolve(index.forged),
  dropForged: (_, batch) => Promise.resolve(batch),
};

/** A mirror that begins where `checkpoint` left off. */
export function createMirror(
  repository: Repository,
  checkpoint: OpenIndex | null,
  { findForged, dropForged }: ClosersJudge = BELIEVES_ALL,
): Mirror {
  let index = checkpoint ?? EMPTY_INDEX;
  let inForce: ModelsInForce | null = null;
  let named: PeopleInForce | null = null;
  let readAt: Oid | null = null;
  let epoch = 0;
  let version: VersionSeen | null = null;
  let last: Promise<unknown> = Promise.resolve();

  const inTurn = <T>(act: () => Promise<T>): Promise<T> => {
    const next = last.then(act, act);
    last = next.catch(() => undefined);
    return next;
  };

  const advance = async (tip: Oid, from: OpenIndex): Promise<void> => {
    const found = await readModels(repository, tip, inForce);
    const seen = await readVersion(repository, tip, version);
    const models = listModelNames(found.text);
    const people = await readPeople(repository, tip, named);
    const { called } = people;
    const forged = await findForged({ index, tip, models });
    const base = usableBase(from, { models, called });
    const read = async (known: OpenIndex): Promise<ChangeBatch> => {
      const settled = known.tip === null ? await repository.settledPart(tip) : null;
      const view = hideFiles(repository, { before: known.forged, now: forged });
      const batch = await readChanges(view, {
        from: known.tip,
        to: tip,
        people: base.people,
        called,
        forged,
        older: known.older,
        models,
        settled,
        refused: refusedFolders(known),
      });
      return dropForged(index, batch);
    };
    const batch = await read(base);
    index = movesOthers(base, batch)
      ? foldChanges(EMPTY_INDEX, await read(EMPTY_INDEX))
      : foldChanges(base, batch);
    inForce = found;
    named = people;
    readAt = tip;
    version = seen;
    epoch += 1;
  };

  const bring = async (seen: SeenTip, ours: boolean): Promise<Reached<null>> => {
    const { tip, records = new Map() } = seen;
    // Asked also for a tip that is known: the cache may have been thrown away since. A commit of
    // ours costs no transfer; the cache then knows it as its tip, and the next fetch does not bring
    // it once more.
    const isStanding = tip === readAt && tip !== null && repository.keeps(tip);
    const fresh =
      tip !== null && !isStanding && (ours || !(await repository.hasHistory(tip))) ? tip : null;
    return fresh === null && records.size === 0
      ? { kind: 'reached', value: null }
      : repository.fetch({ tip: fresh, records });
  };

  const pull = async (seen: SeenTip): Promise<Reached<Pulled>> => {
    const { tip, asOf, builtOn } = seen;
    const was = index.tip;
    const ours = builtOn !== undefined && builtOn === was;
    const brought = await bring(seen, ours);
    if (brought.kind === 'unreachable') return brought;
    if (
      was !== null &&
      tip !== was &&
      !ours &&
      !(tip !== null && (await repository.isAncestor(was, tip)))
    ) {
      const outdated = asOf !== epoch && (tip === null || (await repository.isAncestor(tip, was)));
      if (outdated) return { kind: 'reached', value: { kind: 'current' } };
      const changed = tip === null ? null : await changedVersion(was, tip);
      return {
        kind: 'reached',
        value: { kind: 'rewritten', was, now: tip, version: changed, descends: false },
      };
    }
    if (tip === null || (tip === was && (await isRead(tip))))
      return { kind: 'reached', value: { kind: 'current' } };
    const changed = was === null || ours ? null : await changedVersion(was, tip);
    if (was !== null && changed !== null)
      return {
        kind: 'reached',
        value: { kind: 'rewritten', was, now: tip, version: changed, descends: true },
      };
    await advance(tip, index);
    return { kind: 'reached', value: tip === was ? { kind: 'current' } : { kind: 'advanced' } };
  };

  /** Whether the tip was read, and by the keys that are known now. */
  const isRead = async (tip: Oid): Promise<boolean> =>
    readAt === tip && (await findForged({ index, tip, models: index.models })) === index.forged;

  const changedVersion = async (was: Oid, tip: Oid): Promise<Rewrite['version']> => {
    if (tip === was) return null;
    version ??= (await repository.hasHistory(was))
      ? await readVersion(repository, was, null)
      : null;
    if (version === null) return null;
    const next = await readVersion(repository, tip, version);
    return isSameVersion(version.text, next.text) ? null : { was: version.text, now: next.text };
  };

  return {
    index: () => index,
    modelsText: () => inForce?.text ?? null,
    modelsProblem: () => inForce?.problem ?? null,
    traits: () => (version === null ? null : parseRemoteTraits(version.text)),
    epoch: () => epoch,
    pull: (seen) => inTurn(() => pull(seen)),
    accept: (tip) =>
      inTurn(async () => {
        const fetched = await repository.fetch({ tip, records: new Map() });
        if (fetched.kind === 'unreachable') return fetched;
        readRemoteTraits((await readVersion(repository, tip, version)).text);
        await advance(tip, EMPTY_INDEX);
        return { kind: 'reached', value: { kind: 'advanced' } };
      }),
  };
}

interface VersionSeen {
  readonly blob: Oid | null;
  /** Null: there is no such file. */
  readonly text: string | null;
}

async function readVersion(
  repository: Repository,
  tip: Oid,
  known: VersionSeen | null,
): Promise<VersionSeen> {
  const [entry] = await repository.lookUp(tip, [VERSION_FILE]);
  const blob = entry?.kind === 'file' ? entry.oid : null;
  if (blob === known?.blob) return known;
  return { blob, text: await readTextAt(repository, tip, VERSION_FILE) };
}

/** Folders of which nothing is read at the commit of an index. */
export function refusedFolders({ rejected }: Pick<OpenIndex, 'rejected'>): ReadonlySet<string> {
  return new Set(
    [...rejected.values()].flatMap(({ path, isFolder }) => (isFolder === true ? [path] : [])),
  );
}
