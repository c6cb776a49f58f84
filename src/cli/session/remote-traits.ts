/**
 * What a remote can do, as the transport's version file records it: all hosts have to agree on
 * where claims stand. PROTOCOL.md "Remotes".
 */
import { CrosstalkError } from '../../base/errors.ts';
import { PROTOCOL_VERSION } from '../../protocol/paths.ts';
import { fixBy } from '../../base/fix.ts';

export interface RemoteTraits {
  /** Takes refs outside refs/heads and refs/tags. */
  readonly customRefs: boolean;
  /** Takes all-or-nothing pushes. */
  readonly atomic: boolean;
}

/**
 * The traits in a CROSSTALK-VERSION; a file without them means a remote that can do everything.
 * Throws NOT_A_TRANSPORT for another version.
 */
export function readRemoteTraits(text: string | null): RemoteTraits {
  const [first = '', ...lines] = (text ?? String(PROTOCOL_VERSION)).split('\n');
  if (!/^7(?:\.0)*(?:-alpha[\w.]*)?$/.test(first.trim()))
    throw new CrosstalkError(
      'NOT_A_TRANSPORT',
      `CROSSTALK-VERSION says "${first.trim().slice(0, 20)}", this program speaks ${PROTOCOL_VERSION}`,
      { fix: fixBy`npm install -g crosstalkd@latest` },
    );
  const says = (key: string): boolean => lines.some((line) => line.trim() === `${key}: no`);
  return { customRefs: !says('custom-refs'), atomic: !says('atomic-push') };
}

/** The text of a CROSSTALK-VERSION for a remote. */
export function formatVersionFile(traits: RemoteTraits): string {
  return `${PROTOCOL_VERSION}\n${traits.customRefs ? '' : 'custom-refs: no\n'}${traits.atomic ? '' : 'atomic-push: no\n'}`;
}
