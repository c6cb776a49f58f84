/** What an older program of protocol 7 left in a transport, in one line. */
import { decodeModels } from '../../protocol/decode-models.ts';
import { DISPATCHERS } from '../../protocol/paths.ts';
import { readFolder } from '../../transport/read-folder.ts';
import type { TransportSession } from '../session/transport-session.ts';
import { listAll } from './read-conversation.ts';
import { tipOf } from './reading.ts';
import { counted } from '../../protocol/say-reason.ts';

/** The line, or null when no older program has been here. */
export async function describeOlder(session: TransportSession): Promise<string | null> {
  const index = session.mirror.index();
  const registry = await readFolder(
    session.repository,
    { commit: tipOf(session), folder: DISPATCHERS },
    new Map(),
  );
  const { older } = decodeModels(session.mirror.modelsText() ?? '');
  if (index.older.size + older.size + registry.size === 0) return null;
  const answered = new Set(
    [...index.older.values()].flatMap(({ recipient, paths, to }) =>
      recipient === 'workflow' || to.includes('workflow') ? [] : paths,
    ),
  );
  const asks = [...index.messages.values()].map(({ recipients }) =>
    recipients.map(({ name }) => name),
  );
  const open = asks.filter((names) => names.some((name) => name !== 'workflow')).length;
  const runs = asks.filter((names) => names.includes('workflow')).length;
  const aliases = [...registry.keys()].map((path) =>
    path.slice(DISPATCHERS.length + 1).replace(/\.ya?ml$/, ''),
  );
  const line = `an older program left ${counted((await listAll(session)).length, 'message')}, ${answered.size} answered, ${open} open, ${counted(runs, 'run')} to carry on`;
  return aliases.length === 0 ? line : `${line}; stop its dispatchers first: ${aliases.join(', ')}`;
}
