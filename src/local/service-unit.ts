/**
 * A dispatcher as a service of its user: the systemd unit or launchd agent as text, where the
 * platform keeps it and its log. Pure. The first lines say whose file it is and carry a checksum of
 * the rest, so that a file of somebody else, or one changed by hand, is never taken for ours.
 */
import { createHash } from 'node:crypto';
import { basename, join } from 'node:path';
import { slugName } from '../protocol/names.ts';

/** Who keeps services running here. */
export type ServiceManager = 'systemd' | 'launchd';

/** What a service must know. Paths are absolute. */
export interface ServiceFacts {
  readonly manager: ServiceManager;
  /** 16 hex that stand for the transport. */
  readonly id: string;
  /** Shown to people. */
  readonly url: string;
  /** Node, the script, `run`, and what follows. */
  readonly argv: readonly string[];
  /**
   * Variables of the dispatcher: PATH, and where state and configuration are when that is not the
   * default.
   */
  readonly env: Readonly<Record<string, string>>;
  /** File of `NAME=value` lines with what models let through; it need not exist. */
  readonly envFile: string;
  readonly home: string;
  /** Time that running agents get; the manager waits longer than that. */
  readonly graceMs: number;
}

/** Where a service's files are. */
export interface ServicePlaces {
  /** The unit's name without its ending, the agent's label. */
  readonly name: string;
  readonly file: string;
  /** What it prints, where the platform keeps that; null = in the journal. */
  readonly outputFile: string | null;
}

/** Names and places, from what stands for the transport. */
export function placeService(
  facts: Pick<ServiceFacts, 'manager' | 'id' | 'url' | 'home'>,
  xdgConfig: string | null,
): ServicePlaces {
  const slug = slugName(
    basename(facts.url.replace(/(?<!\/)\/+$/, '').replace(/\.git$/, '')).replace(/^.*:/, ''),
    'transport',
  ).slice(0, 32);
  const name = `crosstalkd-${slug}-${facts.id.slice(0, 8)}`;
  if (facts.manager === 'systemd')
    return {
      name,
      file: join(xdgConfig ?? join(facts.home, '.config'), 'systemd', 'user', `${name}.service`),
      outputFile: null,
    };
  return {
    name,
    file: join(facts.home, 'Library', 'LaunchAgents', `${name}.plist`),
    outputFile: join(facts.home, 'Library', 'Logs', 'crosstalkd', `${name}.log`),
  };
}

/** The whole file. */
export function formatService(facts: ServiceFacts, places: ServicePlaces): string {
  return facts.manager === 'systemd'
    ? seal(formatUnit(facts))
    : sealPlist(formatAgent(facts, places));
}

/** Whose a file is: made by us and untouched, made by us and then edited, or of somebody else. */
export function ownerOf(text: string): 'ours' | 'edited' | 'foreign' {
  const found = /^(?:# |<!-- )crosstalkd service, sha256 ([0-9a-f]{64})(?: -->)?\n/m.exec(text);
  if (found === null) return 'foreign';
  const rest = text.slice(0, found.index) + text.slice(found.index + found[0].length);
  return digest(rest) === found[1] ? 'ours' : 'edited';
}

/** The words that a unit or agent starts, as they were written into it; none when it has none. */
export function wordsOf(text: string): readonly string[] {
  const line = text.split('\n').find((one) => one.startsWith(START));
  if (line !== undefined) return quotedWords(line.slice(START.length));
  const start = text.indexOf('<key>ProgramArguments</key>');
  const list = start < 0 ? '' : text.slice(start, text.indexOf('</array>', start));
  return list
    .split('<string>')
    .slice(1)
    .map((part) => plainXml(part.slice(0, part.indexOf('</string>'))));
}

const START = 'ExecStart=';

/** What `quoteArgument` has made of them. */
function quotedWords(line: string): readonly string[] {
  const words: string[] = [];
  let word: string | null = null;
  for (let at = 0; at < line.length; at += 1) {
    const char = line[at] ?? '';
    if (char === '"') {
      if (word !== null) words.push(word);
      word = word === null ? '' : null;
    } else if (word !== null && char === '\\') {
      at += 1;
      word += line[at] ?? '';
    } else if (word !== null) word += char;
  }
  return words.map((one) => one.replaceAll('$$', '$').replaceAll('%%', '%'));
}

function plainXml(text: string): string {
  return text
    .replaceAll('&quot;', '"')
    .replaceAll('&gt;', '>')
    .replaceAll('&lt;', '<')
    .replaceAll('&amp;', '&');
}

function seal(text: string): string {
  return `# crosstalkd service, sha256 ${digest(text)}\n${text}`;
}

/** The declaration of XML must stay the first line. */
function sealPlist(text: string): string {
  const end = text.indexOf('\n') + 1;
  return `${text.slice(0, end)}<!-- crosstalkd service, sha256 ${digest(text)} -->\n${text.slice(end)}`;
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** What no retry fixes: usage or configuration (2), held by another dispatcher (5). */
const EXITS_FOR_GOOD = [2, 5] as const;
const RESTART_SECONDS = 10;
const STOP_SECONDS_MORE = 20;

function formatUnit(facts: ServiceFacts): string {
  return `# Change it with a drop-in (systemctl --user edit); crosstalkd service uninstall removes it.
[Unit]
Description=crosstalkd for ${facts.url.replaceAll('%', '%%')}
Documentation=man:crosstalkd(1)
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart=${facts.argv.map(quoteArgument).join(' ')}
WorkingDirectory=${facts.home.replaceAll('%', '%%')}
${Object.entries(facts.env)
  .map(([name, value]) => `Environment=${quoteValue(`${name}=${value}`)}`)
  .join('\n')}
EnvironmentFile=-${facts.envFile.replaceAll('%', '%%')}
Restart=on-failure
RestartSec=${RESTART_SECONDS}
RestartPreventExitStatus=${EXITS_FOR_GOOD.join(' ')}
KillMode=mixed
TimeoutStopSec=${Math.ceil(facts.graceMs / 1_000) + STOP_SECONDS_MORE}
UMask=0077
NoNewPrivileges=true
LockPersonality=true
RestrictRealtime=true

[Install]
WantedBy=default.target
`;
}

/**
 * One word of a command line for systemd, which knows escapes, `%` specifiers and `$` variables in
 * it.
 */
function quoteArgument(word: string): string {
  return quoteValue(word).replaceAll('$', '$$$$');
}

function quoteValue(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('%', '%%')}"`;
}

function formatAgent(facts: ServiceFacts, places: ServicePlaces): string {
  const strings = (list: readonly string[]): string =>
    list.map((text) => `    <string>${escapeXml(text)}</string>`).join('\n');
  const pairs = Object.entries(facts.env).map(
    ([name, value]) =>
      `    <key>${escapeXml(name)}</key>\n    <string>${escapeXml(value)}</string>`,
  );
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>Label</key>
  <string>${escapeXml(places.name)}</string>
  <key>ProgramArguments</key>
  <array>
${strings(facts.argv)}
  </array>
  <key>EnvironmentVariables</key>
  <dict>
${pairs.join('\n')}
  </dict>
  <key>WorkingDirectory</key>
  <string>${escapeXml(facts.home)}</string>
  <key>RunAtLoad</key>
  <true/>
  <key>KeepAlive</key>
  <dict>
    <key>SuccessfulExit</key>
    <false/>
  </dict>
  <key>ThrottleInterval</key>
  <integer>${RESTART_SECONDS}</integer>
  <key>ExitTimeOut</key>
  <integer>${Math.ceil(facts.graceMs / 1_000) + STOP_SECONDS_MORE}</integer>
  <key>ProcessType</key>
  <string>Background</string>
  <key>Umask</key>
  <integer>63</integer>
  <key>StandardOutPath</key>
  <string>/dev/null</string>
  <key>StandardErrorPath</key>
  <string>${escapeXml(places.outputFile ?? '/dev/null')}</string>
</dict>
</plist>
`;
}

function escapeXml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
