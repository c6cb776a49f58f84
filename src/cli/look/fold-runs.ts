/**
 * The tasks of a run as one line of `log`: what a run says to its models is its own affair, until
 * somebody asks for it.
 */
import { parseGatePath, parseTaskPath, runFiles } from '../../protocol/paths.ts';
import { readTextAt } from '../../transport/read-text.ts';
import { parseHeader } from '../../workflow/run/header.ts';
import { archiveOf } from './read-archive.ts';
import { type Filter, listFiles, type Said } from './read-conversation.ts';
import { tipOf } from './reading.ts';
import type { TransportSession } from '../session/transport-session.ts';

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

/** What began a run, null where nothing tells it any more, and how many tasks it has had. */
export async function readBegun(
  session: TransportSession,
  run: string,
): Promise<{ readonly marker: string | null; readonly tasks: number }> {
  const tip = tipOf(session);
  const path = runFiles(run).header;
  const standing = await readTextAt(session.repository, tip, path);
  const archive = standing === null ? await archiveOf(session) : null;
  const at = archive ?? tip;
  const text = standing ?? (await readTextAt(session.repository, at, path));
  const files = await listFiles(session.repository, { from: null, to: at, channel: run });
  const tasks = files.filter((file) => parseTaskPath(file.path) !== null).length;
  return { marker: text === null ? null : (parseHeader(text)?.marker ?? null), tasks };
}
