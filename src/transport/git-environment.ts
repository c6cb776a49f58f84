/**
 * The environment and settings of every git process: built, not inherited, and not overridable by a
 * person's configuration. Credentials and `insteadOf` of the user's configuration stay in force.
 */
import { CrosstalkError } from '../base/errors.ts';
import { fixByHand } from '../base/fix.ts';
import {
  accessOf,
  accessVariables,
  joinAccess,
  NO_ACCESS,
  type RemoteAccess,
  shownUrl,
} from './remote-url.ts';
import { PROXY_NAMES } from '../base/proxy-names.ts';

/** An environment as plain values; the caller read it from the process. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What a git call may inherit and reach. */
export interface EnvironmentRules {
  readonly env: Environment;
  /** Unencrypted http, for tests on loopback and for operators who say so. */
  readonly allowHttp: boolean;
  /** The user's own ssh command (GIT_SSH_COMMAND or core.sshCommand), or null. */
  readonly sshCommand: string | null;
  /** For calls that talk to the remote. */
  readonly access?: RemoteAccess;
}

const KEPT = [
  ...['PATH', 'HOME', 'XDG_CONFIG_HOME', 'TMPDIR', 'USER', 'LOGNAME'],
  ...['GIT_CONFIG_GLOBAL', 'GIT_CONFIG_SYSTEM', 'GIT_CONFIG_NOSYSTEM'],
];
const KEPT_FOR_NETWORK = [
  'SSH_AUTH_SOCK',
  'GIT_SSH_VARIANT',
  'XDG_RUNTIME_DIR',
  'DBUS_SESSION_BUS_ADDRESS',
  ...PROXY_NAMES,
  ...['SSL_CERT_FILE', 'SSL_CERT_DIR', 'CURL_CA_BUNDLE', 'GIT_SSL_CAINFO'],
];

const FIXED: Readonly<Record<string, string>> = {
  LANG: 'C.UTF-8',
  LC_ALL: 'C',
  GIT_TERMINAL_PROMPT: '0',
  GIT_ASKPASS: '/bin/false',
  SSH_ASKPASS: '/bin/false',
  GCM_INTERACTIVE: 'never',
  GIT_PROTOCOL_FROM_USER: '0',
  GIT_OPTIONAL_LOCKS: '0',
  GIT_NO_REPLACE_OBJECTS: '1',
  GIT_NO_LAZY_FETCH: '1',
  GIT_EDITOR: ':',
  GIT_PAGER: 'cat',
  GIT_ADVICE: '0',
  // The cache's one ref is written in process, as a file.
  GIT_DEFAULT_REF_FORMAT: 'files',
};

/**
 * What a person may have set for their own eyes and what would change the output that is parsed
 * here. A call that has a flag for it says it with the flag as well.
 */
export const PLAIN_OUTPUT: readonly string[] = [
  ...['ui', 'branch', 'diff', 'grep', 'interactive', 'pager', 'push', 'remote', 'showBranch']
    .concat(['status', 'transport', 'advice'])
    .map((what) => `color.${what}=false`),
  'column.ui=never',
  'core.abbrev=auto',
  'core.quotePath=false',
  ...['decorate', 'follow', 'abbrevCommit', 'showSignature', 'mailmap'].map(
    (what) => `log.${what}=false`,
  ),
  ...['log.date=default', 'log.showRoot=true', 'log.diffMerges=separate', 'format.pretty=medium'],
  'i18n.logOutputEncoding=UTF-8',
  ...['noPrefix', 'mnemonicPrefix', 'relative', 'renames'].map((what) => `diff.${what}=false`),
  ...['diff.ignoreSubmodules=none', 'diff.submodule=short', 'diff.algorithm=default'],
  ...['lineNumber', 'column', 'fullName', 'extendedRegexp'].map((what) => `grep.${what}=false`),
  'grep.patternType=default',
  ...['short', 'branch', 'showStash', 'aheadBehind'].map((what) => `status.${what}=false`),
  ...['status.relativePaths=true', 'status.showUntrackedFiles=normal'],
];

/** Settings that hold for every repository. */
const EVERYWHERE = [
  ...PLAIN_OUTPUT,
  'core.hooksPath=/dev/null',
  'core.fsmonitor=false',
  'core.untrackedCache=false',
  'gc.auto=0',
  'maintenance.auto=false',
  'commit.gpgSign=false',
  'push.gpgSign=false',
  'tag.gpgSign=false',
  'fetch.recurseSubmodules=false',
  'submodule.recurse=false',
  'push.recurseSubmodules=no',
  'fetch.prune=false',
  'push.followTags=false',
  'push.useForceIfIncludes=false',
  'push.negotiate=false',
  // An empty one drops those that a person has set, which not every server takes.
  'push.pushOption=',
  'fetch.all=false',
  'fetch.pruneTags=false',
  'fetch.writeCommitGraph=false',
  'transfer.credentialsInUrl=allow',
  'http.lowSpeedLimit=1000',
  'http.lowSpeedTime=20',
  'protocol.version=2',
  'safe.bareRepository=explicit',
];
/** And for the private cache, which has no work tree and one writer. */
const IN_CACHE = [
  'core.attributesFile=/dev/null',
  'core.symlinks=false',
  'core.logAllRefUpdates=false',
  // Objects are judged where they are read: one odd tree in the history must not cut a careful
  // user's host off for good.
  'fetch.fsckObjects=false',
];

/** Flags that stand before every git command in the cache. */
export const HARDENING: readonly string[] = flagsOf([...EVERYWHERE, ...IN_CACHE]);

/**
 * Flags that stand before every git command in a person's project: links and attributes are the
 * project's own.
 */
export const PROJECT_HARDENING: readonly string[] = flagsOf(EVERYWHERE);

function flagsOf(settings: readonly string[]): readonly string[] {
  return [
    '--literal-pathspecs',
    '--no-replace-objects',
    ...settings.flatMap((setting) => ['-c', setting]),
  ];
}

/**
 * The environment of a git call in a person's project: its own ssh command stays in force, and a
 * partial clone may fetch what it lacks.
 */
export function buildProjectEnvironment(env: Environment): Record<string, string> {
  const users = env['GIT_SSH_COMMAND'] ?? null;
  const { GIT_SSH_COMMAND: batch = '', ...built } = buildEnvironment(
    { env, allowHttp: false, sshCommand: users },
    true,
  );
  return {
    ...built,
    GIT_NO_LAZY_FETCH: '0',
    ...(users === null ? {} : { GIT_SSH_COMMAND: batch }),
  };
}

/**
 * The environment of one git call. Agents' sockets and proxies reach only calls that go to the
 * network.
 */
export function buildEnvironment(
  rules: EnvironmentRules,
  network: boolean,
): Record<string, string> {
  const built: Record<string, string> = {};
  for (const name of network ? [...KEPT, ...KEPT_FOR_NETWORK] : KEPT) {
    const value = rules.env[name];
    if (value !== undefined) built[name] = value;
  }
  const protocols = rules.allowHttp ? 'https:http:ssh:file' : 'https:ssh:file';
  return {
    ...built,
    ...FIXED,
    ...accessVariables(
      joinAccess(accessOf(rules.env), (network ? rules.access : null) ?? NO_ACCESS),
    ),
    GIT_ALLOW_PROTOCOL: protocols,
    GIT_SSH_COMMAND: sshCommandOf(rules.sshCommand, rules.env['GIT_SSH_VARIANT']),
  };
}

/** The environment of what git starts to reach a remote: git's settings do not go that far. */
export function buildPeerEnvironment(rules: EnvironmentRules): Record<string, string> {
  const built = { ...buildEnvironment(rules, true), GIT_PROTOCOL: 'version=2' };
  return Object.fromEntries(Object.entries(built).filter(([name]) => name !== 'GIT_CONFIG_COUNT'));
}

function sshCommandOf(users: string | null, variant = ''): string {
  if (users === null || users.trim() === '')
    return 'ssh -oBatchMode=yes -oConnectTimeout=15 -oServerAliveInterval=15';
  // PuTTY's programs and "simple" ones take no -o options; everything else that git can use as ssh
  // does.
  return /plink|putty/i.test(users) || /plink|putty|simple/.test(variant)
    ? users
    : `${users} -oBatchMode=yes`;
}

/** Whether an ssh command is OpenSSH's, as git tells by its name. */
export function isOpenSsh(command: string, variant = ''): boolean {
  return variant === '' || variant === 'auto'
    ? /^(\S*\/)?ssh(\s|$)/.test(command)
    : variant === 'ssh';
}

const URL_FORM = /^(https|ssh|file):\/\/[^-]|^\//;
/** `host:path` over ssh, where the host may be a name of the person's own in ~/.ssh/config. */
const SCP_FORM = /^([^-@:/\s][^@:/\s]*@)?([\w.][\w.-]*|\[[\w:.]+\]):(?!:)/;
const HTTP_FORM = /^http:\/\/[^-]/;

/** Whether git takes a text for a host and a path there, unless it is a path here. */
export function isScpForm(text: string): boolean {
  return SCP_FORM.test(text) && !text.includes('://');
}

/** Whether `url` is one that git reaches over http or https. */
export function isHttpUrl(url: string): boolean {
  return /^https?:\/\//.test(url);
}

/**
 * Returns `url` when it is of a form that cannot be an option or a command. Throws CONFIG_INVALID
 * otherwise.
 */
export function checkRemoteUrl(url: string, allowHttp: boolean): string {
  const clean = !/[\u0000-\u001f\u007f]/.test(url) && !url.startsWith('-');
  if (clean && (URL_FORM.test(url) || isScpForm(url) || (allowHttp && HTTP_FORM.test(url))))
    return url;
  if (clean && HTTP_FORM.test(url))
    throw new CrosstalkError(
      'CONFIG_INVALID',
      `the remote ${JSON.stringify(shownUrl(url))} is plain http, which anyone on the way can read and change; expected https://…`,
      { fix: fixByHand('CROSSTALK_ALLOW_HTTP=true, or "allow-http: true" in config.yaml') },
    );
  throw new CrosstalkError(
    'CONFIG_INVALID',
    `the remote ${JSON.stringify(shownUrl(url))} cannot be used: expected https://…, ssh://…, file://…, host:path or an absolute path`,
    { fix: fixByHand('give the URL of the transport in one of these forms') },
  );
}

/**
 * Returns `refs/heads/<branch>` for a branch name that git itself would take. Throws CONFIG_INVALID
 * otherwise.
 */
export function branchRef(branch: string): string {
  const ref = `refs/heads/${branch}`;
  if (!branch.startsWith('-') && branch !== 'HEAD' && isRefName(ref)) return ref;
  throw new CrosstalkError(
    'CONFIG_INVALID',
    `${JSON.stringify(branch)} cannot be a branch name: expected what "git check-ref-format --branch" takes`,
  );
}

/** Whether `ref` is a full ref name by the rules of git-check-ref-format. */
function isRefName(ref: string): boolean {
  if (!ref.startsWith('refs/') || /[\u0000-\u0020\u007f~^:?*[\\]|\.\.|@\{|\/\/|\.$|\/$/.test(ref))
    return false;
  return ref
    .split('/')
    .every((part) => part !== '' && !part.startsWith('.') && !part.endsWith('.lock'));
}
