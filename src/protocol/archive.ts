/**
 * Which channels may leave the tip of the branch: those in which everything has ended. PROTOCOL.md
 * "The archive".
 */
import { byCodeUnit } from '../base/order.ts';

/** One channel as it stands at a tip. */
export interface ChannelSeen {
  readonly channel: string;
  readonly messages: number;
  /** When the last of its messages was written, milliseconds since the epoch; 0 = it has none. */
  readonly newestMs: number;
  /** A workflow run: its channel is named after it. `parent`: the channel of its marker. */
  readonly run: { readonly ended: boolean; readonly parent: string | null } | null;
  /** Names of what is neither a plain file nor a folder; it could not be moved as it is. */
  readonly odd: readonly string[];
}

/** What at the tip still needs channels. */
export interface StillNeeded {
  /** Channels with unanswered messages, and those that only wait behind another message. */
  readonly open: ReadonlySet<string>;
  /** Channels with a claim on the remote. */
  readonly claimed: ReadonlySet<string>;
  /** Channels in the threads of open messages, and runs that open runs were made from. */
  readonly referred: ReadonlySet<string>;
  /** From a channel with a message that asks again to the channels of what it closes. */
  readonly closes: ReadonlyMap<string, ReadonlySet<string>>;
}

/** What a person asked for. */
export interface ArchiveWish {
  /** Exactly these; null = all that fit. */
  readonly channels: readonly string[] | null;
  /** Only channels in which nothing was written since; null = any. */
  readonly beforeMs: number | null;
  /** Only runs. */
  readonly runs: boolean;
}

export interface ArchiveChoice {
  readonly chosen: readonly ChannelSeen[];
  /** Channels that were asked for by name, or would have fitted, and stay; with the reason. */
  readonly kept: readonly { readonly channel: string; readonly why: string }[];
}

/**
 * Chooses. What is open, claimed, running or referred to by something open is never among the
 * chosen.
 */
export function selectArchive(
  channels: readonly ChannelSeen[],
  needed: StillNeeded,
  wish: ArchiveWish,
): ArchiveChoice {
  const asked = channels
    .filter((seen) => isAsked(seen, wish))
    .sort((a, b) => byCodeUnit(a.channel, b.channel));
  const kept = new Map<string, string>();
  const byName = new Map(channels.map((seen) => [seen.channel, seen]));
  for (const seen of asked) {
    const why = reasonToKeep(seen, needed, byName);
    if (why !== null) kept.set(seen.channel, why);
  }
  // A message that asks again closes another one only as long as it stands beside it: both go, or
  // none.
  for (let before = -1; before !== kept.size;) {
    before = kept.size;
    const going = new Set(asked.flatMap(({ channel }) => (kept.has(channel) ? [] : [channel])));
    for (const channel of going) {
      const left = [...(needed.closes.get(channel) ?? [])].find(
        (other) => other !== channel && byName.has(other) && !going.has(other),
      );
      if (left !== undefined)
        kept.set(channel, `a message in it closes one in "${left}", which stays`);
    }
  }
  return {
    chosen: asked.filter(({ channel }) => !kept.has(channel)),
    kept: [...kept].map(([channel, why]) => ({ channel, why })),
  };
}

function isAsked(
  { channel, messages, newestMs, run }: ChannelSeen,
  { channels, beforeMs, runs }: ArchiveWish,
): boolean {
  if (channels !== null) return channels.includes(channel);
  return messages > 0 && (!runs || run !== null) && (beforeMs === null || newestMs < beforeMs);
}

function reasonToKeep(
  { channel, messages, run, odd }: ChannelSeen,
  { open, claimed, referred }: StillNeeded,
  byName: ReadonlyMap<string, ChannelSeen>,
): string | null {
  if (messages === 0) return 'it has no messages';
  if (open.has(channel)) return 'a message in it waits for an answer';
  if (claimed.has(channel)) return 'a host holds a claim in it';
  if (run?.ended === false) return 'its run has not ended';
  const parent = run?.parent ?? null;
  if (parent !== null && byName.get(parent)?.run?.ended === false)
    return `the run that it belongs to continues in "${parent}"`;
  if (referred.has(channel)) return 'something open refers to it';
  const [thing] = odd;
  return thing === undefined ? null : `"${thing}" is not a plain file`;
}
