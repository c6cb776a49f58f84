/** Addresses: `opus`, `opus@mbp`, `all`, `workflow`, a person's name. PROTOCOL.md "Addresses". */
import { byCodeUnit } from '../base/order.ts';
import { isAlias, isName } from './names.ts';

export interface Address {
  readonly name: string;
  /** The only host that may answer, or null for any. */
  readonly host: string | null;
}

/** One model that a message asks, and the hosts it may run on; `hosts: null` = any. */
export interface Recipient {
  readonly name: string;
  readonly hosts: readonly string[] | null;
}

/** Who writes: a name, and for dispatchers before 8 the host that answered. */
export interface Sender {
  readonly name: string;
  /** As written: it is only shown, and addresses nobody. */
  readonly host: string | null;
}

/**
 * The address in `text`, in lower case; null for anything else. `provider/model` is the name
 * `provider-model`.
 */
export function parseAddress(text: string): Address | null {
  const [written = '', host, ...rest] = text.trim().toLowerCase().split('@');
  const name = plainName(written);
  if (!isName(name) || rest.length > 0) return null;
  if (host === undefined) return { name, host: null };
  return isAlias(host) ? { name, host } : null;
}

/** Who `from:` names; null when no name is before the `@`. */
export function parseSender(text: string): Sender | null {
  const [written = '', ...rest] = text.trim().split('@');
  const name = plainName(written.toLowerCase());
  return isName(name) ? { name, host: rest.length === 0 ? null : rest.join('@') } : null;
}

/** The name that stands for `provider/model`; every other text is itself. */
export function plainName(text: string): string {
  return text.includes('/') ? text.replace(/^([^/]+)\/([^/]+)$/, '$1-$2') : text;
}

/** `opus@mbp`, or `opus` for any host. */
export function formatAddress(address: Address): string {
  return address.host === null ? address.name : `${address.name}@${address.host}`;
}

/**
 * Who a message asks: every name once, in code-unit order. `all` stands for every model of
 * `models`. A name that is also given without a host may run anywhere.
 */
export function expandAddresses(
  addresses: readonly Address[],
  models: readonly string[],
): readonly Recipient[] {
  const hosts = new Map<string, Set<string> | null>();
  const add = (name: string, host: string | null): void => {
    const known = hosts.get(name);
    if (host === null || known === null) hosts.set(name, null);
    else hosts.set(name, (known ?? new Set<string>()).add(host));
  };
  for (const { name, host } of addresses)
    for (const each of name === 'all' ? models : [name]) add(each, host);
  return [...hosts]
    .sort(([a], [b]) => byCodeUnit(a, b))
    .map(([name, pinned]) => ({
      name,
      hosts: pinned === null ? null : [...pinned].sort(byCodeUnit),
    }));
}

/**
 * The name in `known` that `name` was probably meant to be, or null: in other case, a letter off
 * (two of a longer one), or its first words.
 */
export function suggestName(name: string, known: Iterable<string>): string | null {
  const meant = name.toLowerCase();
  let best: string | null = null;
  let bestDistance = meant.length < 2 ? 1 : meant.length < 6 ? 2 : 3;
  let longer: string | null = null;
  for (const candidate of known) {
    const distance = editDistance(meant, candidate.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
    if (meant.length > 2 && candidate.startsWith(`${meant}-`)) longer ??= candidate;
  }
  return best ?? longer;
}

/** Letters to change, add, leave out, or exchange with their neighbour. */
function editDistance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 3) return 9;
  const rows = [Array.from({ length: b.length + 1 }, (_, index) => index)];
  const at = (i: number, j: number): number => rows[i]?.[j] ?? 9;
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    rows.push(row);
    for (let j = 1; j <= b.length; j += 1) {
      const replaced = at(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const isSwapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      row.push(
        Math.min(
          replaced,
          at(i - 1, j) + 1,
          at(i, j - 1) + 1,
          isSwapped ? at(i - 2, j - 2) + 1 : 9,
        ),
      );
    }
  }
  return at(a.length, b.length);
}
