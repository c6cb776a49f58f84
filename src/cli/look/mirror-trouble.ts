/** What a dispatcher here has written down of a mirror that does not take the branch. */
import { readTextFile } from '../../local/durable-file.ts';
import type { ReasonOf } from '../../protocol/reason.ts';
import type { TransportSession } from '../session/transport-session.ts';

type Trouble = Omit<ReasonOf<'mirror-behind'>, 'kind'>;

/** As a file: the address without a password, then what git says, a line each. */
export function formatMirrorTrouble({ url, line }: Trouble): string {
  return `${url}\n${line}\n`;
}

/** Null when the mirror has taken everything, or none is written to. */
export async function readMirrorTrouble({
  directory,
}: Pick<TransportSession, 'directory'>): Promise<ReasonOf<'mirror-behind'> | null> {
  const text = await readTextFile(directory.mirrorTroubleFile).catch(() => null);
  const [url = '', line = ''] = (text ?? '').split('\n');
  return url === '' ? null : { kind: 'mirror-behind', url, line };
}
