/** What `doctor` says of what attempts have left on this machine. */
import { readdir, readFile } from 'node:fs/promises';
import { fixBy, orElse, withNote } from '../../base/fix.ts';
import { parseJson } from '../../base/parse-json.ts';
import { removeTree } from '../../base/remove-tree.ts';
import { isErrno } from '../../local/durable-file.ts';
import { listLate } from '../../local/late.ts';
import { counted } from '../../protocol/say-reason.ts';
import type { Surroundings } from '../look/look-around.ts';
import { isMapping } from '../../protocol/yaml.ts';
import { type Finding, fine, trouble } from './finding.ts';

/** Answers that were not delivered, outputs that came too late, folders of attempts. */
export async function examineLeftovers(around: Surroundings): Promise<readonly Finding[]> {
  const { session, here } = around;
  const outbox = (await readdir(session.directory.outbox)).filter((name) =>
    name.endsWith('.json'),
  ).length;
  const late = await listLate(session.directory.late);
  return [
    outbox > 0 && here === null
      ? trouble('warn', 'outbox', {
          says: `${counted(outbox, 'finished answer')} not delivered${await lastRefusal(session.directory.logFile)}`,
          fix: 'crosstalkd run --once',
        })
      : fine('outbox', outbox === 0 ? 'empty' : `${counted(outbox, 'answer')} on the way`),
    ...(late.length === 0
      ? []
      : [
          trouble('warn', 'late output', {
            says: `${counted(late.length, 'output')} came too late to be a reply and ${late.length === 1 ? 'is' : 'are'} kept for you`,
            fix: orElse(
              fixBy`crosstalkd status`,
              withNote(fixBy`ls ${session.directory.late}`, 'remove what you have read'),
            ),
          }),
        ]),
    ...(await examineScratch(around)),
  ];
}

/** What the remote said when it last refused an answer, unless it has taken one since. */
async function lastRefusal(logFile: string): Promise<string> {
  const lines = (await readFile(logFile, 'utf8').catch(() => '')).trimEnd().split('\n');
  const records = lines.slice(-LINES_READ).flatMap(recordOf);
  const last = records.findLast(({ event }) => TOLD.includes(event));
  const isRefused = last?.event === 'publish.refused' && typeof last.reason === 'string';
  return isRefused ? `; the remote said: ${last.reason}` : '';
}

const LINES_READ = 1_000;
const TOLD: readonly unknown[] = ['publish.refused', 'reply.published'];

function recordOf(line: string): readonly { readonly event: unknown; readonly reason: unknown }[] {
  const record = parseJson(line);
  return isMapping(record) ? [{ event: record['event'], reason: record['reason'] }] : [];
}

/** While no agent runs, nothing belongs there: leftovers of agents and crashes are removed. */
async function examineScratch({
  session,
  here,
  hereSilent,
}: Surroundings): Promise<readonly Finding[]> {
  const { scratch } = session.directory;
  const left = await readdir(scratch).catch((error: unknown) =>
    isErrno(error, 'ENOENT') ? [] : [scratch],
  );
  if (here !== null || hereSilent || left.length === 0) return [];
  return [
    trouble('warn', 'scratch', {
      says: `folders left by attempts: ${scratch}`,
      fix: fixBy`crosstalkd doctor --fix`,
      repair: async () => {
        await removeTree(scratch);
        return `removed ${scratch}`;
      },
    }),
  ];
}
