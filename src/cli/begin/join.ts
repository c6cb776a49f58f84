/**
 * `crosstalkd join <url> [dir]`: a clone of a transport for a person, and what this host could do
 * in it. Nothing that exists is overwritten.
 */
import { existsSync, readdirSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { CrosstalkError, errorText } from '../../base/errors.ts';
import { systemRandom } from '../../base/random.ts';
import { readConfig } from '../../local/read-config.ts';
import { VERSION_FILE } from '../../protocol/paths.ts';
import { branchRef, checkRemoteUrl } from '../../transport/git-environment.ts';
import { judgeFailure } from '../../transport/git-failure.ts';
import { describeOlder } from '../look/older-transport.ts';
import type { ProgramView } from '../look/agent-programs.ts';
import { type Invocation, option } from '../command.ts';
import { formatTable } from '../display-width.ts';
import { hostname } from '../session/host-name.ts';
import { plain } from '../io.ts';
import { isUrl } from '../session/locate.ts';
import { type ModelView, programToJson, readModelsAndPrograms } from '../look/models.ts';
import { openPersonGit } from '../session/person-git.ts';
import { probeRemote } from '../care/probe-remote.ts';
import { printJson, startDirectory, wantsJson } from '../look/reading.ts';
import { openSession, type TransportSession } from '../session/transport-session.ts';

/** Clones a transport and says what can be done there from this host. */
export async function joinTransport(invocation: Invocation): Promise<number> {
  const { config } = await readConfig({ env: invocation.env, flags: {}, hostname: hostname() });
  const [where = '', into] = invocation.args;
  const start = startDirectory(invocation);
  const url = checkRemoteUrl(mayBePath(where) ? resolve(start, where) : where, config.allowHttp);
  const directory = resolve(start, into ?? defaultDirectory(url));
  refuseOccupied(directory);
  await clone(invocation, url, directory);
  const session = await openSession(
    { ...invocation, options: withoutDir(invocation) },
    { where: directory },
  );
  try {
    return tell(invocation, {
      directory,
      url,
      session,
      ...(await readModelsAndPrograms(session, invocation.env)),
      limits: await findLimits(session),
      older: await describeOlder(session),
    });
  } finally {
    await session.close();
  }
}

/**
 * Options and `ext::…`, which would run a command, are no paths: they are refused as the addresses
 * they are.
 */
function mayBePath(where: string): boolean {
  return !isUrl(where) && !where.startsWith('-') && !/^[\w+.-]+::/.test(where);
}

/** The last part of the address, without `.git`, as git itself would name it. */
function defaultDirectory(url: string): string {
  const name = basename(url.replace(/(?<![/:])[/:]+$/, '').replaceAll(':', '/')).replace(
    /\.git$/,
    '',
  );
  if (name !== '' && !name.startsWith('-')) return name;
  throw new CrosstalkError('USAGE', `join: no directory name can be made of ${url}`, {
    fix: `crosstalkd join ${url} <dir>`,
  });
}

function refuseOccupied(directory: string): void {
  if (!existsSync(directory) || readdirSync(directory).length === 0) return;
  const isClone = existsSync(join(directory, VERSION_FILE));
  throw new CrosstalkError(
    'ALREADY_EXISTS',
    `${directory} is not empty${isClone ? '; it is a clone of a transport already' : ''}`,
    {
      fix: isClone
        ? `crosstalkd status -C ${directory}`
        : 'crosstalkd join <url> <a new directory>',
    },
  );
}

async function clone(invocation: Invocation, url: string, directory: string): Promise<void> {
  const branch = option(invocation, 'branch');
  if (branch !== null) branchRef(branch);
  const isNew = !existsSync(directory);
  await mkdir(dirname(directory), { recursive: true });
  const git = openPersonGit(dirname(directory), invocation.env);
  try {
    await git.raw([
      'clone',
      '--quiet',
      ...(branch === null ? [] : [`--branch=${branch}`]),
      '--',
      url,
      directory,
    ]);
  } catch (error) {
    throw cloneFailed(url, errorText(error));
  }
  if (existsSync(join(directory, VERSION_FILE))) return;
  // Only what was made a moment ago is taken away again.
  if (isNew) await rm(directory, { recursive: true, force: true });
  throw new CrosstalkError(
    'NOT_A_TRANSPORT',
    `${url} has no ${VERSION_FILE}${branch === null ? '' : ` on branch "${branch}"`}`,
    {
      fix: `crosstalkd init <dir> --remote ${url}   (or --branch <name>, if the conversation has a branch of its own)`,
    },
  );
}

function cloneFailed(url: string, text: string): CrosstalkError {
  const missingBranch = /Remote branch (\S+) not found/.exec(text)?.[1];
  if (missingBranch !== undefined)
    return new CrosstalkError('NOT_A_TRANSPORT', `${url} has no branch "${missingBranch}"`, {
      fix: `git ls-remote --heads ${url}`,
    });
  const { line } = judgeFailure({
    ended: 'exited',
    code: 128,
    stdout: Buffer.alloc(0),
    stderr: text,
  });
  return new CrosstalkError('REMOTE_UNREACHABLE', `cannot clone ${url}: ${line}`, {
    fix: 'check the address and your access to it, then the same command again',
  });
}

function withoutDir({ options }: Invocation): Invocation['options'] {
  return new Map([...options].filter(([name]) => name !== 'dir'));
}

/** What this person cannot do on that remote, as lines. */
async function findLimits(session: TransportSession): Promise<readonly string[]> {
  const traits = await probeRemote(session.repository, systemRandom.hex(6));
  if ('refusal' in traits)
    return [
      `you can read here, but not send or serve: the remote takes no pushes (${traits.refusal})`,
    ];
  return [
    ...(session.traits.customRefs && !traits.customRefs
      ? ['the remote takes no custom refs, and the transport counts on them: crosstalkd doctor']
      : []),
    ...(session.traits.atomic && !traits.atomic
      ? ['the remote takes no atomic pushes, and the transport counts on them: crosstalkd doctor']
      : []),
    ...(traits.atomic ? [] : ['no atomic pushes: replies are not fenced by the server']),
  ];
}

interface Joined {
  readonly directory: string;
  readonly url: string;
  readonly session: TransportSession;
  readonly views: readonly ModelView[];
  readonly programs: readonly ProgramView[];
  readonly limits: readonly string[];
  /** What an older program left here, in a line. */
  readonly older: string | null;
}

function tell(
  invocation: Invocation,
  { directory, url, session, views, programs, limits, older }: Joined,
): number {
  const { io } = invocation;
  const served = views.filter(({ isServed }) => isServed);
  const next = nextCommands(directory, views);
  if (wantsJson(invocation)) {
    printJson(invocation, {
      ok: true,
      health: limits.length === 0 ? 'good' : 'degraded',
      directory,
      remote: url,
      branch: session.branch,
      alias: session.config.alias,
      models: views.map(({ offer, says, fix, isServed }) => ({
        name: offer.name,
        served: isServed,
        says,
        fix,
      })),
      programs: programs.map(programToJson),
      limits,
      older,
      next,
    });
    return 0;
  }
  io.print(`Joined the transport ${directory}`);
  io.print(`  remote  ${url} (branch ${session.branch})`);
  io.print(`  host    ${session.config.alias} (run --alias gives it another name)`);
  io.print(`  models  this host serves ${served.length} of ${views.length}`);
  const rows = views.map(({ offer, says }) => [`          ${offer.name}`, says]);
  for (const line of formatTable(rows, io.columns)) io.print(line);
  for (const { adapter, says, fix } of programs)
    io.print(plain(`  program ${adapter} ${says}${fix === null ? '' : `: ${fix}`}`));
  for (const line of [...(older === null ? [] : [older]), ...limits])
    io.print(plain(`  note    ${line}`));
  io.print('\nNext:');
  for (const command of next) io.print(`  ${command}`);
  return 0;
}

/** What lets this host answer, and what asks something. */
function nextCommands(directory: string, views: readonly ModelView[]): readonly string[] {
  const servable = views.find(({ isServed }) => isServed);
  const waiting = views.find(
    ({ offer, program }) => offer.state.kind === 'unapproved' && program?.path !== null,
  );
  const allow =
    servable === undefined && waiting !== undefined
      ? [`crosstalkd allow -C ${directory} ${waiting.offer.name}`]
      : [];
  const model = servable ?? waiting ?? views[0];
  return [
    ...allow,
    `crosstalkd run ${directory}`,
    `crosstalkd send -C ${directory} --to ${model?.offer.name ?? '<model>'} --wait -m "Hello"`,
  ];
}
