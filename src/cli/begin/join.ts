/**
 * `crosstalkd join <url> [dir]`: a clone of a transport for a person, and what this host could do
 * in it. Nothing that exists is overwritten.
 */
import { existsSync, readdirSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { CrosstalkError } from '../../base/errors.ts';
import { systemRandom } from '../../base/random.ts';
import { shellWord } from '../../base/shell-word.ts';
import { readConfig } from '../../local/read-config.ts';
import { VERSION_FILE } from '../../protocol/paths.ts';
import { branchRef, checkRemoteUrl } from '../../transport/git-environment.ts';
import { describeOlder } from '../look/older-transport.ts';
import type { ProgramView } from '../look/agent-programs.ts';
import { type Invocation, option } from '../command.ts';
import { formatTable } from '../../base/display-width.ts';
import { offerKey } from '../session/offer-keys.ts';
import { hostname } from '../session/host-name.ts';
import { plain } from '../io.ts';
import { addressIn } from '../session/locate.ts';
import { type ModelView, programToJson, readModelsAndPrograms } from '../look/models.ts';
import type { PersonGit } from '../session/person-git.ts';
import { findPlace, OWN_REPOSITORY, type Project } from '../session/project.ts';
import {
  asPerson,
  findTransports,
  readHeads,
  type RemoteHeads,
} from '../session/remote-branches.ts';
import { beginClone, createMade, finishClone, type Made, missingIdentity } from './make-clone.ts';
import { remoteOf } from './place-transport.ts';
import { asUnreachable } from '../session/remote-errors.ts';
import { tellWaits } from '../session/tell-waits.ts';
import { checkAlias, rememberAlias } from './remember-alias.ts';
import { shownUrl } from '../../transport/remote-url.ts';
import { probeRemote } from '../care/probe-remote.ts';
import { lacksPace } from '../care/set-pace.ts';
import { printJson, startDirectory, wantsJson } from '../look/reading.ts';
import { openSession, type TransportSession } from '../session/transport-session.ts';
import { tellReason } from '../../protocol/remedy.ts';
import { sayReason } from '../../protocol/say-reason.ts';
import { fixBy, formatFix } from '../../base/fix.ts';

/** Clones a transport and says what can be done there from this host. */
export async function joinTransport(asked: Invocation): Promise<number> {
  const alias = option(asked, 'alias');
  await checkAlias(asked, alias);
  const { config } = await readConfig({ env: asked.env, flags: {}, hostname: hostname() });
  const { url, directory, project } = await placeClone(asked, config.allowHttp);
  const made = createMade();
  const place = { url, directory, project: project?.directory ?? null };
  const git = await clone(asked, place, made).catch(async (error: unknown) => {
    await made.undo();
    throw error;
  });
  if (alias !== null) await rememberAlias(asked, alias);
  const identity = await missingIdentity(git);
  const key = await offerKey(git, asked.env);
  const session = await openSession({ ...asked, options: withoutDir(asked) }, { where: directory });
  try {
    return printJoined(asked, {
      directory,
      url: shownUrl(url),
      session,
      ...(await readModelsAndPrograms(session, asked.env)),
      limits: [
        ...(identity === null ? [] : [identity]),
        ...(await findLimits(session)),
        ...(await missingPace(session)),
      ],
      older: await describeOlder(session),
      key,
    });
  } finally {
    await session.close();
  }
}

/** Without a URL, the mailbox of the project that the command was started in. */
async function placeClone(
  invocation: Invocation,
  allowHttp: boolean,
): Promise<{
  readonly url: string;
  readonly directory: string;
  readonly project: Project | null;
}> {
  const start = startDirectory(invocation);
  const [where, into] = invocation.args;
  if (where !== undefined) {
    const url = checkRemoteUrl(addressIn(start, where), allowHttp);
    const directory = resolve(start, into ?? defaultDirectory(url));
    refuseOccupied(directory);
    return { url, directory, project: null };
  }
  const place = findPlace(start);
  if (place.kind !== 'project')
    throw new CrosstalkError(
      'USAGE',
      'join: <url> is missing, and this directory is not in a repository',
      { fix: fixBy`crosstalkd join URL` },
    );
  refuseOccupied(place.project.mailbox);
  const url = await remoteOf(invocation, place.project);
  if (url === OWN_REPOSITORY)
    throw new CrosstalkError('NOT_A_TRANSPORT', `${place.project.directory} has no remote`, {
      fix: 'crosstalkd init',
    });
  const { project } = place;
  return { url: checkRemoteUrl(url, allowHttp), directory: project.mailbox, project };
}

/** The last part of the address, without `.git`, as git itself would name it. */
function defaultDirectory(url: string): string {
  const name = basename(url.replace(/(?<![/:])[/:]+$/, '').replaceAll(':', '/')).replace(
    /\.git$/,
    '',
  );
  if (name !== '' && !name.startsWith('-')) return name;
  throw new CrosstalkError('USAGE', `join: cannot derive a directory name from ${shownUrl(url)}`, {
    fix: fixBy`crosstalkd join ${shownUrl(url)} DIR`,
  });
}

function refuseOccupied(directory: string): void {
  if (!existsSync(directory) || readdirSync(directory).length === 0) return;
  const isClone = existsSync(join(directory, VERSION_FILE));
  throw new CrosstalkError(
    'ALREADY_EXISTS',
    `${directory} is not empty${isClone ? '; it is already a clone of a transport' : ''}`,
    { fix: isClone ? fixBy`crosstalkd status -C ${directory}` : 'crosstalkd join URL DIR' },
  );
}

/** The branch that was said, else the one of the remote that is a transport. */
async function clone(
  invocation: Invocation,
  at: Parameters<typeof beginClone>[1],
  made: Made,
): Promise<PersonGit> {
  const { url, directory } = at;
  const asked = option(invocation, 'branch');
  if (asked !== null) branchRef(asked);
  await made.directory(directory);
  try {
    const { git, inside } = await beginClone(invocation, at);
    const { env } = inside;
    const heads = await tellWaits(invocation.io, url)(() => readHeads(asPerson(url, env)));
    const branch = asked ?? (await findBranch(url, heads, env));
    if (branch === null) throw noTransport(invocation, shownUrl(url), null);
    if (!heads.branches.includes(branch))
      throw new CrosstalkError('NOT_A_TRANSPORT', `${shownUrl(url)} has no branch "${branch}"`, {
        fix: fixBy`git ls-remote --heads ${shownUrl(url)}`,
      });
    await finishClone(git, { branch, exists: true, isAlone: branch === heads.head });
    if (!existsSync(join(directory, VERSION_FILE)))
      throw noTransport(invocation, shownUrl(url), branch);
    return git;
  } catch (error) {
    throw asUnreachable(`cannot clone ${shownUrl(url)}`, error);
  }
}

/** Null for none; throws USAGE for several. */
async function findBranch(
  url: string,
  heads: RemoteHeads,
  env: Invocation['env'],
): Promise<string | null> {
  // Nearly always it is the only one, or stands beside what it keeps for itself.
  const others = heads.branches.filter((name) => name !== heads.head);
  if (heads.head !== null && others.every((name) => name === `${heads.head ?? ''}-archive`))
    return heads.head;
  const found = await findTransports(asPerson(url, env), heads);
  const [only, ...more] = found.includes(heads.head ?? '') ? [heads.head ?? ''] : found;
  if (only === undefined) return null;
  if (more.length === 0) return only;
  throw new CrosstalkError(
    'USAGE',
    `${shownUrl(url)} has several transports: ${found.join(', ')}`,
    { fix: fixBy`crosstalkd join ${shownUrl(url)} --branch ${only}` },
  );
}

function noTransport({ args }: Invocation, url: string, branch: string | null): CrosstalkError {
  const where = branch === null ? 'on any branch' : `on branch "${branch}"`;
  return new CrosstalkError('NOT_A_TRANSPORT', `${url} has no ${VERSION_FILE} ${where}`, {
    // Without an address it is the remote of a project, which is to have a mailbox.
    fix: args.length === 0 ? 'crosstalkd init' : fixBy`crosstalkd init DIR --remote ${url}`,
  });
}

function withoutDir({ options }: Invocation): Invocation['options'] {
  return new Map([...options].filter(([name]) => name !== 'dir'));
}

async function missingPace(session: TransportSession): Promise<readonly string[]> {
  return (await lacksPace(session, session.located.url))
    ? ['the remote is on a forge, and its hosts have no push limit: crosstalkd doctor --fix']
    : [];
}

/** What this person cannot do on that remote, as lines. */
async function findLimits(session: TransportSession): Promise<readonly string[]> {
  const traits = await probeRemote(session.repository, systemRandom.hex(6));
  if ('refusal' in traits)
    return [`you can read here, but not send or serve: the remote ${traits.refusal}`];
  return [
    ...(session.traits.customRefs && !traits.customRefs
      ? ['the remote rejects custom refs, which the transport needs: crosstalkd doctor']
      : []),
    ...(session.traits.atomic && !traits.atomic
      ? ['the remote rejects atomic pushes, which the transport needs: crosstalkd doctor']
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
  /** How to make this person's key known, in a line. */
  readonly key: string | null;
}

function printJoined(
  invocation: Invocation,
  { directory, url, session, views, programs, limits, older, key }: Joined,
): number {
  const { io } = invocation;
  const served = views.filter(({ isServed }) => isServed);
  const next = nextCommands(invocation.args.length === 0 ? null : directory, views);
  if (wantsJson(invocation)) {
    printJson(invocation, {
      ok: true,
      health: limits.length === 0 ? 'good' : 'degraded',
      directory,
      remote: url,
      branch: session.branch,
      alias: session.config.alias,
      models: views.map(({ offer, reason, isServed }) => ({
        name: offer.name,
        served: isServed,
        ...tellReason(reason),
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
  const rows = views.map(({ offer, reason }) => [`          ${offer.name}`, sayReason(reason)]);
  for (const line of formatTable(rows, io.columns)) io.print(line);
  for (const { adapter, says, fix } of programs)
    io.print(plain(`  program ${adapter} ${says}${fix === null ? '' : `: ${formatFix(fix)}`}`));
  for (const line of [...[older, key].filter((line) => line !== null), ...limits])
    io.print(plain(`  note    ${line}`));
  io.print('\nNext:');
  for (const command of next) io.print(`  ${command}`);
  return 0;
}

/** What lets this host answer, and what asks something. */
function nextCommands(directory: string | null, views: readonly ModelView[]): readonly string[] {
  const servable = views.find(({ isServed }) => isServed);
  const waiting = views.find(
    ({ offer, program }) => offer.state.kind === 'unapproved' && program?.path !== null,
  );
  const at = directory === null ? '' : ` -C ${shellWord(directory)}`;
  const allow =
    servable === undefined && waiting !== undefined
      ? [`crosstalkd allow${at} ${waiting.offer.name}`]
      : views.some(({ offer }) => offer.state.kind === 'older')
        ? [`crosstalkd upgrade-transport${at}`, `crosstalkd allow${at} --all`]
        : [];
  const model = servable ?? waiting ?? views[0];
  return [
    ...allow,
    `crosstalkd run${directory === null ? '' : ` ${shellWord(directory)}`}`,
    `crosstalkd send${at} --to ${model?.offer.name ?? 'MODEL'} --wait -m "Hello"`,
  ];
}
