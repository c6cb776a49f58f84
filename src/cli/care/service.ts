/**
 * `crosstalkd service`: the dispatcher of this transport as a service of this user, kept running by
 * systemd or launchd.
 */
import { existsSync } from 'node:fs';
import { chmod, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, isAbsolute, join } from 'node:path';
import { CrosstalkError } from '../../base/errors.ts';
import { shellWord } from '../../base/shell-word.ts';
import { makeConfigDirectory } from '../../local/config-directory.ts';
import {
  ownerOf,
  placeService,
  type ServiceManager,
  type ServicePlaces,
} from '../../local/service-unit.ts';
import { homeOf, present } from '../../local/state-directory.ts';
import { sendControl } from '../../local/control-client.ts';
import { given, type Invocation, option } from '../command.ts';
import { paint, plain } from '../io.ts';
import { printJson, wantsJson } from '../look/reading.ts';
import { openSession, type TransportSession } from '../session/transport-session.ts';
import { fixBy, withNote } from '../../base/fix.ts';
import {
  startWith,
  mustRun,
  whenItRuns,
  askState,
  type ServiceAt,
  managerHere,
  missingPrograms,
  tool,
} from './service-manager.ts';
import { composeText } from './compose-service.ts';

/** Writes the unit and starts it. */
export async function installService(invocation: Invocation): Promise<number> {
  const at = await openService(invocation, invocation.args[0] ?? null);
  const text = await composeText(at);
  if (given(invocation, 'print')) {
    invocation.io.print(text.trimEnd());
    return 0;
  }
  const { places } = at;
  const before = await readOwned(at, 'install');
  await mkdir(dirname(places.file), { recursive: true });
  await makeConfigDirectory(at.session.configDirectory);
  if (!existsSync(at.envFile)) await writeFile(at.envFile, ENV_FILE_TEXT, { mode: 0o600 });
  await writeFile(places.file, text, { mode: 0o600 });
  await chmod(places.file, 0o600);
  await linkLogs(at);
  const isQuiet = wantsJson(invocation);
  if (!isQuiet)
    invocation.io.print(
      `${before === null ? 'wrote' : before === text ? 'unchanged:' : 'rewrote:'} ${plain(places.file)}`,
    );
  for (const line of notesOn(invocation)) invocation.io.warn(line);
  const isStarted = !given(invocation, 'no-start');
  if (isStarted) for (const argv of startWith(at)) await mustRun(at, argv);
  if (isQuiet) tellFacts(at, { changed: before !== text, started: isStarted });
  else if (isStarted)
    for (const line of [...(await whenItRuns(at)), `its log: ${plain(logCommand(at))}`])
      invocation.io.print(line);
  return 0;
}

/** The object of a command that changed the service. */
function tellFacts(at: ServiceAt, facts: Readonly<Record<string, unknown>>): void {
  const { places, manager } = at;
  printJson(at.invocation, {
    ...{ ok: true, health: 'good', name: places.name, manager, file: places.file },
    ...facts,
  });
}

/** Stops the service and takes its unit away. Nothing else is touched. */
export async function uninstallService(invocation: Invocation): Promise<number> {
  const at = await openService(invocation, invocation.args[0] ?? null);
  const removed = await removeService(at);
  if (wantsJson(invocation)) tellFacts(at, { ok: removed, removed });
  else
    invocation.io.print(
      removed
        ? `${at.places.name} is stopped and removed`
        : `there is no service ${at.places.name}`,
    );
  return removed ? 0 : 3;
}

/** Whether there is one, whether it runs, and where it says what. */
export async function showService(invocation: Invocation): Promise<number> {
  const at = await openService(invocation, invocation.args[0] ?? null);
  const { io } = invocation;
  const text = await readFile(at.places.file, 'utf8').catch(() => null);
  const state = text === null ? null : await askState(at);
  const dispatcher = await sendControl(
    at.session.directory.path,
    { op: 'status' },
    { timeoutMs: 2_000 },
  );
  const answers = dispatcher.kind === 'answered';
  const missing = text === null ? [] : missingPrograms(text);
  if (wantsJson(invocation)) {
    const owner = text === null ? null : ownerOf(text);
    const facts = {
      name: at.places.name,
      manager: at.manager,
      file: at.places.file,
      installed: text !== null,
      owner,
      state,
      answers,
      missing,
    };
    printJson(invocation, {
      ok: true,
      health: text !== null && answers && missing.length === 0 ? 'good' : 'degraded',
      ...facts,
      log: logCommand(at),
    });
    return text === null ? 3 : 0;
  }
  if (text === null) {
    io.print(
      `there is no service ${at.places.name}${answers ? '; a dispatcher runs without one' : ''}: crosstalkd service install`,
    );
    return 3;
  }
  io.print(
    paint(
      io,
      answers ? 'green' : 'yellow',
      `${at.places.name}: ${state ?? 'unknown'}${answers ? ', its dispatcher answers' : ', no dispatcher answers'}`,
    ),
  );
  for (const program of missing)
    io.print(
      paint(io, 'red', plain(`gone   ${program}, which it starts: crosstalkd service install`)),
    );
  io.print(
    `unit   ${plain(at.places.file)}${ownerOf(text) === 'ours' ? '' : '  (changed by hand)'}`,
  );
  io.print(`log    ${plain(logCommand(at))}`);
  io.print(`events ${plain(at.session.directory.logFile)}`);
  return 0;
}

/** Finds the service's names and places for the transport that the command is about. */
async function openService(invocation: Invocation, where: string | null): Promise<ServiceAt> {
  const session = await openSession(invocation, { where, unread: true });
  await session.close();
  return serviceOf(invocation, session, chooseManager(invocation));
}

/** The service of a transport that is already open. */
export function serviceOf(
  invocation: Invocation,
  session: TransportSession,
  manager: ServiceManager,
): ServiceAt {
  const { env } = invocation;
  const xdg = present(env['XDG_CONFIG_HOME']);
  const places = placeService(
    { manager, id: session.id, url: session.located.url, home: homeOf(env) },
    xdg !== null && isAbsolute(xdg) ? xdg : null,
  );
  return {
    invocation,
    session,
    manager,
    places,
    envFile: join(session.configDirectory.path, 'service.env'),
  };
}

function chooseManager(invocation: Invocation): ServiceManager {
  const named = option(invocation, 'manager');
  if (named === null) return managerHere();
  if (named === 'systemd' || named === 'launchd') return named;
  throw new CrosstalkError(
    'USAGE',
    `crosstalkd service: --manager "${named}" is neither systemd nor launchd`,
    { fix: 'crosstalkd service install --manager systemd' },
  );
}

/**
 * Stops it and removes its files. False when there is none. Throws ALREADY_EXISTS for a unit that
 * is not ours to remove.
 */
export async function removeService(at: ServiceAt): Promise<boolean> {
  const { places } = at;
  if ((await readOwned(at, 'uninstall')) === null) return false;
  const uid = String(process.getuid?.() ?? 0);
  // It may not be running, or nobody may manage services here: the file goes in any case.
  if (at.manager === 'systemd')
    await tool(at, ['systemctl', '--user', 'disable', '--now', `${places.name}.service`]);
  else await tool(at, ['launchctl', 'bootout', `gui/${uid}/${places.name}`]);
  await rm(places.file, { force: true });
  if (at.manager === 'systemd') await tool(at, ['systemctl', '--user', 'daemon-reload']);
  for (const path of [places.outputFile, eventsLink(places)])
    if (path !== null) await rm(path, { force: true });
  const env = await readFile(at.envFile, 'utf8').catch(() => null);
  if (env === ENV_FILE_TEXT) await rm(at.envFile, { force: true });
  return true;
}

const ENV_FILE_TEXT = `# Variables for dispatchers that run as a service, one NAME=value per line: what the "env:" of models passes on.\n`;

/**
 * The unit's text when it is ours, null when there is none. Throws ALREADY_EXISTS when it is
 * somebody else's, or ours and changed by hand.
 */
async function readOwned(
  { places, invocation }: ServiceAt,
  to: 'install' | 'uninstall',
): Promise<string | null> {
  const text = await readFile(places.file, 'utf8').catch(() => null);
  if (text === null) return null;
  const owner = ownerOf(text);
  if (owner === 'ours' || (owner === 'edited' && given(invocation, 'force'))) return text;
  throw owner === 'foreign'
    ? new CrosstalkError(
        'ALREADY_EXISTS',
        `${places.file} was not made by crosstalkd and is left unchanged`,
        { fix: fixBy`mv ${places.file} ${places.file}.old` },
      )
    : new CrosstalkError(
        'ALREADY_EXISTS',
        `${places.file} was changed by hand after crosstalkd wrote it and is left unchanged`,
        { fix: withNote(fixBy`crosstalkd service ${to} --force`, 'the changes are lost') },
      );
}

/**
 * What launchd's platform calls logs, beside each other: what goes wrong at the start, and the
 * events, which rotate where they are.
 */
async function linkLogs({ places, session }: ServiceAt): Promise<void> {
  const link = eventsLink(places);
  if (places.outputFile === null || link === null) return;
  await mkdir(dirname(places.outputFile), { recursive: true });
  await rm(link, { force: true });
  await symlink(session.directory.logFile, link);
}

function eventsLink({ outputFile }: ServicePlaces): string | null {
  return outputFile === null ? null : outputFile.replace(/\.log$/, '.events.log');
}

function logCommand({ manager, places }: ServiceAt): string {
  return manager === 'systemd'
    ? `journalctl --user -u ${places.name} -f`
    : `tail -F ${shellWord(eventsLink(places) ?? '')}`;
}

/** What this shell has and the service will not. */
function notesOn({ env }: Invocation): readonly string[] {
  const names = Object.keys(env).filter(
    (name) =>
      name.startsWith('CROSSTALK_') &&
      !['CROSSTALK_STATE_DIR', 'CROSSTALK_CONFIG_DIR'].includes(name),
  );
  return names.map(
    (name) =>
      `${name} is set in this shell, but the service does not get it: set it in config.yaml`,
  );
}
