/**
 * What counts on this host at the tip that it has: the keys that it knows with what people may do,
 * and files that must be signed. PROTOCOL.md "Signatures".
 */
import type { Oid } from '../base/ids.ts';
import { requires, type SignedFileKind, standingKey, type Trust } from '../protocol/trust.ts';
import type { ReadableFile } from '../transport/find-readable.ts';
import type { Dispatcher } from './dispatcher.ts';
import { blobAt, findSigned, withPeople } from './signed-file.ts';

/** Whose word counts here now; absent: nothing is signed. The same value until it changes. */
export async function trustNow({ state, doors, mirror }: Dispatcher): Promise<Trust | undefined> {
  const pinned = await doors.trust?.();
  const { tip } = mirror.index();
  if (pinned === undefined || tip === null || pinned.rights === null) return pinned;
  const { now } = state.trust;
  if (now?.tip === tip && now.pinned === pinned) return now.trust;
  const found = await withPeople({ repository: doors.repository, tip }, pinned);
  const isSame = now?.pinned === pinned && tellRights(now.trust) === tellRights(found);
  const trust = isSame ? now.trust : found;
  state.trust.now = { tip, pinned, trust };
  return trust;
}

function tellRights({ rights }: Trust): string {
  return JSON.stringify([...(rights ?? [])].map(([name, may]) => [name, ...may]));
}

/**
 * The text of a file as it counts here: as it stands at the tip, where no signature of its kind is
 * required. `fallback`: what is given without one. One look-up while nothing changes.
 */
export async function readInForce(
  dispatcher: Dispatcher,
  file: ReadableFile & { readonly kind: SignedFileKind; readonly tip: Oid },
  fallback: () => Promise<string | null>,
): Promise<string | null> {
  const { state, doors } = dispatcher;
  const { repository } = doors;
  const { path, kind, tip, isReadable } = file;
  const trust = await trustNow(dispatcher);
  if (trust === undefined || !requires(trust, kind)) return fallback();
  const signing = { repository, tip, trust, right: 'models', isReadable } as const;
  const blob = await blobAt(signing, tip, path);
  if (blob !== null && trust.letThrough.has(standingKey({ path, blob }))) return fallback();
  const found = await findSigned(signing, path);
  const isNew = state.trust.files.get(path) !== found;
  state.trust.files.set(path, found);
  if (isNew && found.isHeld)
    doors.log.warning('file.unsigned', {
      path,
      next: 'nobody known here signed this version; the last signed version stays in force',
    });
  return found.text;
}
