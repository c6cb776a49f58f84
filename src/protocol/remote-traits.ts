/**
 * Abilities of a remote, as the version file of the transport records them: all hosts must agree
 * where claims are. PROTOCOL.md "Remotes". Pure.
 */
import { CrosstalkError } from '../base/errors.ts';
import { fixBy } from '../base/fix.ts';
import { PROTOCOL_VERSION } from './paths.ts';

export interface RemoteTraits {
  /** Takes refs outside refs/heads and refs/tags. */
  readonly customRefs: boolean;
  /** Takes all-or-nothing pushes. */
  readonly atomic: boolean;
}

/**
 * The traits in a CROSSTALK-VERSION; a file without them, or none, means a remote that can do
 * everything. Null for another version of the protocol.
 */
export function parseRemoteTraits(text: string | null): RemoteTraits | null {
  const [first = '', ...lines] = (text ?? String(PROTOCOL_VERSION)).split('\n');
  if (!/^7(?:\.0)*(?:-alpha[\w.]*)?$/.test(first.trim())) return null;
  const says = (key: string): boolean => lines.some((line) => line.trim() === `${key}: no`);
  return { customRefs: !says('custom-refs'), atomic: !says('atomic-push') };
}

/** The same. Throws NOT_A_TRANSPORT for another version. */
export function readRemoteTraits(text: string | null): RemoteTraits {
  const traits = parseRemoteTraits(text);
  if (traits !== null) return traits;
  const [first = ''] = (text ?? '').split('\n');
  throw new CrosstalkError(
    'NOT_A_TRANSPORT',
    `CROSSTALK-VERSION says "${first.trim().slice(0, 20)}", this program speaks ${PROTOCOL_VERSION}`,
    { fix: fixBy`npm install -g crosstalkd@latest` },
  );
}

/** The text of a CROSSTALK-VERSION for a remote. */
export function formatVersionFile(traits: RemoteTraits): string {
  return `${PROTOCOL_VERSION}\n${traits.customRefs ? '' : 'custom-refs: no\n'}${traits.atomic ? '' : 'atomic-push: no\n'}`;
}

/** Whether two version files ask the same of a host. */
export function isSameVersion(one: string | null, other: string | null): boolean {
  const [a, b] = [parseRemoteTraits(one), parseRemoteTraits(other)];
  if (a === null || b === null) return one === other;
  return a.customRefs === b.customRefs && a.atomic === b.atomic;
}
