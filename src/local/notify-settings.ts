/**
 * `notify:` of the host's configuration: to whom this host says what needs a person, and about
 * what. Pure.
 */
import { isMapping } from '../protocol/yaml.ts';

/** The kinds of notices. */
export const NOTICE_KINDS = ['needs-person', 'failed', 'budget', 'host-gone'] as const;
export type NoticeKind = (typeof NOTICE_KINDS)[number];

/** One way to reach a person. */
export type Notifier = {
  /** The kinds that go this way. */
  readonly only: readonly NoticeKind[];
} & (
  | { readonly way: 'desktop' }
  /** Any program: the text on its standard input and in CROSSTALK_NOTICE_* variables. */
  | { readonly way: 'command'; readonly argv: readonly [string, ...string[]] }
  /** A whole mail with its headers on the standard input of a program. */
  | { readonly way: 'mail'; readonly to: string; readonly argv: readonly [string, ...string[]] }
  /** A POST of JSON, by https or to this machine. */
  | { readonly way: 'webhook'; readonly url: string }
);

/** What may stand there, for an error message. */
export const NOTIFY_EXPECTED =
  'a list, each "desktop: true", "command: [program, …]", "webhook: https://…" (http:// only to this machine) or "mail: address" (with "command:" instead of sendmail), and "only:" some of needs-person, failed, budget, host-gone';

const SENDMAIL = ['sendmail', '-t', '-i'] as const;

/** The ways as written in YAML whose scalars are text; undefined when something there is none. */
export function decodeNotify(raw: unknown): readonly Notifier[] | undefined {
  const list = isMapping(raw) ? [raw] : raw;
  if (!Array.isArray(list)) return undefined;
  const decoded = list.map((one: unknown) => (isMapping(one) ? decodeNotifier(one) : undefined));
  return decoded.every((one) => one !== undefined) ? decoded : undefined;
}

function decodeNotifier(raw: Readonly<Record<string, unknown>>): Notifier | undefined {
  const keys = Object.keys(raw).filter((key) => key !== 'only');
  const only = decodeKinds(raw['only']);
  const argv = decodeArgv(raw['command']);
  if (only === undefined) return undefined;
  if (keys.join() === 'desktop')
    return raw['desktop'] === 'true' ? { way: 'desktop', only } : undefined;
  if (keys.join() === 'command')
    return argv === undefined ? undefined : { way: 'command', argv, only };
  if (keys.join() === 'webhook')
    return isWebhook(raw['webhook']) ? { way: 'webhook', url: raw['webhook'], only } : undefined;
  const isMail = keys.includes('mail') && keys.every((key) => key === 'mail' || key === 'command');
  if (!isMail || !isAddress(raw['mail']) || (raw['command'] !== undefined && argv === undefined))
    return undefined;
  return { way: 'mail', to: raw['mail'], argv: argv ?? SENDMAIL, only };
}

function decodeKinds(raw: unknown): readonly NoticeKind[] | undefined {
  if (raw === undefined) return NOTICE_KINDS;
  const list: readonly unknown[] = Array.isArray(raw) ? raw : [raw];
  const kinds = list.flatMap((one) => NOTICE_KINDS.find((kind) => kind === one) ?? []);
  return kinds.length === list.length && kinds.length > 0 ? kinds : undefined;
}

function decodeArgv(raw: unknown): readonly [string, ...string[]] | undefined {
  if (!Array.isArray(raw) || !raw.every((word) => typeof word === 'string' && !word.includes('\0')))
    return undefined;
  const [program, ...args] = raw as string[];
  return program === undefined || program === '' ? undefined : [program, ...args];
}

function isWebhook(raw: unknown): raw is string {
  if (typeof raw !== 'string' || !URL.canParse(raw)) return false;
  const { protocol, hostname } = new URL(raw);
  return (
    protocol === 'https:' ||
    (protocol === 'http:' && /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname))
  );
}

function isAddress(raw: unknown): raw is string {
  return typeof raw === 'string' && /^[^\s@<>,;:"()[\]\\]+@[^\s@<>,;:"()[\]\\]+$/.test(raw);
}

/** For people: where it goes, without what may be secret in an address. */
export function describeNotifier(notifier: Notifier): string {
  switch (notifier.way) {
    case 'desktop':
      return 'desktop';
    case 'command':
      return `command ${notifier.argv[0]}`;
    case 'mail':
      return `mail to ${notifier.to}`;
    case 'webhook':
      return `webhook at ${new URL(notifier.url).host}`;
  }
}
