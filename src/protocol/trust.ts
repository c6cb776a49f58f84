/**
 * The keys that an operator knows, and what must be signed with one of them. Both belong to the
 * host, never to the repository. PROTOCOL.md "Signatures". Pure.
 */
import { slugName } from './names.ts';
import { parseSshKey, type Signed, type SshKey, verifySsh } from './ssh-signature.ts';

/** Files that can be required to be signed; `schedules`: workflows that start by the clock. */
export type SignedFileKind = 'models' | 'budgets' | 'schedules';

/**
 * What can be required to be signed: messages to models that may act outside and markers of
 * workflows; what people answer to gates and order runs to do; orders to all hosts; files; what
 * hosts claim, report and write; or all of it and every other message.
 */
export const SIGNED_KINDS = [
  'external',
  'gates',
  'control',
  'models',
  'budgets',
  'schedules',
  'hosts',
  'all',
] as const;
export type SignedKind = (typeof SIGNED_KINDS)[number];

/**
 * What a person may do where it must be signed: ask models and start workflows; answer gates and
 * agents, and order runs; order all hosts; change models, budgets and schedules.
 */
export const RIGHTS = ['ask', 'approve', 'operate', 'models'] as const;
export type Right = (typeof RIGHTS)[number];

/** Where a right decides: only where one of these must be signed. */
const NEEDS: Readonly<Record<Right, readonly SignedKind[]>> = {
  ask: ['external'],
  approve: ['gates'],
  operate: ['control'],
  models: ['models', 'budgets', 'schedules'],
};

/** Rights that decide nothing, because nobody needs to prove who they are where these count. */
export function idleRights(required: ReadonlySet<SignedKind>): readonly Right[] {
  const isRequired = (kind: SignedKind): boolean => requires({ required }, kind);
  return RIGHTS.filter((right) => !NEEDS[right].some(isRequired));
}

/** What each person may do, by name. */
export type Rights = ReadonlyMap<string, ReadonlySet<Right>>;

/** Principal → keys: a person's name, or `host/<alias>`. */
export type Signers = ReadonlyMap<string, ReadonlySet<SshKey>>;

/** What must be signed for a host, and by whom. */
export interface Trust {
  readonly required: ReadonlySet<SignedKind>;
  readonly signers: Signers;
  /** Files (`standingKey`) that count although nobody known has signed them. */
  readonly letThrough: ReadonlySet<string>;
  /** Null: all who are known may do everything. */
  readonly rights: Rights | null;
}

/** A content at its place: the same content elsewhere is another message. */
export function standingKey({ path, blob }: { readonly path: string; readonly blob: string }) {
  return `${blob} ${path}`;
}

/** What of a commit is signed, and the signature. */
export interface SignedBytes {
  readonly payload: Buffer;
  readonly signature: string;
}

/** Who signed: the principals of the key; what is wrong otherwise. */
export type Voice =
  | { readonly kind: 'known'; readonly principals: readonly string[] }
  | { readonly kind: 'unsigned' }
  | { readonly kind: 'bad'; readonly why: string }
  | { readonly kind: 'stranger'; readonly key: SshKey };

/** Whether something must be signed. */
export function requires({ required }: Pick<Trust, 'required'>, kind: SignedKind): boolean {
  return required.has(kind) || required.has('all');
}

const HOST_PREFIX = 'host/';

/** Whether a principal is a person and no host. */
export function isPerson(principal: string): boolean {
  return !principal.startsWith(HOST_PREFIX);
}

/** The principal of a host. */
export function hostPrincipal(alias: string): string {
  return `${HOST_PREFIX}${alias}`;
}

/**
 * Lines of the form that `gpg.ssh.allowedSignersFile` of git has: principals, options, key. What
 * cannot be read is reported with its line.
 */
export function parseSigners(text: string): {
  readonly signers: Signers;
  readonly problems: readonly { readonly line: number; readonly found: string }[];
} {
  const signers = new Map<string, Set<SshKey>>();
  const problems: { line: number; found: string }[] = [];
  for (const [at, line] of text.split('\n').entries()) {
    const words = line.trim().split(/\s+/);
    if (line.trim() === '' || line.trim().startsWith('#')) continue;
    const place = words.findIndex((word) => /^(ssh|ecdsa|sk)-/.test(word));
    const key = place < 1 ? null : parseSshKey(words.slice(place).join(' '));
    if (key === null) problems.push({ line: at + 1, found: line.trim().slice(0, 80) });
    else
      for (const principal of (words[0] ?? '').split(','))
        signers.set(principal, (signers.get(principal) ?? new Set()).add(key));
  }
  return { signers, problems };
}

/** A line of that file. */
export function formatSigner(principal: string, key: SshKey): string {
  return `${principal} namespaces="git" ${key}`;
}

/** Whose commit it is. `signed: null`: it has no signature. */
export function hear(signed: SignedBytes | null, signers: Signers): Voice {
  if (signed === null) return { kind: 'unsigned' };
  const found: Signed = verifySsh(signed.payload, signed.signature);
  if (found.kind === 'bad') return found;
  const principals = [...signers].flatMap(([name, keys]) => (keys.has(found.key) ? [name] : []));
  return principals.length === 0
    ? { kind: 'stranger', key: found.key }
    : { kind: 'known', principals };
}

/**
 * Whether a voice may speak as `from`. A person speaks as itself; a host speaks for models and for
 * workflows, never for a person who has a key.
 */
export function maySpeakAs(voice: Voice, from: string, trust: Judged): boolean {
  if (voice.kind !== 'known') return false;
  const name = slugName(from, from);
  return voice.principals.some((principal) =>
    isPerson(principal)
      ? slugName(principal, '') === name && mayDo(principal, 'ask', trust)
      : !trust.signers.has(name),
  );
}

/** Who is known, and what each may do. */
export type Judged = Pick<Trust, 'signers' | 'rights'>;

/** The people whose key it is and who may do this. */
export function peopleWho(voice: Voice, right: Right, trust: Pick<Trust, 'rights'>) {
  return voice.kind === 'known'
    ? voice.principals.filter((name) => isPerson(name) && mayDo(name, right, trust))
    : [];
}

function mayDo(person: string, right: Right, { rights }: Pick<Trust, 'rights'>): boolean {
  return rights === null || rights.get(person)?.has(right) === true;
}

/** Whether it is the voice of a host that is known. */
export function isHost(voice: Voice): boolean {
  return voice.kind === 'known' && !voice.principals.every(isPerson);
}

/** Whether it is the voice of this very host. */
export function isHostOf(voice: Voice, alias: string): boolean {
  return voice.kind === 'known' && voice.principals.includes(hostPrincipal(alias));
}
