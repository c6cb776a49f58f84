/**
 * The tasks of a run as one line of `log`: what a run says to its models is its own affair, until
 * somebody asks for it.
 */
import { channelFolder, parseGatePath, parseTaskPath, replyPath } from '../../protocol/paths.ts';
import { readTextAt } from '../../transport/read-text.ts';
import { parseHeader } from '../../workflow/run/header.ts';
import { archiveOf } from './read-archive.ts';
import { type Filter, listFiles, readPaths, type Said } from './read-conversation.ts';
import { tipOf } from './reading.ts';
import type { TransportSession } from '../session/transport-session.ts';

/** A run in one line. */
export interface FoldedRun {
  readonly run: string;
  /** The message that began it; null where nothing tells it any more. */
  readonly marker: string | null;
  readonly tasks: number;
  /** `open` while nobody has answered its marker. */
  readonly state: 'open' | 'succeeded' | 'failed' | 'cancelled';
}

/** The run that a message is a part of: a task, the question of a gate, or an answer to one. */
export function runOfSaid({ file, message }: Said): string | null {
  const path = file.replyTo?.path ?? file.path;
  const gate = message.fields.re.find((one) => parseGatePath(one)?.run === file.channel);
  return (parseTaskPath(path) ?? parseGatePath(gate ?? path))?.run ?? null;
}

/** Lets one message of each run through, for its line. */
export function oneOfEachRun(filter: Filter): Filter {
  const seen = new Set<string>();
  return {
    ...filter,
    fits: (said) => {
      const run = runOfSaid(said);
      if (run === null) return filter.fits(said);
      if (seen.has(run) || !filter.fits(said)) return false;
      seen.add(run);
      return true;
    },
  };
}

/** How a run stands: its tasks, and what its marker was answered with. */
export async function foldRun(session: TransportSession, run: string): Promise<FoldedRun> {
  const tip = tipOf(session);
  const path = `${channelFolder(run)}/RUN.json`;
  const standing = await readTextAt(session.repository, tip, path);
  const archive = standing === null ? await archiveOf(session) : null;
  const at = archive ?? tip;
  const text = standing ?? (await readTextAt(session.repository, at, path));
  const files = await listFiles(session.repository, { from: null, to: at, channel: run });
  const tasks = files.filter((file) => parseTaskPath(file.path) !== null).length;
  const marker = text === null ? null : (parseHeader(text)?.marker ?? null);
  const [answer] = marker === null ? [] : await readPaths(session, [replyPath(marker, 'workflow')]);
  return { run, marker, tasks, state: stateOf(answer) };
}

function stateOf(answer: Said | undefined): FoldedRun['state'] {
  if (answer === undefined) return 'open';
  const { failed, error } = answer.message.fields;
  return !failed ? 'succeeded' : error === 'cancelled' ? 'cancelled' : 'failed';
}
