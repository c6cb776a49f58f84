/**
 * A letter that a person adds, as one commit. What `send` must look for first stands in send.ts.
 */
import { formatTrailers } from '../../protocol/trailers.ts';
import { expandAddresses, formatAddress } from '../../protocol/address.ts';
import { decodeModels } from '../../protocol/decode-models.ts';
import { actsOutside } from '../../protocol/isolation.ts';
import { channelOf, messageId, parseGatePath } from '../../protocol/paths.ts';
import { hear } from '../../protocol/trust.ts';
import type { TransportSession } from '../session/transport-session.ts';
import { commitBy, publishFor } from '../session/publish-for.ts';
import { DECISION, type Needs } from '../session/sign-as-person.ts';
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
  const transaction = commitBy({ identity, name: `send ${letter.path}` }, () => ({
    writes: [{ path: letter.path, content: letter.content }],
    message: `${told}${again}${formatTrailers([['Asks', asks ?? null]])}`,
  }));
  const needs = needsOf(session, letter, sender.name);
  const closes = retries !== undefined && (await isSigned(session, retries));
  const [outcome] = await publishFor(
    session,
    [transaction],
    closes ? { ...needs, kinds: [...needs.kinds, 'hosts'] } : needs,
  );
  return outcome?.kind === 'landed' ? (outcome.commits[0] ?? '') : '';
}

/** Who must sign a letter: who decides or orders something with it, or who asks. */
export function needsOf(
  { mirror }: Pick<TransportSession, 'mirror'>,
  { path, message }: Letter,
  from: string,
): Needs {
  const { fields } = message;
  if (fields.op !== null || fields.re.some((re) => parseGatePath(re) !== null)) return DECISION;
  const { models } = decodeModels(mirror.modelsText() ?? '');
  const isExternal =
    actsOutside(path, message) ||
    expandAddresses(fields.to, [...models.keys()]).some(
      ({ name }) => name === 'workflow' || models.get(name)?.effects === 'external',
    );
  return { kinds: [isExternal ? 'external' : 'all'], right: 'ask', from };
}

/** Whether somebody known has signed a message, which only they can ask again then. */
async function isSigned(
  { repository, mirror, trust }: TransportSession,
  path: string,
): Promise<boolean> {
  const { tip } = mirror.index();
  const writers = tip === null ? null : await repository.findWriters([path], tip);
  return hear(writers?.get(path)?.signed ?? null, (await trust()).signers).kind === 'known';
}
