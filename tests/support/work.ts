/** Pieces of open work, claims and views for tests of what is decided about them. */
import { NO_BUDGETS } from '../../src/protocol/budgets.ts';
import type { Oid } from '../../src/base/ids.ts';
import type { WorkView } from '../../src/dispatcher/select-work.ts';
import type { Claim } from '../../src/protocol/claim.ts';
import type { ModelEntry } from '../../src/protocol/models.ts';
import { decodeModels } from '../../src/protocol/decode-models.ts';
import type { OpenMessage } from '../../src/protocol/open-work.ts';
import type { Work } from '../../src/protocol/list-work.ts';

/** Work for `opus` that is ready, unless `change` says otherwise. */
export function workOf(
  key: string,
  change: Partial<
    Omit<OpenMessage, 'blob'> & Omit<Work, 'message'> & { readonly blob: string }
  > = {},
): Work {
  const { recipient = 'opus', hosts = null, twinOf = null, blob = 'b0', ...message } = change;
  return {
    key,
    recipient,
    hosts,
    twinOf,
    message: {
      path: `data/channels/general/${key}.md`,
      channel: 'general',
      identity: key,
      blob: blob as Oid,
      from: 'ada',
      timestampMs: 0,
      hops: 0,
      priority: 0,
      isWorkflow: false,
      isExternal: false,
      preferredHost: null,
      hasFallback: false,
      project: null,
      recipients: [{ name: recipient, hosts }],
      ...message,
    },
  };
}

/** A first claim of another host on work for `opus`. */
export function claimOf(change: Partial<Omit<Claim, 'blob'> & { readonly blob: string }>): Claim {
  return {
    message: 'data/channels/general/old.md',
    recipient: 'opus',
    alias: 'h1',
    instance: 'bbbbbbbbbbbb',
    run: 'b'.repeat(16),
    attempt: 1,
    nonce: 'c'.repeat(16),
    effects: 'none',
    ...change,
    blob: (change.blob ?? 'b0') as Oid,
  };
}

/** The entry of `opus` with changes. */
export function entryOf(change: Partial<ModelEntry>): ModelEntry {
  const entry = decodeModels(
    'models:\n  opus: {adapter: command, command: [x], effects: none}\n',
  ).models.get('opus');
  if (entry === undefined) throw new Error('the entry for tests is broken');
  return { ...entry, ...change };
}

/** A moment at which `h0` has two free slots and serves `opus`. */
export function viewOf(change: Partial<WorkView>): WorkView {
  return {
    alias: 'h0',
    instance: 'aaaaaaaaaaaa',
    mode: 'running',
    pushesRest: null,
    serving: { models: new Map([['opus', entryOf({})]]), refused: new Map() },
    refs: new Map(),
    claimsPrefix: 'c/',
    hostsPrefix: 'h/',
    held: new Map(),
    finishing: new Set(),
    refusedClaims: new Map(),
    parked: new Map(),
    budgets: NO_BUDGETS,
    spentOut: new Map(),
    starts: new Map(),
    unsigned: new Map(),
    firstSeen: new Map(),
    concurrency: 2,
    maxAgeMs: 1_000_000,
    hopsMax: 4,
    stealAfterMs: 1_500,
    sharesByTurn: false,
    startedBy: () => null,
    attemptsHere: () => 0,
    blocked: new Set(),
    projects: [],
    wallMs: 0,
    monotonicMs: 0,
    ...change,
  };
}
