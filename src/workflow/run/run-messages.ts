/**
 * What people wrote into a run's channel: control messages, answers to gates, other messages; and
 * what the engine answered to them.
 */
import { byCodeUnit } from '../../base/order.ts';
import type { Message } from '../../protocol/message.ts';
import { readMessage } from './message-memo.ts';
import { channelRoot, parseMessagePath, replyPath } from '../../protocol/paths.ts';
import { nameOf, type Speaker } from '../../protocol/who-said.ts';
import { asJson, isJsonObject, type JsonObject } from '../language/json.ts';
import { readYamlMapping } from '../../protocol/yaml.ts';
import type { RunInput } from './run-input.ts';
import { rememberText } from './text-memo.ts';
import { gateOfAsk, isBelowTasks } from '../../protocol/run-paths.ts';

export interface PersonMessage {
  readonly path: string;
  /** Who wrote it, by the committer; `from:` when nobody knows. */
  readonly from: string;
  /** Null when nobody knows who committed it: then it is not a vote. */
  readonly speaker: Speaker | null;
  readonly atMs: number;
  readonly message: Message;
  /** Typed front matter, with keys the protocol does not know. */
  readonly keys: JsonObject;
}

/** A control message and the engine's answer. `seq` orders the answered ones by commit. */
export interface Control extends PersonMessage {
  readonly op: string;
  readonly seq: number | null;
  readonly isRefused: boolean;
}

export interface RunMessages {
  readonly controls: readonly Control[];
  /** Everything else that is a message, in order of time, then path. */
  readonly others: readonly PersonMessage[];
}

/**
 * The files that may be messages of people, in whatever order: few, also where the engine's are
 * many.
 */
export function messageFiles(
  input: RunInput,
  root: string,
): readonly (readonly [path: string, text: string])[] {
  const files: (readonly [string, string])[] = [];
  for (const file of input.files)
    if (file[0].startsWith(root) && !isOfEngine(file[0].slice(root.length))) files.push(file);
  return files;
}

/** True when a file of the run may be a message of a person. */
export function isPersonPath(path: string, root: string): boolean {
  if (!path.startsWith(root) || isOfEngine(path.slice(root.length))) return false;
  const parsed = parseMessagePath(path);
  return parsed !== null && parsed.replyTo?.recipient !== 'workflow';
}

/** Reads them. Files of the engine (steps, plan, asks, replies) do not come from people. */
export function readRunMessages(
  input: RunInput,
  files: ReturnType<typeof messageFiles>,
): RunMessages {
  const messages: PersonMessage[] = [];
  const root = channelRoot(input.run);
  for (const [path, text] of files) {
    const parsed = parseMessagePath(path);
    if (parsed === null || parsed.replyTo?.recipient === 'workflow') continue;
    const read = readMessage(
      isBareAnswer(path, root, text) ? `---\nto: workflow\n---\n${text}` : text,
    );
    if (read.kind === 'rejected') continue;
    const { fields } = read.message;
    const speaker = input.lookUp.whoSaid(path);
    const from = speaker === null ? (fields.from ?? 'unknown') : nameOf(speaker, fields.from);
    messages.push({
      path,
      from,
      speaker,
      atMs: fields.timestampMs ?? speaker?.atMs ?? 0,
      message: read.message,
      keys: typedKeys(read.message.yaml),
    });
  }
  messages.sort((a, b) => a.atMs - b.atMs || byCodeUnit(a.path, b.path));
  const controls = messages.flatMap((each): Control[] => {
    const op = each.message.fields.op;
    return op === null
      ? []
      : [{ ...each, op, ...readAck(input.files.get(replyPath(each.path, 'workflow'))) }];
  });
  return { controls, others: messages.filter((each) => each.message.fields.op === null) };
}

/** Words at the place of the answer to a gate: what they answer stands in their name. */
function isBareAnswer(path: string, root: string, text: string): boolean {
  const question = parseMessagePath(path)?.replyTo?.path.slice(root.length) ?? '';
  return gateOfAsk(question) !== null && !text.startsWith('---');
}

/** Control messages that were answered and not refused, in the order of their answers. */
export function acknowledged(messages: RunMessages, ops: readonly string[]): readonly Control[] {
  return messages.controls
    .filter((control) => control.seq !== null && !control.isRefused && ops.includes(control.op))
    .sort((a, b) => (a.seq ?? 0) - (b.seq ?? 0));
}

function isOfEngine(below: string): boolean {
  return isBelowTasks(below) || gateOfAsk(below) !== null;
}

function readAck(text: string | undefined): {
  readonly seq: number | null;
  readonly isRefused: boolean;
} {
  if (text === undefined) return { seq: null, isRefused: false };
  const read = readMessage(text);
  if (read.kind === 'rejected') return { seq: 0, isRefused: true };
  const seq = typedKeys(read.message.yaml)['seq'];
  return { seq: typeof seq === 'number' ? seq : 0, isRefused: read.message.fields.failed };
}

const typedKeys = rememberText((yaml): JsonObject => {
  const read = readYamlMapping(yaml, 'typed');
  const value = read.kind === 'mapping' ? asJson(read.value) : undefined;
  return isJsonObject(value) ? value : {};
});
