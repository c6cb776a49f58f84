/**
 * The index of open work: a fold over changes of the tree. It holds only messages that still wait
 * for somebody, and rejected files, so its size is that of the open work, not of the history. It is
 * a function of the tree: a host that joins later or lost its state computes the same index.
 * PROTOCOL.md "When a message is work".
 */
import { type Called, NOBODY_CALLED } from './people.ts';
import type { Oid } from '../base/ids.ts';
import type { Recipient } from './address.ts';
import type { ReasonOf } from './reason.ts';
import type { Rejection } from './rejection.ts';
import type { OlderAnswer } from './older-answer.ts';
import type { StartMark } from './started.ts';

/** A message that waits for at least one recipient. The body stays in the object database. */
export interface OpenMessage {
  readonly path: string;
  readonly channel: string;
  readonly identity: string;
  readonly blob: Oid;
  readonly from: string;
  readonly timestampMs: number;
  readonly hops: number;
  readonly priority: number;
  readonly isWorkflow: boolean;
  /** It may change something, whatever the entry of the model says. */
  readonly isExternal: boolean;
  /** Name of the directory that its agent should run in; null = none. */
  readonly project: string | null;
  /** The host that goes first while it is up; null = any. */
  readonly preferredHost: string | null;
  /** Its sender asks another model when this one fails. */
  readonly hasFallback: boolean;
  /** Who has not answered yet: models, and names that nobody knows. */
  readonly recipients: readonly Recipient[];
}

/** A file below a channel that is not a message, and why. */
export interface RejectedFile extends Rejection {
  readonly path: string;
  /**
   * The message with the same id that counts instead; when that one goes, this one is a message
   * again.
   */
  readonly twinOf?: string;
  /** A folder of which nothing is read; `path` is its own, without a trailing slash. */
  readonly isFolder?: true;
  /** The words of the command that fixes it, where more is known than `lint` says. */
  readonly remedy?: readonly string[];
}

export interface OpenIndex {
  /** The commit this is true of; null = nothing read yet. */
  readonly tip: Oid | null;
  /** Names in data/models.yaml at that commit, in code-unit order. */
  readonly models: readonly string[];
  readonly messages: ReadonlyMap<string, OpenMessage>;
  /**
   * Unanswered, but asked again by another message: no work, but a claim may still stand for one,
   * and it is work again when the other goes.
   */
  readonly superseded: ReadonlyMap<string, OpenMessage>;
  readonly rejected: ReadonlyMap<string, RejectedFile>;
  /** Message that asks again → the one it closes. */
  readonly retried: ReadonlyMap<string, string>;
  /**
   * Messages of older programs that answer others, by their paths: as many as an older transport
   * brought.
   */
  readonly older: ReadonlyMap<string, OlderAnswer>;
  /** Everyone who ever wrote: their names are not mistakes in a `to:`. */
  readonly people: ReadonlySet<string>;
  /**
   * Names by which something was left out or let in because they are models or are none. Only when
   * one of them comes to data/models.yaml or goes, what was dropped may count again.
   */
  readonly decisive: ReadonlySet<string>;
  /** Whose addresses are whose, by data/people.yaml. */
  readonly called: Called;
  /** Channels of the runs that have begun and not ended, whatever became of their markers. */
  readonly runs: ReadonlySet<string>;
  /** Marks of started agents whose work may be open, now or later, by their paths. */
  readonly started: ReadonlyMap<string, StartMark>;
  /** Replies that are ignored on this host, by their paths: all is as if without them. */
  readonly forged: ReadonlyMap<string, ForgedReply>;
}

/** Something at the path of a reply that nobody has signed who may answer. */
export interface ForgedReply {
  readonly path: string;
  /** What stands there: a file, or a folder. */
  readonly oid: Oid;
  /** Who signed it. */
  readonly found: ReasonOf<'unsigned'>['found'];
}

export const EMPTY_INDEX: OpenIndex = {
  tip: null,
  models: [],
  messages: new Map(),
  superseded: new Map(),
  rejected: new Map(),
  retried: new Map(),
  older: new Map(),
  people: new Set(),
  decisive: new Set(),
  called: NOBODY_CALLED,
  runs: new Set(),
  started: new Map(),
  forged: new Map(),
};
