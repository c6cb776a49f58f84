/** What a service's unit starts, and with which environment. */
import { existsSync } from 'node:fs';
import { delimiter, dirname, isAbsolute, join, resolve } from 'node:path';
import { CrosstalkError } from '../../base/errors.ts';
import { fixBy, withNote } from '../../base/fix.ts';
import { formatService } from '../../local/service-unit.ts';
import { homeOf, present, stateRoot } from '../../local/state-directory.ts';
import { type Invocation, option } from '../command.ts';
import { openSession } from '../session/transport-session.ts';
import type { ServiceAt } from './service-manager.ts';

export async function composeText(at: ServiceAt): Promise<string> {
  const { invocation, session, manager } = at;
  const { env } = invocation;
  const script = resolve(invocation.program);
  if (/[\\/]_npx[\\/]/.test(script))
    throw new CrosstalkError(
      'REFUSED',
      `${script} is a copy of npx, which may vanish; a service needs an installed program`,
      { fix: 'npm i -g crosstalkd' },
    );
  const root = stateRoot(option(invocation, 'state'), env);
  const alias = option(invocation, 'alias');
  const configDirectory = present(env['CROSSTALK_CONFIG_DIR']);
  return formatService(
    {
      manager,
      id: session.id,
      url: session.located.url,
      argv: [
        process.execPath,
        ...(manager === 'launchd' ? [`--env-file=${at.envFile}`] : []),
        ...[script, 'run', await whatToRun(at), '--state', root],
        ...(alias === null ? [] : ['--alias', alias]),
      ],
      env: {
        PATH: servicePath(env),
        ...(configDirectory === null ? {} : { CROSSTALK_CONFIG_DIR: resolve(configDirectory) }),
      },
      envFile: at.envFile,
      home: homeOf(env),
      graceMs: session.config.shutdownGraceMs,
    },
    at.places,
  );
}

/**
 * The address, so that the service needs no clone; the clone when its branch is not the one that
 * the address alone stands for, or when its configuration says how the remote is reached.
 */
async function whatToRun({ invocation, session }: ServiceAt): Promise<string> {
  const { clone, url, pushUrl, access } = session.located;
  const isPlain = pushUrl === null && access.settings.length === 0;
  if (clone === null && !isPlain)
    throw new CrosstalkError(
      'CONFIG_INVALID',
      `the address of ${url} contains a user name or password, which a service would show to every user of this machine`,
      {
        fix: withNote(fixBy`crosstalkd join URL`, 'then, in the clone: crosstalkd service install'),
      },
    );
  if (clone === null) return url;
  if (!isPlain) return clone;
  const plainly = await openSession(invocation, { where: url, unread: true });
  await plainly.close();
  return plainly.branch === session.branch ? url : clone;
}

/** Where programs of users usually are; a service begins with next to nothing. */
const USUAL_PLACES = [
  '.local/bin',
  'bin',
  '.npm-global/bin',
  '.bun/bin',
  '.deno/bin',
  '.cargo/bin',
] as const;
const SYSTEM_PLACES = [
  '/opt/homebrew/bin',
  '/usr/local/bin',
  '/usr/bin',
  '/bin',
  '/usr/sbin',
  '/sbin',
] as const;

/**
 * The PATH of this shell, where the agent programs were found, then the usual places. Folders that
 * are gone after a boot are left out.
 */
export function servicePath(env: Invocation['env']): string {
  const here = (env['PATH'] ?? '')
    .split(delimiter)
    .filter(
      (folder) =>
        isAbsolute(folder) &&
        !/^\/(tmp|run|dev|proc)\//.test(folder) &&
        !folder.includes('/node_modules/'),
    );
  const usual = USUAL_PLACES.map((folder) => join(homeOf(env), folder));
  const wanted = [
    ...here,
    dirname(process.execPath),
    ...[...usual, ...SYSTEM_PLACES].filter((folder) => existsSync(folder)),
  ];
  return [...new Set(wanted)].join(delimiter);
}
