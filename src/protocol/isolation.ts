/** The worktree and branch that a message asks for. PROTOCOL.md "Projects". */
import type { Message } from './message.ts';
import { messageId, parseMessagePath } from './paths.ts';
import { readYamlMapping } from './yaml.ts';

export interface Isolation {
  /** Commit, tag or branch that the work begins at when its branch does not exist yet. */
  readonly base: string;
  readonly branch: string;
  /** The worktree stays after the work. */
  readonly keep: boolean;
}

export type IsolationRead =
  | { readonly kind: 'none' }
  | { readonly kind: 'worktree'; readonly isolation: Isolation }
  | { readonly kind: 'refused'; readonly why: string };

const BRANCH = /^[A-Za-z0-9][A-Za-z0-9._/-]{0,199}$/;
/** What git takes in no name of a branch. */
const NO_BRANCH = /\.\.|\/\/|\/\.|\.lock(?:\/|$)|[./]$/;
const BASE = /^[A-Za-z0-9][A-Za-z0-9._/^~-]{0,199}$/;

/**
 * What the message at `path` says of it. Names are checked here: they come from a message and go to
 * git.
 */
export function readIsolation(path: string, message: Message): IsolationRead {
  const read = readYamlMapping(message.yaml, 'typed');
  const raw = read.kind === 'mapping' ? read.value : {};
  const wanted = raw['isolate'] ?? 'none';
  if (wanted === 'none') return { kind: 'none' };
  if (wanted !== 'worktree')
    return {
      kind: 'refused',
      why: `"isolate" must be worktree or none, got ${JSON.stringify(wanted)}`,
    };
  if (message.fields.project === null)
    return { kind: 'refused', why: '"isolate: worktree" needs a "project"' };
  const base = raw['base'] ?? 'HEAD';
  const channel = parseMessagePath(path)?.channel ?? 'message';
  const id = messageId(path);
  const branch =
    raw['branch'] ??
    `ct/${channel}/${slug(id.startsWith(`${channel}/`) ? id.slice(channel.length + 1) : id)}`;
  if (typeof base !== 'string' || !BASE.test(base) || base.includes('..'))
    return { kind: 'refused', why: `"base" is not a commit or branch: ${JSON.stringify(base)}` };
  if (typeof branch !== 'string' || !BRANCH.test(branch) || NO_BRANCH.test(branch))
    return {
      kind: 'refused',
      why: `"branch" is not a name of a branch: ${JSON.stringify(branch)}`,
    };
  return { kind: 'worktree', isolation: { base, branch, keep: raw['keep'] === true } };
}

/** What a message that asks the same again says of it. */
export function isolationOf({ yaml }: Message): Readonly<Record<string, unknown>> {
  const read = readYamlMapping(yaml, 'typed');
  const { isolate, base, branch, keep } = read.kind === 'mapping' ? read.value : {};
  return isolate === undefined ? {} : { isolate, base, branch, keep };
}

/**
 * Whether a message says that its work may change what nobody can take back: `external`, or `git`
 * outside its own worktree.
 */
export function actsOutside(path: string, message: Message): boolean {
  const { effects } = message.fields;
  return (
    effects === 'external' ||
    (effects === 'git' && readIsolation(path, message).kind !== 'worktree')
  );
}

function slug(id: string): string {
  return (
    id
      .replaceAll(/[^A-Za-z0-9-]+/g, '-')
      .replaceAll(/^-+|(?<!-)-+$/g, '')
      .slice(0, 100) || 'message'
  );
}
