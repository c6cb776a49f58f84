/** What `doctor` says of the size of a transport and of its pushes, beside what forges advise. */
import { dirname } from 'node:path/posix';
import { fixByHand } from '../../base/fix.ts';
import { paceOfUrl } from '../../protocol/pace.ts';
import { CHANNELS } from '../../protocol/paths.ts';
import { countPushes } from '../look/bus.ts';
import type { Surroundings } from '../look/look-around.ts';
import { paceOf, type TransportSession } from '../session/transport-session.ts';
import { type Finding, trouble } from './finding.ts';

/** Branches and other refs above which forges become slow. */
const REFS_MAX = 5_000;
/** Files right in one folder above which forges become slow. */
const FILES_MAX = 3_000;

/** What is more than forges advise: refs, files in one folder, pushes of the last minute. */
export async function examineLoad({
  session,
  hosts,
}: Pick<Surroundings, 'session' | 'hosts'>): Promise<readonly Finding[]> {
  return [
    ...(await examineRefCount(session)),
    ...(await examineFolders(session)),
    ...(await examinePushes(session, countPushes(hosts))),
  ];
}

async function examineRefCount({ repository }: TransportSession): Promise<readonly Finding[]> {
  const listed = await repository.listRefs(['refs/']);
  const refs = listed.kind === 'reached' ? listed.value.refs.size : 0;
  if (refs <= REFS_MAX) return [];
  return [
    trouble('warn', 'refs', {
      says: `the remote has ${count(refs)} refs; forges advise at most ${count(REFS_MAX)}`,
      fix: fixByHand('delete branches and tags that nobody needs'),
    }),
  ];
}

async function examineFolders({
  repository,
  mirror,
}: TransportSession): Promise<readonly Finding[]> {
  const { tip } = mirror.index();
  if (tip === null) return [];
  const files = new Map<string, number>();
  for await (const changes of repository.walk({ from: null, to: tip, under: CHANNELS }))
    for (const { path } of changes) {
      const folder = dirname(path);
      files.set(folder, (files.get(folder) ?? 0) + 1);
    }
  const large = [...files].filter(([, size]) => size > FILES_MAX).sort((a, b) => b[1] - a[1]);
  const [largest] = large;
  if (largest === undefined) return [];
  const [folder, size] = largest;
  const others = large.length === 1 ? '' : `, and ${count(large.length - 1)} more are too large`;
  return [
    trouble('warn', 'folders', {
      says: `${folder} has ${count(size)} files${others}; forges advise at most ${count(FILES_MAX)}`,
      fix: fixByHand('archive channels that have ended; send writes into a folder for each day'),
    }),
  ];
}

async function examinePushes(
  session: TransportSession,
  pushes: number,
): Promise<readonly Finding[]> {
  const { limits } = await paceOf(session);
  const advised = paceOfUrl(session.located.url).limits;
  const most = limits?.pushesPerMinute ?? advised?.pushesPerMinute ?? Number.POSITIVE_INFINITY;
  if (pushes <= most) return [];
  return [
    trouble('warn', 'pushes', {
      says: `the hosts have pushed ${count(pushes)} times in the last minute; ${count(most)} are advised`,
      fix: fixByHand('use a second transport, or let fewer hosts serve this one'),
    }),
  ];
}

function count(number: number): string {
  return number.toLocaleString('en');
}
