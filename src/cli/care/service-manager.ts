/** systemd and launchd: what is said to them about a service, and what they say of it. */
import { existsSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { CrosstalkError } from '../../base/errors.ts';
import { fixBy, withNote } from '../../base/fix.ts';
import { runTool, type ToolEnded } from '../../local/run-tool.ts';
import { type ServiceManager, type ServicePlaces, wordsOf } from '../../local/service-unit.ts';
import type { Invocation } from '../command.ts';
import type { TransportSession } from '../session/transport-session.ts';

/** A service of one transport, and what is needed to speak of it. */
export interface ServiceAt {
  readonly invocation: Invocation;
  readonly session: TransportSession;
  readonly manager: ServiceManager;
  readonly places: ServicePlaces;
  readonly envFile: string;
}

/** What a unit starts and is not on this disk any more: Node was removed, or the program moved. */
export function missingPrograms(text: string): readonly string[] {
  const [node, ...rest] = wordsOf(text);
  const script = rest.find((word) => isAbsolute(word) && /\.[cm]?js$/.test(word));
  return [node, script].flatMap((path) => (path === undefined || existsSync(path) ? [] : [path]));
}

/** The manager of this platform. */
export function managerHere(): ServiceManager {
  return process.platform === 'darwin' ? 'launchd' : 'systemd';
}

export function startWith({
  manager,
  places,
}: ServiceAt): readonly (readonly [string, ...string[]])[] {
  const domain = `gui/${String(process.getuid?.() ?? 0)}`;
  if (manager === 'launchd')
    return [
      ['launchctl', 'bootstrap', domain, places.file],
      ['launchctl', 'kickstart', '-k', `${domain}/${places.name}`],
    ];
  return [
    ['systemctl', '--user', 'daemon-reload'],
    ['systemctl', '--user', 'enable', `${places.name}.service`],
    ['systemctl', '--user', 'restart', `${places.name}.service`],
  ];
}

const TOOL_MS = 60_000;

export function tool(
  { invocation }: ServiceAt,
  argv: readonly [string, ...string[]],
): Promise<ToolEnded> {
  return runTool({ argv, env: invocation.env, limitMs: TOOL_MS });
}

export async function mustRun(at: ServiceAt, argv: readonly [string, ...string[]]): Promise<void> {
  const ended = await tool(at, argv);
  // Bootstrap of an agent that is loaded already exits with 5 or 37; the kick that follows starts
  // it again.
  if (ended.code === 0 || argv[1] === 'bootstrap') return;
  const why = ended.problem ?? ended.stderr.trim().split('\n').at(-1) ?? '';
  throw new CrosstalkError(
    'REFUSED',
    `the unit is written, but "${argv.join(' ')}" failed: ${why || `exit code ${String(ended.code)}`}`,
    {
      fix:
        at.manager === 'systemd'
          ? withNote(fixBy`systemctl --user status`, 'in a session of this user')
          : `launchctl print gui/${String(process.getuid?.() ?? 0)}`,
    },
  );
}

export async function askState(at: ServiceAt): Promise<string> {
  if (at.manager === 'systemd') {
    const asked = await tool(at, ['systemctl', '--user', 'is-active', `${at.places.name}.service`]);
    return asked.stdout.trim() || (asked.problem ?? 'unknown');
  }
  const asked = await tool(at, [
    'launchctl',
    'print',
    `gui/${String(process.getuid?.() ?? 0)}/${at.places.name}`,
  ]);
  if (asked.code !== 0) return asked.problem ?? 'not loaded';
  return /^[ \t]*state = (.+)$/m.exec(asked.stdout)?.[1] ?? 'loaded';
}

/**
 * A user's services end with the last session, and begin with the first, unless the user lingers.
 */
export async function whenItRuns(at: ServiceAt): Promise<readonly string[]> {
  const { name } = at.places;
  if (at.manager !== 'systemd') return [`${name} runs now, and again after every login`];
  const asked = await tool(at, [
    'loginctl',
    'show-user',
    '--property=Linger',
    '--value',
    String(process.getuid?.() ?? ''),
  ]);
  const lingers = asked.stdout.trim();
  if (lingers === 'yes') return [`${name} runs now, and again after every boot`];
  const once =
    'to run it from boot on, even when nobody is logged in, run once: loginctl enable-linger';
  return lingers === 'no'
    ? [`${name} runs now, ends when you log out, and runs again when you log in`, once]
    : [`${name} runs now, and again when you log in`, once];
}
