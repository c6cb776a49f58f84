/**
 * What this host's operator knows of other people's keys, in the configuration directory: the file
 * `allowed-signers` as git reads it, and the messages that were let through by hand. And this
 * host's own key, in its state directory.
 */
import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { CrosstalkError, errorText } from '../base/errors.ts';
import { by } from '../base/order.ts';
import { type SshKey, sshKeyOf } from '../protocol/ssh-signature.ts';
import {
  formatSigner,
  hostPrincipal,
  idleRights,
  parseSigners,
  SIGNED_KINDS,
  type SignedKind,
  type Signers,
  type Trust,
} from '../protocol/trust.ts';
import { type ConfigDirectory, makeConfigDirectory, readConfigFile } from './config-directory.ts';
import type { Config } from './config.ts';
import { readTextFile, writeDurableFile } from './durable-file.ts';
import { fixBy, fixByHand, withNote } from '../base/fix.ts';

/** Where the signers stand. */
export function signersFile(directory: ConfigDirectory): string {
  return join(directory.path, 'allowed-signers');
}

function letThroughFile(directory: ConfigDirectory): string {
  return join(directory.path, 'let-through');
}

/** The known keys. Throws CONFIG_INVALID naming the line that cannot be read. */
export async function readSigners(directory: ConfigDirectory): Promise<Signers> {
  const file = signersFile(directory);
  const { signers, problems } = parseSigners((await readConfigFile(file)) ?? '');
  const [problem] = problems;
  if (problem === undefined) return signers;
  throw new CrosstalkError(
    'CONFIG_INVALID',
    `${file}, line ${problem.line}: found "${problem.found}"; expected a name and a public key, such as: ada ssh-ed25519 AAAA…`,
    { fix: fixBy`crosstalkd trust list` },
  );
}

/** Adds a key to a principal; false when it was known. */
export async function addSigner(
  directory: ConfigDirectory,
  principal: string,
  key: SshKey,
): Promise<boolean> {
  if ((await readSigners(directory)).get(principal)?.has(key) === true) return false;
  const text = (await readConfigFile(signersFile(directory))) ?? '';
  await makeConfigDirectory(directory);
  await writeDurableFile(
    signersFile(directory),
    `${text === '' || text.endsWith('\n') ? text : `${text}\n`}${formatSigner(principal, key)}\n`,
  );
  return true;
}

/** Takes every key of a principal away; the number of them. */
export async function removeSigner(directory: ConfigDirectory, principal: string): Promise<number> {
  const signers = await readSigners(directory);
  const count = signers.get(principal)?.size ?? 0;
  if (count === 0) return 0;
  const rest = [...signers]
    .filter(([name]) => name !== principal)
    .sort(by(([name]) => name))
    .flatMap(([name, keys]) => [...keys].map((key) => `${formatSigner(name, key)}\n`));
  await writeDurableFile(signersFile(directory), rest.join(''));
  return count;
}

/** Lets one content at its place (`standingKey`) count without a signature. */
export async function letThrough(directory: ConfigDirectory, file: string): Promise<void> {
  const known = await readLetThrough(directory);
  await makeConfigDirectory(directory);
  await writeDurableFile(letThroughFile(directory), [...known, file, ''].join('\n'));
}

async function readLetThrough(directory: ConfigDirectory): Promise<ReadonlySet<string>> {
  const text = (await readConfigFile(letThroughFile(directory))) ?? '';
  return new Set(text.split('\n').filter((line) => line !== ''));
}

/** What must be signed, by the two settings that say it. */
export function requiredKinds({
  requireSigned,
  obeyControl,
}: Pick<Config, 'requireSigned' | 'obeyControl'>): readonly SignedKind[] {
  return obeyControl === 'signed' ? [...requireSigned, 'control'] : requireSigned;
}

/**
 * What is said where the configuration says what people may do and nobody needs to prove who they
 * are; null where all of it decides something.
 */
export function tellIdleRights(config: TrustSettings): string | null {
  const given = new Set([...(config.people?.values() ?? [])].flatMap((may) => [...may]));
  const idle = idleRights(new Set(requiredKinds(config))).filter((right) => given.has(right));
  if (idle.length === 0) return null;
  const what = idle.length === given.size ? '' : ` for "${idle.join('", "')}"`;
  return `"people:" says what people may do, but this host requires no signatures${what}`;
}

/** What `trust on` requires. */
export const REQUIRED_AT_ONCE: readonly SignedKind[] = SIGNED_KINDS.filter(
  (kind) => kind !== 'all',
);

/**
 * Writes `require-signed` into config.yaml and leaves the rest as it is. Throws CONFIG_INVALID for
 * a setting of several lines, which is for a person to change.
 */
export async function requireSigned(
  directory: ConfigDirectory,
  kinds: readonly SignedKind[],
): Promise<void> {
  const text = (await readConfigFile(directory.configFile)) ?? '';
  const lines = text.split('\n');
  const at = lines.findIndex((line) => line.startsWith('require-signed:'));
  const line = `require-signed: ${kinds.length === 0 ? 'none' : `[${kinds.join(', ')}]`}`;
  const value = lines[at]?.slice('require-signed:'.length).split(' #')[0]?.trim() ?? '';
  if (at >= 0 && (value === '' || (value.startsWith('[') && !value.endsWith(']'))))
    throw new CrosstalkError(
      'CONFIG_INVALID',
      `${directory.configFile}, line ${at + 1}: "require-signed" has several lines; expected one: ${line}`,
      { fix: fixByHand(`write that line into ${directory.configFile}`) },
    );
  if (at >= 0) lines[at] = line;
  else lines.splice(lines.at(-1) === '' ? lines.length - 1 : lines.length, 0, line);
  await makeConfigDirectory(directory);
  const now = lines.join('\n');
  await writeDurableFile(directory.configFile, now.endsWith('\n') ? now : `${now}\n`);
}

/** This host itself, which always knows its own key. */
export interface OwnKey {
  readonly alias: string;
  readonly key: SshKey;
}

/** The settings that say whose word counts. */
export type TrustSettings = Pick<Config, 'requireSigned' | 'obeyControl' | 'people'>;

/** Where a host writes whose word counts. */
export interface TrustSource {
  readonly directory: ConfigDirectory;
  readonly alias: string;
  readonly stateDirectory: string;
  /** As config.yaml says it now. Throws CONFIG_INVALID: what it said before counts on. */
  readonly readSettings: () => Promise<TrustSettings>;
  /** Is told, once for each version of the file, that it cannot be read. */
  readonly onProblem: (problem: string) => void;
}

/** Whose word counts on this host: read again when one of its files has changed. */
export function createTrust(source: TrustSource, settings: TrustSettings): () => Promise<Trust> {
  const { directory, stateDirectory } = source;
  const files = [
    directory.configFile,
    signersFile(directory),
    letThroughFile(directory),
    hostKeyFile(stateDirectory),
  ];
  let [stamps, said]: [readonly string[], TrustSettings] = [[], settings];
  let current: Trust | null = null;
  return async () => {
    const now = await Promise.all(files.map(stampOf));
    if (current !== null && now.join(' ') === stamps.join(' ')) return current;
    if (current !== null && now[0] !== stamps[0]) said = await readAgain(source, said);
    const required = new Set(requiredKinds(said));
    const own = required.size === 0 ? null : await readHostKey(stateDirectory);
    current = {
      required,
      rights: said.people,
      signers:
        required.size === 0
          ? new Map()
          : withOwn(
              await readSigners(directory),
              own === null ? null : { alias: source.alias, key: own },
            ),
      letThrough: required.size === 0 ? new Set() : await readLetThrough(directory),
    };
    stamps = now;
    return current;
  };
}

async function readAgain(source: TrustSource, before: TrustSettings): Promise<TrustSettings> {
  try {
    return await source.readSettings();
  } catch (error) {
    if (!(error instanceof CrosstalkError)) throw error;
    source.onProblem(`${errorText(error)}; the required signatures are unchanged`);
    return before;
  }
}

/** The known keys with this host's own. */
export function withOwn(signers: Signers, own: OwnKey | null): Signers {
  if (own === null) return signers;
  const principal = hostPrincipal(own.alias);
  return new Map([...signers, [principal, new Set([...(signers.get(principal) ?? []), own.key])]]);
}

async function stampOf(path: string): Promise<string> {
  const found = await stat(path).catch(() => null);
  return found === null ? '-' : `${found.mtimeMs}:${found.size}:${found.ino}`;
}

/** The public key of a host that has run; null = it has none yet. */
export async function readHostKey(stateDirectory: string): Promise<SshKey | null> {
  const path = hostKeyFile(stateDirectory);
  const text = await readTextFile(path);
  return text === null ? null : sshKeyOf(readKey(path, text));
}

/** The key of the host whose state directory this is; made when there is none. */
export async function openHostKey(stateDirectory: string): Promise<KeyObject> {
  const path = hostKeyFile(stateDirectory);
  const text = await readTextFile(path);
  if (text !== null) return readKey(path, text);
  const { privateKey } = generateKeyPairSync('ed25519');
  await writeDurableFile(path, privateKey.export({ format: 'pem', type: 'pkcs8' }).toString());
  return privateKey;
}

function hostKeyFile(stateDirectory: string): string {
  return join(stateDirectory, 'host-key');
}

function readKey(path: string, text: string): KeyObject {
  try {
    return createPrivateKey(text);
  } catch (error) {
    throw new CrosstalkError('STATE_UNUSABLE', `${path}: the key of this host cannot be read`, {
      fix: withNote(
        fixBy`mv ${path} ${path}.damaged`,
        'a new one is made; make it known with: crosstalkd trust add',
      ),
      cause: error,
    });
  }
}
