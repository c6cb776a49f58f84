/**
 * Calls other hosts, so that they look at once. Their addresses come from beats, which anybody who
 * can push may forge: so only those that this host's operator allows are called, always with the
 * same few bytes, never more often than once a second, and what they answer is not read.
 */
import { request } from 'node:http';
import type { Clock } from '../base/clock.ts';
import {
  formatWakeAddress,
  parseWakeAddress,
  WAKE_PATH,
  type WakeAddress,
} from '../protocol/wake-address.ts';
import { allowPeers } from './wake-peers.ts';
import { SIGNATURE_HEADER, signWake } from './wake-request.ts';

export interface PokeOptions {
  /**
   * As in the setting `wake-peers`: addresses, networks (`10.0.0.0/8`) and host names, each for
   * every port.
   */
  readonly peers: readonly string[];
  readonly secret: string;
  readonly clock: Clock;
}

const HOSTS_MAX = 32;
const EACH_MS = 1_000;
const ANSWER_MS_MAX = 2_000;
const BODY = '{"crosstalk":"look"}';

/**
 * Calls each of the addresses that the operator allows. Failures are nobody's loss: the next look
 * finds the change.
 */
export function createPoke({
  peers,
  secret,
  clock,
}: PokeOptions): (addresses: readonly string[]) => void {
  const isAllowed = allowPeers(peers);
  const calledMs = new Map<string, number>();
  const headers = {
    'content-type': 'application/json',
    'content-length': String(BODY.length),
    [SIGNATURE_HEADER]: signWake(secret, BODY),
  };
  return (addresses) => {
    const nowMs = clock.monotonicMs();
    const due = [...new Set(addresses)].flatMap((text) => {
      const address = parseWakeAddress(text);
      return address !== null &&
        isAllowed(address) &&
        nowMs - (calledMs.get(text) ?? Number.NEGATIVE_INFINITY) >= EACH_MS
        ? [address]
        : [];
    });
    for (const [text, ms] of calledMs) if (nowMs - ms >= EACH_MS) calledMs.delete(text);
    for (const address of due.slice(0, HOSTS_MAX)) {
      calledMs.set(formatWakeAddress(address), nowMs);
      call(address, headers);
    }
  };
}

function call({ host, port }: WakeAddress, headers: Readonly<Record<string, string>>): void {
  const sent = request({
    host,
    port,
    path: WAKE_PATH,
    method: 'POST',
    headers,
    agent: false,
    timeout: ANSWER_MS_MAX,
  });
  const end = (): void => void sent.destroy();
  // Silence on the socket ends it, and a stream of single bytes too.
  const timer = setTimeout(end, ANSWER_MS_MAX);
  timer.unref();
  sent.once('timeout', end);
  sent.once('response', end);
  sent.once('close', () => clearTimeout(timer));
  sent.on('error', () => undefined);
  sent.on('socket', (socket) => socket.unref());
  sent.end(BODY);
}
