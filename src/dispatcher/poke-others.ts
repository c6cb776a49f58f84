/**
 * Calls the hosts whose beats say where, after this host has published something; they then poll at
 * once.
 */
import { parseBeat } from '../protocol/beat.ts';
import type { Dispatcher } from './dispatcher.ts';
import { refsUnder } from './refs-under.ts';

/**
 * Calls them. It passes on only what this host or its user has published, never what it heard:
 * calls cannot go in circles.
 */
export function pokeOthers({ settings, state, doors }: Dispatcher): void {
  if (!settings.pokes) return;
  const addresses = refsUnder(state.refs, settings.refs.hosts).flatMap(([, oid]) => {
    const record = state.records.get(oid);
    const beat = record == null ? null : parseBeat(record.text);
    return beat?.wake == null ||
      beat.instance === doors.local.instance ||
      beat.wake === settings.wakeAddress
      ? []
      : [beat.wake];
  });
  if (addresses.length > 0) doors.poke(addresses);
}
