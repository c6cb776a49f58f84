/**
 * `crosstalkd init`: the transport, its remote, its first models, and the approval of what it wrote
 * itself. Nothing that exists is overwritten.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../base/clock.ts';
import { CrosstalkError } from '../../base/errors.ts';
import { systemRandom } from '../../base/random.ts';
import { readConfig } from '../../local/read-config.ts';
import { paceOfUrl } from '../../protocol/pace.ts';
import { HOSTED_NOTE } from '../care/set-pace.ts';
import { openGitRepository } from '../../transport/git-repository.ts';
import { given, type Invocation, option } from '../command.ts';
import { composeFirstModels } from './first-models.ts';
import { beginClone, createMade, finishClone, type Made, missingIdentity } from './make-clone.ts';
import { placeTransport, type TransportPlace, urlFrom } from './place-transport.ts';
import { checkAlias, rememberAlias } from './remember-alias.ts';
import { offerKey } from '../session/offer-keys.ts';
import { hostname } from '../session/host-name.ts';
import { MAILBOX_BRANCH } from '../session/project.ts';
import {
  asPerson,
  findTransports,
  readHeads,
  type RemoteHeads,
} from '../session/remote-branches.ts';
import { tellWaits } from '../session/tell-waits.ts';
import { shownUrl } from '../../transport/remote-url.ts';
import { asUnreachable } from '../session/remote-errors.ts';
import { branchRef, checkRemoteUrl } from '../../transport/git-environment.ts';
import { probeRemote } from '../care/probe-remote.ts';
import type { RemoteTraits } from '../../protocol/remote-traits.ts';
import { fixBy, fixByHand } from '../../base/fix.ts';
import { makeRemote, writeTemplate, commit } from './first-commit.ts';
import { mayApprove, approveOwn, tryOut } from './first-answer.ts';
import { printCreated, type Begun } from './tell-created.ts';

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

async function beginTransport(
  invocation: Invocation,
  place: TransportPlace,
  made: Made,
): Promise<Omit<Begun, 'approved'>> {
  const { env } = invocation;
  const url = urlFrom(place);
  const { directory } = place;
  branchRef(place.branch ?? 'main');
  const { config } = await readConfig({ env, flags: {}, hostname: hostname() });
  checkRemoteUrl(url, config.allowHttp);
  if (place.newRemote !== null)
    await makeRemote(place.newRemote, place.branch ?? 'main', { env, made });
  await made.directory(directory);
  const at = { url: place.url, directory, project: place.project?.directory ?? null };
  const { git, inside } = await beginClone(invocation, at);
  const tell = tellWaits(invocation.io, url);
  const heads = await tell(() => readHeads(asPerson(url, inside.env))).catch((error: unknown) => {
    throw asUnreachable(`cannot reach ${shownUrl(url)}`, error);
  });
  const branch = await chooseBranch(inside, { place, url, heads });
  const traits = await tell(() => probe(inside, url, branch));
  const exists = heads.branches.includes(branch);
  const isAlone = heads.branches.every((name) => name === branch);
  await finishClone(git, { branch, exists, isAlone });
  const models = await composeFirstModels(env, given(invocation, 'demo'));
  const written = await writeTemplate(directory, { models, traits, pace: paceOfUrl(url) });
  await commit(git, { directory, written, branch });
  const notes = [
    ...(paceOfUrl(url).limits === null ? [] : [HOSTED_NOTE]),
    ...(await missingIdentity(git).then((line) => (line === null ? [] : [line]))),
    ...(await offerKey(git, env).then((line) => (line === null ? [] : [line]))),
    ...(heads.head === null || heads.head === branch || place.project !== null
      ? []
      : [`its branch "${heads.head}" has other content and is left alone`]),
  ];
  return { traits, models, branch, notes };
}

/**
 * The given branch, else its own one beside the content of the remote. Throws
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
        fix: project === null ? fixBy`crosstalkd join ${shownUrl(url)}` : fixBy`crosstalkd join`,
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
        { fix: fixByHand('check the URL and your access to it, then the same command again') },
      );
    const traits = await probeRemote(repository, systemRandom.hex(6));
    if ('refusal' in traits)
      throw new CrosstalkError('REFUSED', `${shownUrl(url)} ${traits.refusal}`, {
        fix: fixByHand('ask for write access to the repository'),
      });
    return traits;
  } finally {
    await repository.close();
    await rm(scratch, { recursive: true, force: true });
  }
}
