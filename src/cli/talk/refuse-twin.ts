/** A message is not sent under a name that has its id already. */
import { CrosstalkError } from '../../base/errors.ts';
import { fixByHand } from '../../base/fix.ts';
import { identityOf, parseMessagePath } from '../../protocol/paths.ts';
import { tipOf } from '../look/reading.ts';
import type { TransportSession } from '../session/transport-session.ts';

/**
 * Throws MESSAGE_REJECTED for a name that differs only in case, or in how it is composed, from one
 * beside it: that is one message, and the second would never be run.
 */
export async function refuseTwin(session: TransportSession, path: string): Promise<void> {
  const own = parseMessagePath(path);
  const folder = path.slice(0, path.lastIndexOf('/'));
  const entries = await session.repository.list(tipOf(session), folder);
  const twin = entries.find(({ name }) => {
    const other = parseMessagePath(`${folder}/${name}`);
    if (own === null || other === null || other.path === path) return false;
    return (
      identityOf(other) === identityOf(own) && other.replyTo?.recipient === own.replyTo?.recipient
    );
  });
  if (twin === undefined) return;
  throw new CrosstalkError(
    'MESSAGE_REJECTED',
    `${path} has the same id as ${folder}/${twin.name}, which is there already`,
    { fix: fixByHand('give the file another name') },
  );
}
