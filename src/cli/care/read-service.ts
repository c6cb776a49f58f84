/** The service of a transport as it stands on this disk. Only reads. */
import { readFile } from 'node:fs/promises';
import type { Invocation } from '../command.ts';
import type { TransportSession } from '../session/transport-session.ts';
import { managerHere, missingPrograms } from './service-manager.ts';
import { serviceOf } from './service.ts';

/** Its name and what it lacks; null: there is none. */
export async function readService(
  invocation: Invocation,
  session: TransportSession,
): Promise<{ readonly name: string; readonly missing: readonly string[] } | null> {
  const { places } = serviceOf(invocation, session, managerHere());
  const text = await readFile(places.file, 'utf8').catch(() => null);
  return text === null ? null : { name: places.name, missing: missingPrograms(text) };
}
