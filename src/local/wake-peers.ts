/**
 * Which hosts this one may call, as its operator says in `wake-peers`: addresses, networks and
 * names, each for every port.
 */
import { BlockList, isIP } from 'node:net';
import { parseWakeAddress, type WakeAddress } from '../protocol/wake-address.ts';

/** True for what may stand in `wake-peers`. */
export function isPeer(text: string): boolean {
  return (
    readNetwork(text) !== null ||
    isIP(text) !== 0 ||
    (parseWakeAddress(`${text}:1`)?.host === text && !/^[\d.]+$/.test(text))
  );
}

/**
 * Says of an address whether it may be called. Names are allowed as they are written and never
 * resolved to be compared: what a name means is the resolver's word, which the operator trusts for
 * these.
 */
export function allowPeers(peers: readonly string[]): (address: WakeAddress) => boolean {
  const networks = new BlockList();
  const names = new Set<string>();
  for (const peer of peers) {
    const network = readNetwork(peer);
    if (network !== null) networks.addSubnet(network.net, network.prefix, network.family);
    else if (isIP(peer) !== 0) networks.addAddress(peer, familyOf(peer));
    else names.add(peer.toLowerCase());
  }
  return ({ host }) => (isIP(host) === 0 ? names.has(host) : networks.check(host, familyOf(host)));
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 6 ? 'ipv6' : 'ipv4';
}

function readNetwork(
  text: string,
): { readonly net: string; readonly prefix: number; readonly family: 'ipv4' | 'ipv6' } | null {
  const [net = '', digits, ...more] = text.split('/');
  if (digits === undefined || more.length > 0 || isIP(net) === 0 || !/^\d{1,3}$/.test(digits))
    return null;
  const family = familyOf(net);
  const prefix = Number(digits);
  // A network of everything would make every address in a forged beat one to call.
  return prefix >= 8 && prefix <= (family === 'ipv4' ? 32 : 128) ? { net, prefix, family } : null;
}
