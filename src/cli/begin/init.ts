/**
 * `crosstalkd init`: the transport, its remote, its first models, and the approval of what it wrote
 * itself. Nothing that exists is overwritten.
 */
import { existsSync, readdirSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import type { SimpleGit } from 'simple-git';
import { systemClock } from '../../base/clock.ts';
import { CrosstalkError, errorText } from '../../base/errors.ts';
import { systemRandom } from '../../base/random.ts';
import { approve } from '../../local/approvals.ts';
import { readConfig } from '../../local/read-config.ts';
import { decodeModels } from '../../protocol/models.ts';
import { MODELS_FILE, VERSION_FILE } from '../../protocol/paths.ts';
import { openGitRepository } from '../../transport/git-repository.ts';
import { formatJson } from '../io.ts';
import { given, type Invocation, option } from '../command.ts';
import { composeFirstModels, type FirstModels } from './first-models.ts';
import { hostname } from '../session/host-name.ts';
import { isUrl } from '../session/locate.ts';
import { openPersonGit } from '../session/person-git.ts';
import { probeRemote } from '../care/probe-remote.ts';
import { formatVersionFile, type RemoteTraits } from '../session/remote-traits.ts';
import { listTemplate } from '../template-files.ts';
import { openSession } from '../session/transport-session.ts';

/** Makes a transport and says how to go on. */
export async function initTransport(invocation: Invocation): Promise<number> {
  const directory = resolve(
    invocation.cwd,
    option(invocation, 'dir') ?? '.',
    invocation.args[0] ?? '.',
  );
  const branch = option(invocation, 'branch') ?? 'main';
  const alias = option(invocation, 'alias');
  // The alias is checked before anything is made.
  await readConfig({
    env: invocation.env,
    flags: alias === null ? {} : { alias },
    hostname: hostname(),
  });
  refuseOccupied(directory);
  const remote = option(invocation, 'remote');
  const url =
    remote === null
      ? await makeRemote(`${directory}.git`, branch, invocation.env)
      : absoluteUrl(invocation.cwd, remote);
  const traits = await probe(invocation, url, branch);
  const git = await clone(url, { directory, branch, env: invocation.env });
  if (existsSync(join(directory, VERSION_FILE)))
    throw new CrosstalkError('ALREADY_EXISTS', `${url} is a transport already`, {
      fix: `crosstalkd join ${url}`,
    });
  const models = await composeFirstModels(invocation.env);
  const written = await writeTemplate(directory, { models, traits });
  await commit(git, { directory, written, branch });
  const approved = await approveOwn(invocation, directory, models);
  if (alias !== null) await rememberAlias(invocation, alias);
  return tell(invocation, { directory, url, branch, traits, models, approved });
}

function refuseOccupied(directory: string): void {
  if (existsSync(directory) && readdirSync(directory).length > 0)
    throw new CrosstalkError('ALREADY_EXISTS', `${directory} is not empty`, {
      fix: 'crosstalkd init <a new directory>',
    });
}

function absoluteUrl(cwd: string, remote: string): string {
  return isUrl(remote) || remote.startsWith('-') ? remote : resolve(cwd, remote);
}

async function makeRemote(path: string, branch: string, env: Invocation['env']): Promise<string> {
  if (existsSync(path))
    throw new CrosstalkError('ALREADY_EXISTS', `${path} exists`, {
      fix: `crosstalkd init <dir> --remote ${path}`,
    });
  await mkdir(path, { recursive: true });
  const git = openPersonGit(path, env);
  await git.raw(['init', '--quiet', '--bare', `--initial-branch=${branch}`]);
  // The last one is for hosts with `partial-cache`.
  for (const key of [
    'receive.denyNonFastForwards',
    'receive.denyDeletes',
    'receive.fsckObjects',
    'transfer.fsckObjects',
    'uploadpack.allowFilter',
  ])
    await git.raw(['config', key, 'true']);
  return path;
}

async function probe(invocation: Invocation, url: string, branch: string): Promise<RemoteTraits> {
  const scratch = await mkdtemp(join(tmpdir(), 'crosstalk-probe-'));
  const config = await readConfig({ env: invocation.env, flags: {}, hostname: hostname() });
  const repository = await openGitRepository({
    cacheDir: join(scratch, 'cache.git'),
    url,
    branch,
    env: invocation.env,
    clock: systemClock,
    random: systemRandom,
    networkMs: config.config.networkTimeoutMs,
    allowHttp: config.config.allowHttp,
  });
  try {
    const listed = await repository.listRefs([]);
    if (listed.kind === 'unreachable')
      throw new CrosstalkError(
        'REMOTE_UNREACHABLE',
        `cannot reach ${url}: ${listed.failure.line}`,
        {
          fix: 'check the URL and your access to it, then the same command again',
        },
      );
    const traits = await probeRemote(repository, systemRandom.hex(6));
    if ('refusal' in traits)
      throw new CrosstalkError('REFUSED', `${url} takes no pushes: ${traits.refusal}`, {
        fix: 'ask for write access to the repository',
      });
    return traits;
  } finally {
    await repository.close();
    await rm(scratch, { recursive: true, force: true });
  }
}

async function clone(
  url: string,
  {
    directory,
    branch,
    env,
  }: {
    readonly directory: string;
    readonly branch: string;
    readonly env: Invocation['env'];
  },
): Promise<SimpleGit> {
  await mkdir(dirname(directory), { recursive: true });
  const above = openPersonGit(dirname(directory), env);
  await above.raw(['clone', '--quiet', '--', url, directory]);
  const git = openPersonGit(directory, env);
  const exists =
    (await git.raw(['ls-remote', '--heads', 'origin', `refs/heads/${branch}`])).trim() !== '';
  if (exists) await git.raw(['checkout', '--quiet', branch]);
  else await git.raw(['symbolic-ref', 'HEAD', `refs/heads/${branch}`]);
  return git;
}

async function writeTemplate(
  directory: string,
  parts: { readonly models: FirstModels; readonly traits: RemoteTraits },
): Promise<readonly string[]> {
  const written: string[] = [];
  const put = async (path: string, write: (target: string) => Promise<void>): Promise<void> => {
    const target = join(directory, path);
    if (existsSync(target)) return;
    await mkdir(dirname(target), { recursive: true });
    await write(target);
    written.push(path);
  };
  await put(VERSION_FILE, (target) => writeFile(target, formatVersionFile(parts.traits)));
  await put(MODELS_FILE, (target) => writeFile(target, parts.models.text));
  for (const { path, source } of await listTemplate())
    await put(path, (target) => copyFile(source, target));
  return written;
}

async function commit(
  git: SimpleGit,
  made: {
    readonly directory: string;
    readonly written: readonly string[];
    readonly branch: string;
  },
): Promise<void> {
  const identity = await identityOptions(git);
  try {
    await git.raw(['add', '--', ...made.written]);
    await git.raw([
      ...identity,
      'commit',
      '--quiet',
      '--no-verify',
      '--no-gpg-sign',
      '-m',
      `Begin the conversation\n\ncrosstalkd init ${basename(made.directory)}`,
    ]);
    await git.raw([
      'push',
      '--quiet',
      '--no-verify',
      '--set-upstream',
      'origin',
      `HEAD:refs/heads/${made.branch}`,
    ]);
  } catch (error) {
    throw new CrosstalkError(
      'REFUSED',
      `the first commit could not be pushed: ${errorText(error).trim()}`,
      {
        fix: `cd ${made.directory} && git push -u origin ${made.branch}`,
      },
    );
  }
}

/**
 * A machine without a git identity still gets its transport; a person who has one signs with it.
 */
async function identityOptions(git: SimpleGit): Promise<readonly string[]> {
  const email = await git.raw(['config', '--get', 'user.email']).catch(() => '');
  return email.trim() === ''
    ? ['-c', 'user.name=crosstalkd init', '-c', 'user.email=init@crosstalk']
    : [];
}

async function approveOwn(
  invocation: Invocation,
  directory: string,
  models: FirstModels,
): Promise<readonly string[]> {
  const session = await openSession(
    { ...invocation, options: new Map([...invocation.options].filter(([name]) => name !== 'dir')) },
    { where: directory },
  );
  try {
    const standing = decodeModels(session.mirror.modelsText() ?? '').models;
    const own = [...decodeModels(models.text).models.values()].filter(
      ({ name, hash }) => standing.get(name)?.hash === hash,
    );
    const entries = own.map(({ name, hash }) => ({ name, hash }));
    await approve(
      session.configDirectory,
      { transport: session.id, entries },
      { clock: systemClock, random: systemRandom },
    );
    return own.map(({ name }) => name);
  } finally {
    await session.close();
  }
}

/**
 * The name given here is this host's name from now on, unless its configuration says something
 * already.
 */
async function rememberAlias(invocation: Invocation, alias: string): Promise<void> {
  const { directory } = await readConfig({ env: invocation.env, flags: {}, hostname: hostname() });
  if (existsSync(directory.configFile)) return;
  await mkdir(dirname(directory.configFile), { recursive: true, mode: 0o700 });
  await writeFile(
    directory.configFile,
    `# This host's settings; crosstalkd status --config shows all of them.\nalias: ${alias}\n`,
    {
      mode: 0o600,
    },
  );
}

interface Made {
  readonly directory: string;
  readonly url: string;
  readonly branch: string;
  readonly traits: RemoteTraits;
  readonly models: FirstModels;
  readonly approved: readonly string[];
}

function tell(invocation: Invocation, made: Made): number {
  const { io } = invocation;
  const limits = [
    ...(made.traits.customRefs ? [] : ['no custom refs: claims stand below refs/heads/crosstalk/']),
    ...(made.traits.atomic ? [] : ['no atomic pushes: replies are not fenced by the server']),
  ];
  if (given(invocation, 'json')) {
    io.print(
      formatJson({
        ok: true,
        health: 'good',
        directory: made.directory,
        remote: made.url,
        branch: made.branch,
        models: made.approved,
        limits,
      }),
    );
    return 0;
  }
  io.print(`Made the transport ${made.directory}`);
  io.print(`  remote  ${made.url} (branch ${made.branch})`);
  io.print(`  models  ${made.approved.join(', ')} (approved on this host)`);
  for (const line of [...made.models.notes, ...limits]) io.print(`  note    ${line}`);
  const model = made.approved[0] ?? 'echo';
  io.print('');
  io.print('Next:');
  io.print(`  crosstalkd run ${made.directory}`);
  io.print(`  crosstalkd send -C ${made.directory} --to ${model} --wait -m "Hello"`);
  return 0;
}
