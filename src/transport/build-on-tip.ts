/**
 * Builds commits from transactions: each decides on the tip; one that cannot be placed is refused
 * alone, and the others are built one after the other.
 */
import { CrosstalkError, errorText } from '../base/errors.ts';
import type { Oid } from '../base/ids.ts';
import type { OpenIndex } from '../protocol/open-work.ts';
import type { CommitDraft, RefUpdate, Repository } from './repository.ts';
import type { Publisher, TipView, Transaction, TransactionOutcome } from './transaction.ts';

export interface Built {
  readonly tip: Oid | null;
  readonly head: Oid | null;
  readonly parts: readonly {
    readonly transaction: Transaction;
    readonly commits: readonly Oid[];
  }[];
  readonly updates: readonly RefUpdate[];
}

export async function buildOnTip(
  publisher: Publisher,
  waiting: readonly Transaction[],
  outcomes: Map<Transaction, TransactionOutcome>,
): Promise<Built> {
  const { tip, forged } = publisher.mirror.index();
  const added = new Map<string, string>();
  const drafts: CommitDraft[] = [];
  const parts: { transaction: Transaction; count: number }[] = [];
  for (const transaction of waiting) {
    const decided = await decideOn(
      transaction,
      createView(publisher.repository, { tip, forged }, added),
    );
    if (decided instanceof Error) {
      outcomes.set(transaction, { kind: 'refused', line: errorText(decided) });
      continue;
    }
    if (decided === null) {
      outcomes.set(transaction, { kind: 'dropped' });
      continue;
    }
    const blocked = await findBlocked(publisher.repository, { tip, forged }, decided);
    if (blocked !== null) {
      outcomes.set(transaction, { kind: 'refused', line: blocked, blocked: true });
      continue;
    }
    for (const draft of decided)
      for (const { path, content } of draft.writes)
        added.set(path, typeof content === 'string' ? content : '');
    drafts.push(...decided.map((draft) => ({ ...draft, sign: publisher.sign })));
    parts.push({ transaction, count: decided.length });
  }
  const commits = drafts.length === 0 ? [] : await publisher.repository.buildCommits(tip, drafts);
  const head = commits.at(-1) ?? tip;
  let at = 0;
  const placed = parts.map(({ transaction, count }) => ({
    transaction,
    commits: commits.slice(at, (at += count)),
  }));
  const branch: readonly RefUpdate[] =
    head === tip ? [] : [{ ref: publisher.branchRef, expected: tip, next: head }];
  return {
    tip,
    head,
    parts: placed,
    updates: [...branch, ...placed.flatMap(({ transaction }) => transaction.fences)],
  };
}

/** The tip, and the replies there that are ignored: they close nothing, but take a path. */
type Standing = Pick<OpenIndex, 'tip' | 'forged'>;

/** The changes of a transaction, or why it has none: that concerns no other transaction. */
async function decideOn(
  transaction: Transaction,
  view: Parameters<Transaction['decide']>[0],
): Promise<readonly CommitDraft[] | null | Error> {
  try {
    return await transaction.decide(view);
  } catch (error) {
    // The remote, the disk and the cache are everybody's affair.
    if (error instanceof CrosstalkError && error.code !== 'INTERNAL') throw error;
    return error instanceof Error ? error : new Error(errorText(error));
  }
}

/**
 * Why a file of a transaction cannot be placed, or null: what somebody put in its way must hold up
 * no other transaction.
 */
async function findBlocked(
  repository: Repository,
  { tip, forged }: Standing,
  drafts: readonly CommitDraft[],
): Promise<string | null> {
  if (tip === null) return null;
  const paths = drafts.flatMap(({ writes }) => writes.map(({ path }) => path));
  const inTheWay = paths.find((path) => forged.has(path));
  if (inTheWay !== undefined)
    return `cannot write "${inTheWay}": a reply is there that nobody known here has signed`;
  const folders = [
    ...new Set(
      paths.flatMap((path) =>
        path.split('/').map((_, index, parts) => parts.slice(0, index).join('/')),
      ),
    ),
  ].filter((folder) => folder !== '');
  const entries = await repository.lookUp(tip, [...paths, ...folders]);
  const at = entries.findIndex(
    (entry, index) => entry !== null && (entry.kind === 'tree') === index < paths.length,
  );
  if (at < 0) return null;
  return at < paths.length
    ? `cannot write "${paths[at] ?? ''}": a folder is there`
    : `cannot write below "${folders[at - paths.length] ?? ''}": a file is there`;
}

function createView(
  repository: Repository,
  { tip, forged }: Standing,
  added: ReadonlyMap<string, string>,
): TipView {
  return {
    tip,
    added,
    lookUp: async (paths) => {
      const standing = tip === null ? paths.map(() => null) : await repository.lookUp(tip, paths);
      return paths.map((path, index) =>
        added.has(path) && tip !== null
          ? { kind: 'file', oid: tip }
          : forged.has(path)
            ? null
            : (standing[index] ?? null),
      );
    },
  };
}
