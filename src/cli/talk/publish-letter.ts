/**
 * A letter that a person adds, as one commit. What `send` has to look for first stands in send.ts.
 */
import { formatTrailers } from '../../protocol/trailers.ts';
import { systemClock } from '../../base/clock.ts';
import { formatAddress } from '../../protocol/address.ts';
import { channelOf, messageId } from '../../protocol/paths.ts';
import type { TransportSession } from '../session/transport-session.ts';
import { publishFor } from '../session/publish-for.ts';
import { composeCommitMessage, type Letter } from './compose-message.ts';
import { tellMarker } from '../../workflow/language/marker.ts';
import type { Sender } from './person.ts';

/** Facts of the commit that the letter does not have. */
export interface Told {
  /** An order to a run: instead of recipients and first line. */
  readonly order?: string | null;
  /** The message that is asked again with it. */
  readonly retries?: string | undefined;
  /** Its own path, when an agent asks a person with it. */
  readonly asks?: string | undefined;
}

/** Publishes it. Gives the commit, or an empty text when nothing had to be added. */
export async function publishLetter(
  session: TransportSession,
  { sender, letter }: { readonly sender: Sender; readonly letter: Letter },
  { order = null, retries, asks }: Told = {},
): Promise<string> {
  const channel = channelOf(letter.path) ?? '';
  const said = order ?? tellMarker(letter.message);
  const to = order === null ? letter.message.fields.to.map(formatAddress).join(', ') : channel;
  const told = composeCommitMessage(letter, { from: sender.name, to, channel, said });
  const again =
    retries === undefined
      ? ''
      : formatTrailers([
          ['Retries', messageId(retries)],
          ['To', letter.message.fields.to.map(({ name }) => name).join(' ')],
          ['Message', messageId(letter.path)],
        ]);
  const { identity } = sender;
  const writes = [{ path: letter.path, content: letter.content }];
  const draft = {
    writes,
    author: identity,
    committer: identity,
    atMs: systemClock.wallMs(),
    message: `${told}${again}${formatTrailers([['Asks', asks ?? null]])}`,
  };
  const [outcome] = await publishFor(session, [
    { name: `send ${letter.path}`, fences: [], decide: () => Promise.resolve([draft]) },
  ]);
  return outcome?.kind === 'landed' ? (outcome.commits[0] ?? '') : '';
}
