/**
 * The address of a remote, and the part of it that must stay secret. Addresses are printed, logged,
 * sent to other hosts and passed as arguments, so user name and password are removed on entry. Git
 * receives them through its environment, which no other user of the machine can read.
 */
import { createHash } from 'node:crypto';

/** Settings and variables for the calls of git that talk to a remote. */
export interface RemoteAccess {
  /** Keys of git's configuration and their values, in order; a later one comes after. */
  readonly settings: readonly (readonly [key: string, value: string])[];
  readonly env: Readonly<Record<string, string>>;
}

/** Nothing beside what the user's own configuration says. */
export const NO_ACCESS: RemoteAccess = { settings: [], env: {} };

/** An address that may be shown, and what was taken out of it. */
export interface OpenUrl {
  readonly url: string;
  readonly access: RemoteAccess;
}

/** `https://user:password@host/…`: scheme, name and password, the rest. */
const WITH_USER = /^([a-z][a-z0-9+.-]{0,30}:\/\/)([^/?#]*)@([^]*)$/i;
/** Answers git's question out of two variables; what git says of the answer is not kept. */
const helperOf = (user: string, password: string): string =>
  `!f() { test "$1" = get && printf 'username=%s\\npassword=%s\\n' "$${user}" "$${password}"; }; f`;

/**
 * Takes name and password out of an address over http, and a password out of one over ssh, where
 * the name is not a secret.
 */
export function openUrl(text: string): OpenUrl {
  const [, scheme = '', userinfo = '', rest = ''] = WITH_USER.exec(text) ?? [];
  if (scheme === '') return { url: text, access: NO_ACCESS };
  const [name = '', ...words] = userinfo.split(':');
  const password = words.join(':');
  if (!/^https?:/i.test(scheme))
    return { url: `${scheme}${name === '' ? '' : `${name}@`}${rest}`, access: NO_ACCESS };
  const url = scheme + rest;
  const context = `credential.${scheme}${/^[^/?#]*/.exec(rest)?.[0] ?? ''}`;
  const user = decode(name);
  if (words.length === 0)
    return { url, access: { settings: [[`${context}.username`, user]], env: {} } };
  // Two remotes of one call have passwords of their own, and neither may see the other's.
  const own = `CROSSTALK_REMOTE_${createHash('sha256').update(text).digest('hex').slice(0, 16)}`;
  return {
    url,
    access: {
      // An empty one first: who writes a password into the address means that one.
      settings: [
        [`${context}.helper`, ''],
        [`${context}.helper`, helperOf(`${own}_USER`, `${own}_PASSWORD`)],
      ],
      env: { [`${own}_USER`]: user, [`${own}_PASSWORD`]: decode(password) },
    },
  };
}

/** The address as it may be shown. */
export function shownUrl(text: string): string {
  return openUrl(text).url;
}

/** `://` and what stands before the `@` of an address. */
const USER_IN_TEXT = /:\/\/[^\s/?#"'`]+/g;

/** A text that may quote addresses, as it may be shown. */
export function shownText(text: string): string {
  return text.replace(USER_IN_TEXT, (found: string, offset: number) => {
    const scheme = /[a-z]{0,8}$/i.exec(text.slice(Math.max(0, offset - 8), offset))?.[0] ?? '';
    return scheme === '' ? found : shownUrl(`${scheme}${found}`).slice(scheme.length);
  });
}

/** A key of git's configuration and its value. */
export type Setting = RemoteAccess['settings'][number];

/** The settings that `git config --null` prints, keys in git's own spelling. */
export function splitSettings(listed: string): readonly Setting[] {
  return listed.split('\0').flatMap((setting): Setting[] => {
    const end = setting.indexOf('\n');
    return end < 0 ? [] : [[setting.slice(0, end), setting.slice(end + 1)]];
  });
}

/** Keys of the settings that `hideSecrets` needs, as a pattern for `git config --get-regexp`. */
export const ADDRESS_KEYS = String.raw`^(remote\..*\.(push)?url|url\..*\.(push)?insteadof)$`;

const SETTINGS_MAX = 100;
/** What of git's configuration says how remotes are reached. */
export const OF_REMOTES =
  /^(core\.sshcommand$|ssh\.variant$|credential\.|http\.|url\..*\.(push)?insteadof$)/i;

/**
 * How remotes are reached, as the environment says it (`GIT_CONFIG_COUNT`); everything else that
 * git may be told there is left out.
 */
export function accessOf(env: Readonly<Record<string, string | undefined>>): RemoteAccess {
  const count = Math.min(Number(env['GIT_CONFIG_COUNT'] ?? 0) || 0, SETTINGS_MAX);
  const settings = Array.from({ length: Math.max(0, count) }, (_, at): Setting => [
    env[`GIT_CONFIG_KEY_${at}`] ?? '',
    env[`GIT_CONFIG_VALUE_${at}`] ?? '',
  ]);
  return { settings: settings.filter(([key]) => OF_REMOTES.test(key)), env: {} };
}

/** Commands of git that talk to a remote. */
export const REMOTE_COMMANDS: readonly string[] = ['ls-remote', 'fetch', 'pull', 'push'];

/**
 * What a call of git needs to use its remotes without a secret among its arguments, or among those
 * of what it starts: git gets the address without the secret, and the secret by its environment.
 * `words`: the arguments of the call, addresses among them; `settings`: what git is configured
 * with, the addresses of remotes and the rules that rewrite addresses.
 */
export function hideSecrets(
  words: readonly string[],
  settings: readonly Setting[],
): { readonly words: readonly string[]; readonly access: RemoteAccess } {
  const remotes = settings.flatMap(([key, value]) =>
    /^remote\..*\.(push)?url$/.test(key) ? [value] : [],
  );
  const access = [...new Set([...words, ...remotes])]
    .flatMap((url) => [
      openRewritten(url, { settings, rule: 'insteadof' }),
      openRewritten(url, { settings, rule: 'pushinsteadof' }),
    ])
    .reduce(joinAccess, NO_ACCESS);
  return { words: words.map(shownUrl), access };
}

interface Rewriting {
  readonly settings: readonly Setting[];
  readonly rule: 'insteadof' | 'pushinsteadof';
}

/** Nothing for an address in which, however git rewrites it, no secret is. */
function openRewritten(url: string, { settings, rule }: Rewriting): RemoteAccess {
  const target = rewrite(url, { settings, rule }) ?? (rule === 'insteadof' ? url : null);
  if (target === null) return NO_ACCESS;
  const open = openUrl(target);
  if (open.url === target) return NO_ACCESS;
  // The longest prefix is the whole address, so no other rule goes before this one.
  const pins = [url, shownUrl(url)].map((from): Setting => [`url.${open.url}.${rule}`, from]);
  return joinAccess({ settings: pins, env: {} }, open.access);
}

/** As git does: of the prefixes that fit the longest, of equals the first. */
function rewrite(url: string, { settings, rule }: Rewriting): string | null {
  const fitting = settings.flatMap(([key, prefix]) => {
    const base = key.startsWith('url.') && key.endsWith(`.${rule}`);
    return base && prefix !== '' && url.startsWith(prefix)
      ? [{ base: key.slice('url.'.length, -rule.length - 1), prefix }]
      : [];
  });
  const [best] = fitting.sort((a, b) => b.prefix.length - a.prefix.length);
  return best === undefined ? null : best.base + url.slice(best.prefix.length);
}

/**
 * Keeps git from rewriting an address that it has rewritten already. A whole address is the longest
 * prefix of itself.
 */
export function pinUrl(url: string): RemoteAccess {
  return {
    settings: [
      [`url.${url}.insteadof`, url],
      [`url.${url}.pushinsteadof`, url],
    ],
    env: {},
  };
}

/** Both, the second one after the first. */
export function joinAccess(first: RemoteAccess, second: RemoteAccess): RemoteAccess {
  return {
    settings: [...first.settings, ...second.settings],
    env: { ...first.env, ...second.env },
  };
}

/** As variables that git reads its configuration from. */
export function accessVariables({ settings, env }: RemoteAccess): Record<string, string> {
  if (settings.length === 0) return { ...env };
  return {
    ...env,
    GIT_CONFIG_COUNT: String(settings.length),
    ...Object.fromEntries(
      settings.flatMap(([key, value], at) => [
        [`GIT_CONFIG_KEY_${at}`, key],
        [`GIT_CONFIG_VALUE_${at}`, value],
      ]),
    ),
  };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Whether a remote is a directory that this machine sees: no network is between. */
export function isOnDisk(url: string): boolean {
  return url.startsWith('/') || url.startsWith('file:');
}

/** The folder behind such an address, as git reads it; null for one with a host. */
export function folderOf(url: string): string | null {
  if (!url.startsWith('file:')) return url;
  const path = /^file:\/\/(\/[^]*)$/.exec(url)?.[1];
  try {
    return path === undefined ? null : decodeURIComponent(path);
  } catch {
    return null;
  }
}
