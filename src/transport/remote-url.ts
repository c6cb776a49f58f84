/**
 * The address of a remote and what must not be seen of it. An address is printed, logged, sent to
 * other hosts and given to programs as an argument, so a name and a password in it are taken out
 * where it enters; they reach git by its environment, which no other user of the machine can read.
 */

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
/** Answers a question of git out of its environment; what git says of the answer is not kept. */
const HELPER =
  '!f() { test "$1" = get && printf \'username=%s\\npassword=%s\\n\' "$CROSSTALK_REMOTE_USER" "$CROSSTALK_REMOTE_PASSWORD"; }; f';

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
  return {
    url,
    access: {
      // An empty one first: who writes a password into the address means that one.
      settings: [
        [`${context}.helper`, ''],
        [`${context}.helper`, HELPER],
      ],
      env: { CROSSTALK_REMOTE_USER: user, CROSSTALK_REMOTE_PASSWORD: decode(password) },
    },
  };
}

/** The address as it may be shown. */
export function shownUrl(text: string): string {
  return openUrl(text).url;
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
