/** Whose signatures this host knows, and what it lets through without one. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { CrosstalkError, errorText } from '../../base/errors.ts';
import { oneLine } from '../../base/plain-text.ts';
import { parseBeat } from '../../protocol/beat.ts';
import { isAlias, NAME_RULE, slugName } from '../../protocol/names.ts';
import { fingerprintOf, parseSshKey, type SshKey, sshKeyOf } from '../../protocol/ssh-signature.ts';
import {
  hostPrincipal,
  isPerson,
  SIGNED_KINDS,
  type SignedKind,
  type Signers,
  standingKey,
} from '../../protocol/trust.ts';
import { locateConfigDirectory } from '../../local/config-directory.ts';
import { readConfig } from '../../local/read-config.ts';
import {
  addSigner,
  letThrough,
  openHostKey,
  readHostKey,
  readSigners,
  removeSigner,
  REQUIRED_AT_ONCE,
  requiredKinds,
  requireSigned,
  signersFile,
  tellIdleRights,
} from '../../local/trust-store.ts';
import { given, type Invocation } from '../command.ts';
import { printDone, printGood, startDirectory, wantsJson, withSession } from '../look/reading.ts';
import { resolveId } from '../look/resolve-id.ts';
import { hostname } from '../session/host-name.ts';
import type { TransportSession } from '../session/transport-session.ts';
import { fixBy, formatFix, withNote } from '../../base/fix.ts';

/** `trust list`: what must be signed here, the keys that are known, and hosts that are not. */
export async function listTrust(invocation: Invocation): Promise<number> {
  const { env, io } = invocation;
  const directory = locateConfigDirectory(env);
  const signers = await readSigners(directory);
  const { config } = await readConfig({ env, flags: {}, hostname: hostname() });
  const file = signersFile(directory);
  const strangers = await findStrangers(invocation, signers);
  if (wantsJson(invocation))
    printGood(invocation, {
      required: requiredKinds(config),
      file,
      signers: [...signers].map(([name, keys]) => ({ name, keys: [...keys] })),
      rights_in_force: config.people !== null && tellIdleRights(config) === null,
      people: [...(config.people ?? [])].map(([name, may]) => ({ name, may: [...may] })),
      hosts_not_known: strangers.map(factsOf),
    });
  else {
    io.print(
      requiredKinds(config).length === 0
        ? 'This host requires no signatures: crosstalkd trust on'
        : `This host requires signatures for: ${requiredKinds(config).join(', ')}.`,
    );
    for (const line of describeSigners(signers)) io.print(line);
    const idle = tellIdleRights(config);
    if (idle !== null) io.print(`${idle}: ${formatFix(fixBy`crosstalkd trust on`)}`);
    for (const [name, may] of config.people ?? [])
      io.print(`  ${name} may ${[...may].join(', ') || 'nothing'}`);
    io.print(`  ${file}`);
    for (const line of describeStrangers(strangers)) io.print(line);
  }
  return signers.size === 0 ? 3 : 0;
}

/** One object for programs, or lines for people. */
function tell(
  invocation: Invocation,
  facts: Readonly<Record<string, unknown>>,
  lines: readonly string[],
): void {
  printDone(invocation, facts, () => lines);
}

function describeSigners(signers: Signers): readonly string[] {
  if (signers.size === 0) return ['No key is known yet: crosstalkd trust add NAME KEY'];
  return [...signers].flatMap(([name, keys]) => [...keys].map((key) => `  ${name}  ${key}`));
}

/** A host whose key its beat tells. */
interface Stranger {
  readonly alias: string;
  readonly key: SshKey;
}

/** Hosts in view whose keys are not known, this one left out; none outside a transport. */
async function findStrangers(
  invocation: Invocation,
  signers: Signers,
): Promise<readonly Stranger[]> {
  let found: readonly Stranger[] = [];
  await withSession(invocation, async (session) => {
    const own = await readHostKey(session.directory.path);
    const hosts = await readHostKeys(session);
    found = hosts.filter(
      ({ alias, key }) => key !== own && signers.get(hostPrincipal(alias))?.has(key) !== true,
    );
    return 0;
  }).catch((error: unknown) => {
    if (!(error instanceof CrosstalkError)) throw error;
  });
  return found;
}

function factsOf({ alias, key }: Stranger): Readonly<Record<string, string>> {
  return { alias, key, fingerprint: fingerprintOf(key) };
}

function describeStrangers(strangers: readonly Stranger[]): readonly string[] {
  if (strangers.length === 0) return [];
  return [
    'Hosts in view that are not known here; compare with "crosstalkd trust key" there:',
    ...strangers.map(
      ({ alias, key }) =>
        `  ${fingerprintOf(key)}  ${formatFix(fixBy`crosstalkd trust add --host ${alias}`)}`,
    ),
  ];
}

/** `trust on [kind …]`: what must be signed on this host. */
export async function turnOnTrust(invocation: Invocation): Promise<number> {
  const { args } = invocation;
  const kinds = args.length === 0 ? REQUIRED_AT_ONCE : args.map(checkKind);
  const directory = locateConfigDirectory(invocation.env);
  await requireSigned(directory, kinds);
  const signers = await readSigners(directory);
  const strangers = await findStrangers(invocation, signers);
  const people = [...signers.keys()].filter(isPerson);
  tell(invocation, { required: kinds, people, hosts_not_known: strangers.map(factsOf) }, [
    `This host requires signatures for: ${kinds.join(', ')}. ${FROM_NEXT_POLL}`,
    ...(people.length > 0
      ? []
      : ['No key is known yet, so what people ask is held back: crosstalkd trust add NAME KEY']),
    ...describeStrangers(strangers),
  ]);
  return 0;
}

/** `trust off`. */
export async function turnOffTrust(invocation: Invocation): Promise<number> {
  await requireSigned(locateConfigDirectory(invocation.env), []);
  tell(invocation, { required: [] }, [`This host requires no signatures. ${FROM_NEXT_POLL}`]);
  return 0;
}

const FROM_NEXT_POLL = 'A running dispatcher reads it at its next poll.';

function checkKind(text: string): SignedKind {
  const kind = SIGNED_KINDS.find((known) => known === text);
  if (kind !== undefined) return kind;
  throw new CrosstalkError(
    'USAGE',
    `trust on: found "${oneLine(text, 40)}"; expected ${SIGNED_KINDS.join(', ')}`,
    { fix: fixBy`crosstalkd trust on` },
  );
}

/** `trust add <name> [key|file|-]`, and `trust add --host <alias>`: the key that its beat tells. */
export async function addTrust(invocation: Invocation): Promise<number> {
  const [name = '', source] = invocation.args;
  const isHost = given(invocation, 'host');
  const principal = isHost ? hostPrincipal(checkName(name)) : checkName(slugName(name, name));
  const keys =
    isHost && source === undefined
      ? await withKeyOfHost(invocation, name)
      : await readKeys(invocation, source);
  const directory = locateConfigDirectory(invocation.env);
  const added: { readonly key: SshKey; readonly is_new: boolean }[] = [];
  for (const key of keys) added.push({ key, is_new: await addSigner(directory, principal, key) });
  tell(
    invocation,
    { name: principal, keys: added },
    added.map(
      ({ key, is_new }) => `${is_new ? 'Known now' : 'Known already'}: ${principal}  ${key}`,
    ),
  );
  return 0;
}

/** `trust key`: the public key by which this host signs. */
export function printKey(invocation: Invocation): Promise<number> {
  return withSession(invocation, async (session) => {
    const key = sshKeyOf(await openHostKey(session.directory.path));
    tell(invocation, { key, fingerprint: fingerprintOf(key) }, [key]);
    return 0;
  });
}

/** `trust remove <name>`. */
export async function removeTrust(invocation: Invocation): Promise<number> {
  const [name = ''] = invocation.args;
  const principal = given(invocation, 'host') ? hostPrincipal(name) : name;
  const count = await removeSigner(locateConfigDirectory(invocation.env), principal);
  tell(invocation, { ok: count > 0, name: principal, removed: count }, [
    count === 0 ? `No key of "${name}" is known.` : `${count} of ${principal} removed.`,
  ]);
  return count === 0 ? 3 : 0;
}

/** `trust message <id>`: this content of it counts here without a signature. */
export function trustMessage(invocation: Invocation): Promise<number> {
  return withSession(invocation, async (session) => {
    const files = await findFiles(session, invocation.args[0] ?? '');
    for (const file of files) await letThrough(session.configDirectory, standingKey(file));
    tell(
      invocation,
      { files },
      files.map(
        ({ path }) =>
          `Accepted on this host, as it is now: ${oneLine(path, 300)}. An edit is held again.`,
      ),
    );
    return 0;
  });
}

interface FoundFile {
  readonly path: string;
  readonly blob: string;
}

/**
 * A message by its id, or any file by its path: a mark, a file of a run, data/models.yaml; of a
 * folder every file that stands right in it.
 */
async function findFiles(session: TransportSession, text: string): Promise<readonly FoundFile[]> {
  const { tip } = session.mirror.index();
  const { repository } = session;
  const [entry] = tip === null || !text.includes('/') ? [] : await repository.lookUp(tip, [text]);
  if (entry?.kind === 'file') return [{ path: text, blob: entry.oid }];
  const inside = tip === null || entry?.kind !== 'tree' ? [] : await repository.list(tip, text);
  if (inside.length > 0)
    return inside.flatMap(({ name, kind, oid }) =>
      // The list has a line for each.
      kind === 'file' && !name.includes('\n') ? [{ path: `${text}/${name}`, blob: oid }] : [],
    );
  const { path, blob } = await resolveId(session, text);
  return [{ path, blob }];
}

function checkName(name: string): string {
  if (isAlias(name)) return name;
  throw new CrosstalkError('USAGE', `trust: "${oneLine(name, 80)}" is not a name: ${NAME_RULE}`, {
    fix: fixBy`crosstalkd trust add NAME FILE`,
  });
}

async function readKeys(
  invocation: Invocation,
  source: string | undefined,
): Promise<readonly SshKey[]> {
  const text = source === undefined ? '' : await readSource(invocation, source);
  const lines = text.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'));
  const keys = lines.flatMap((line) => parseSshKey(line) ?? []);
  if (keys.length > 0 && keys.length === lines.length) return keys;
  const bad = lines.find((line) => parseSshKey(line) === null) ?? '';
  throw new CrosstalkError(
    'USAGE',
    `trust: found "${oneLine(bad, 60)}"; expected a public key (ssh-ed25519, ssh-rsa or ecdsa-sha2), a file of them, or - for standard input`,
    { fix: withNote(fixBy`crosstalkd trust add NAME FILE`, 'such as ~/.ssh/id_ed25519.pub') },
  );
}

async function readSource(invocation: Invocation, source: string): Promise<string> {
  if (source === '-') return invocation.io.readStdin();
  if (/^(ssh|ecdsa|sk)-\S+ /.test(source)) return source;
  return readFile(resolve(startDirectory(invocation), source), 'utf8').catch((error: unknown) => {
    throw new CrosstalkError('USAGE', `trust: cannot read "${source}": ${errorText(error)}`, {
      fix: fixBy`crosstalkd trust add NAME FILE`,
      cause: error,
    });
  });
}

async function withKeyOfHost(invocation: Invocation, alias: string): Promise<readonly SshKey[]> {
  let keys: readonly SshKey[] = [];
  await withSession(invocation, async (session) => {
    keys = await keysOfHost(session, alias);
    return 0;
  });
  const [key, ...more] = keys;
  if (key !== undefined && more.length === 0) return [key];
  throw new CrosstalkError(
    keys.length === 0 ? 'NOT_FOUND' : 'REFUSED',
    keys.length === 0
      ? `no beat of a host "${alias}" with a key`
      : `${keys.length} hosts call themselves "${alias}", each with another key`,
    {
      fix: withNote(
        fixBy`crosstalkd trust add --host ${alias} KEY`,
        'on that host: crosstalkd trust key',
      ),
    },
  );
}

async function keysOfHost(session: TransportSession, alias: string): Promise<readonly SshKey[]> {
  const hosts = await readHostKeys(session);
  return hosts.flatMap((host) => (host.alias === alias ? [host.key] : []));
}

/** The keys that beats tell, each once a host. */
async function readHostKeys(session: TransportSession): Promise<readonly Stranger[]> {
  const refs = [...session.listing.refs].filter(([ref]) => ref.startsWith(session.refs.hosts));
  await session.repository.fetch({ tip: null, records: new Map(refs) });
  const commits = await Promise.all(refs.map(([, oid]) => session.repository.readCommit(oid)));
  const beats = commits.flatMap((commit) => parseBeat(commit?.message ?? '') ?? []);
  const told = beats.flatMap(({ alias, key }) => (key === undefined ? [] : [{ alias, key }]));
  return [...new Map(told.map((host) => [`${host.alias} ${host.key}`, host])).values()];
}
