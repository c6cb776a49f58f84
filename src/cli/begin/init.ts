/**
 * `crosstalkd init`: the transport, its remote, its first models, and the approval of what it wrote
 * itself. Nothing that exists is overwritten.
 */
import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { systemClock } from '../../base/clock.ts';
import { CrosstalkError, errorText } from '../../base/errors.ts';
import { systemRandom } from '../../base/random.ts';
import { shellWord } from '../../base/shell-word.ts';
import { approve } from '../../local/approvals.ts';
import { readConfig } from '../../local/read-config.ts';
import { decodeModels } from '../../protocol/decode-models.ts';
import { formatTransport, type Pace, paceOfUrl } from '../../protocol/pace.ts';
import { MODELS_FILE, TRANSPORT_FILE, VERSION_FILE } from '../../protocol/paths.ts';
import { HOSTED_NOTE } from '../care/set-pace.ts';
import { openGitRepository } from '../../transport/git-repository.ts';
import { formatJson, plain } from '../io.ts';
import { given, type Invocation, option } from '../command.ts';
import { isConfirmed } from '../confirm.ts';
import { composeFirstModels, type FirstModels } from './first-models.ts';
import { createMade, type Made, makeClone, missingIdentity } from './make-clone.ts';
import { placeTransport, type TransportPlace, urlFrom } from './place-transport.ts';
import { checkAlias, rememberAlias } from './remember-alias.ts';
import { offerKey } from '../session/offer-keys.ts';
import { hostname } from '../session/host-name.ts';
import { openPersonGit, type PersonGit } from '../session/person-git.ts';
import { MAILBOX_BRANCH } from '../session/project.ts';
import {
  asPerson,
  findTransports,
  readHeads,
  type RemoteHeads,
} from '../session/remote-branches.ts';
import { shownUrl } from '../../transport/remote-url.ts';
import { probeRemote } from '../care/probe-remote.ts';
import { formatVersionFile, type RemoteTraits } from '../../protocol/remote-traits.ts';
import { listTemplate } from '../template-files.ts';
import { openSession } from '../session/transport-session.ts';
import { fixBy, fixByHand, withNote } from '../../base/fix.ts';

/**
 * Makes a transport and says how to continue. What it made is taken away again when it is refused.
 */
export async function initTransport(invocation: Invocation): Promise<number> {
  const alias = option(invocation, 'alias');
  await checkAlias(invocation, alias);
  const place = await placeTransport(invocation);
  const made = createMade();
  const begun = await beginTransport(invocation, place, made).catch(async (error: unknown) => {
    await made.undo();
    throw error;
  });
  if (alias !== null) await rememberAlias(invocation, alias);
  const approved = (await mayApprove(invocation, begun.models))
    ? await approveOwn(invocation, place.directory, begun.models)
    : [];
  const code = printCreated(invocation, {
    ...place,
    ...begun,
    url: shownUrl(urlFrom(place)),
    approved,
  });
  await tryOut(invocation, place.directory, approved);
  return code;
}

/**
 * One real question, so that the first answer is minutes away from nothing: to the first agent when
 * a person at the terminal wants that, with `--demo` to the model that only repeats it.
 */
async function tryOut(
  invocation: Invocation,
  directory: string,
  approved: readonly string[],
): Promise<void> {
  const isDemo = given(invocation, 'demo');
  const model = isDemo ? 'echo' : approved.find((name) => name !== 'echo');
  if (model === undefined || (!isDemo && !(await wants(invocation, model)))) return;
  const { sendMessage } = await import('../talk/send.ts');
  const { io } = invocation;
  if (!given(invocation, 'json')) io.print(`\n${model} is asked: ${FIRST_QUESTION}`);
  await sendMessage({
    ...invocation,
    args: [],
    options: new Map([
      ['dir', [directory]],
      ['to', [model]],
      ['wait', ['']],
      ['message', [FIRST_QUESTION]],
      ...[...invocation.options].filter(([name]) => name === 'state'),
    ]),
  });
  // Nobody has worked in this clone yet, so it may have the first answer as well: without it the
  // first push of a newcomer is refused. What was made stands, also when that fails.
  await openPersonGit(directory, invocation.env)
    .raw(['pull', '--ff-only', '--quiet'])
    .catch(() => undefined);
}

const FIRST_QUESTION = 'Say hello in one line.';

/** On a pipe nobody can be asked, and nobody has to be: the entries are written here and now. */
async function mayApprove(invocation: Invocation, models: FirstModels): Promise<boolean> {
  if (models.agents.length === 0 || !canAsk(invocation)) return true;
  for (const line of models.notes) invocation.io.print(plain(line));
  return isConfirmed(invocation, {
    asks: `Let ${models.agents.join(', ')} answer on this host, as you?`,
    refusal: '',
    fix: fixByHand(''),
  });
}

function canAsk({ io, options }: Invocation): boolean {
  return process.stdin.isTTY && io.isTerminal && !options.has('json');
}

/** Nobody is asked on a pipe. */
async function wants(invocation: Invocation, model: string): Promise<boolean> {
  if (!canAsk(invocation)) return false;
  invocation.io.print('');
  return isConfirmed(invocation, {
    asks: `Ask ${model} one question now, to see that it answers?`,
    refusal: '',
    fix: fixByHand(''),
  });
}

async function beginTransport(
  invocation: Invocation,
  place: TransportPlace,
  made: Made,
): Promise<Omit<Begun, 'approved'>> {
  const { env } = invocation;
  const url = urlFrom(place);
  if (place.newRemote !== null)
    await makeRemote(place.newRemote, place.branch ?? 'main', { env, made });
  const traits = await probe(invocation, url, place.branch ?? 'main');
  const heads = await readHeads(asPerson(url, env));
  const branch = await chooseBranch(invocation, { place, url, heads });
  const exists = heads.branches.includes(branch);
  await made.directory(place.directory);
  const { directory } = place;
  const isAlone = heads.branches.every((name) => name === branch);
  const git = await makeClone({ url: place.url, directory, branch, exists, isAlone }, env);
  const models = await composeFirstModels(env, given(invocation, 'demo'));
  const written = await writeTemplate(directory, { models, traits, pace: paceOfUrl(url) });
  await commit(git, { directory, written, branch });
  const notes = [
    ...(paceOfUrl(url).limits === null ? [] : [HOSTED_NOTE]),
    ...(await missingIdentity(git).then((line) => (line === null ? [] : [line]))),
    ...(await offerKey(git, env).then((line) => (line === null ? [] : [line]))),
    ...(heads.head === null || heads.head === branch || place.project !== null
      ? []
      : [`its branch "${heads.head}" holds something else and is left alone`]),
  ];
  return { traits, models, branch, notes };
}

/**
 * The branch that was said, else one of its own beside whatever the remote holds. Throws
 * ALREADY_EXISTS when there is a transport already.
 */
async function chooseBranch(
  { env }: Invocation,
  {
    place,
    url,
    heads,
  }: { readonly place: TransportPlace; readonly url: string; readonly heads: RemoteHeads },
): Promise<string> {
  const { branch, project } = place;
  const chosen = branch ?? (heads.branches.length === 0 ? 'main' : MAILBOX_BRANCH);
  const standing = await findTransports(asPerson(url, env), heads);
  const [found] = branch === null ? standing : standing.filter((name) => name === branch);
  if (found !== undefined)
    throw new CrosstalkError(
      'ALREADY_EXISTS',
      `${shownUrl(url)} is a transport already (branch ${found})`,
      {
        fix: project === null ? `crosstalkd join ${shellWord(shownUrl(url))}` : 'crosstalkd join',
      },
    );
  if (heads.branches.includes(chosen) && (branch === null || project !== null))
    throw new CrosstalkError(
      'ALREADY_EXISTS',
      `${shownUrl(url)} has a branch "${chosen}" that is not a transport`,
      { fix: fixBy`crosstalkd init --branch NAME` },
    );
  return chosen;
}

async function makeRemote(
  path: string,
  branch: string,
  { env, made }: { readonly env: Invocation['env']; readonly made: Made },
): Promise<void> {
  await made.directory(path);
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
        `cannot reach ${shownUrl(url)}: ${listed.failure.line}`,
        {
          fix: fixByHand('check the URL and your access to it, then the same command again'),
        },
      );
    const traits = await probeRemote(repository, systemRandom.hex(6));
    if ('refusal' in traits)
      throw new CrosstalkError('REFUSED', `${shownUrl(url)} takes no pushes: ${traits.refusal}`, {
        fix: fixByHand('ask for write access to the repository'),
      });
    return traits;
  } finally {
    await repository.close();
    await rm(scratch, { recursive: true, force: true });
  }
}

async function writeTemplate(
  directory: string,
  parts: {
    readonly models: FirstModels;
    readonly traits: RemoteTraits;
    readonly pace: Pace;
  },
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
  if (parts.pace.limits !== null)
    await put(TRANSPORT_FILE, (target) => writeFile(target, formatTransport(parts.pace)));
  for (const { path, source } of await listTemplate())
    await put(path, (target) => copyFile(source, target));
  return written;
}

async function commit(
  git: PersonGit,
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
        fix: withNote(fixBy`crosstalkd doctor`, 'in a clone of it, then the same command again'),
      },
    );
  }
}

/**
 * A machine without a git identity still gets its transport; a person who has one signs with it.
 */
async function identityOptions(git: PersonGit): Promise<readonly string[]> {
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

interface Begun {
  readonly branch: string;
  readonly traits: RemoteTraits;
  readonly models: FirstModels;
  readonly notes: readonly string[];
  readonly approved: readonly string[];
}

function printCreated(
  invocation: Invocation,
  made: Begun & Omit<TransportPlace, 'branch'>,
): number {
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
        notes: made.notes,
      }),
    );
    return 0;
  }
  const { project, directory } = made;
  io.print(
    project === null
      ? `Made the transport ${directory}`
      : `Made the mailbox of ${project.directory}; its clone is ${directory}`,
  );
  io.print(`  remote  ${made.url} (branch ${made.branch})`);
  const { agents, notes } = made.models;
  io.print(
    made.approved.length > 0
      ? `  models  ${made.approved.join(', ')} (approved on this host)`
      : `  models  ${agents.join(', ')} (not approved on this host)`,
  );
  const isShown = agents.length > 0 && canAsk(invocation);
  for (const line of [...(isShown ? [] : notes), ...made.notes, ...limits])
    io.print(plain(`  note    ${line}`));
  const model = made.approved[0] ?? agents[0] ?? 'echo';
  const at = project === null ? [` ${shellWord(directory)}`, ` -C ${shellWord(directory)}`] : [];
  io.print('');
  io.print('Next:');
  if (made.approved.length === 0) io.print(`  crosstalkd allow${at[1] ?? ''} --all`);
  io.print(`  crosstalkd send${at[1] ?? ''} --to ${model} --wait -m "Hello"`);
  io.print(`  crosstalkd run${at[0] ?? ''}   (answers as long as it runs)`);
  io.print(`  crosstalkd web${at[1] ?? ''}   (the page, in your browser)`);
  const clone = `git -C ${shellWord(directory)}`;
  const format = `log --format='%an: %s' ${shellWord(made.branch)}`;
  const isOwn = made.project !== null && made.url === made.project.common;
  io.print(`  ${isOwn ? `git ${format}` : `${clone} pull -q && ${clone} ${format}`}`);
  return 0;
}
