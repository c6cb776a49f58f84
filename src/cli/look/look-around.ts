/**
 * Everything that `status`, `hosts`, `why` and the control commands look at: the remote's claims,
 * beats and control order, the index of open work, what this host would serve, and what a
 * dispatcher that runs here says of itself. An outage and a rewritten branch are values: they are
 * what these commands are for.
 */
import { existsSync } from 'node:fs';
import { findHeld, findUnsignedFiles } from '../../dispatcher/check-signatures.ts';
import type { WorkView } from '../../dispatcher/select-work.ts';
import { isHeard } from '../../dispatcher/signed-file.ts';
import { readModelsInForce, readTrust } from './models-in-force.ts';
import { requires, type Trust } from '../../protocol/trust.ts';
import { readFile } from 'node:fs/promises';
import { systemClock } from '../../base/clock.ts';
import { CrosstalkError, errorText } from '../../base/errors.ts';
import type { Oid } from '../../base/ids.ts';
import { by } from '../../base/order.ts';
import { systemRandom } from '../../base/random.ts';
import type { HostReport } from '../../dispatcher/host-report.ts';
import { parseJournal } from '../../local/journal.ts';
import { RAN_BEFORE } from '../../local/local-state.ts';
import { readInstance } from '../../local/state-directory.ts';
import type { ModelOffer } from '../../local/served-models.ts';
import { type Beat, parseBeat, parseBeatName } from '../../protocol/beat.ts';
import { type Claim, parseClaim } from '../../protocol/claim.ts';
import { type Control, CONTROL_NAME, parseControl } from '../../protocol/control.ts';
import type { ModelProblem } from '../../protocol/models.ts';
import type { Rewrite } from '../../transport/mirror.ts';
import type { ReasonOf } from '../../protocol/reason.ts';
import type { OpenIndex, RejectedFile } from '../../protocol/open-work.ts';
import type { RemoteFailure } from '../../transport/repository.ts';
import { encodeIndex } from '../../protocol/index-checkpoint.ts';
import { listWork, type Work } from '../../protocol/list-work.ts';
import type { Invocation } from '../command.ts';
import { type OpenQuestion, readQuestions } from './open-questions.ts';
import { findStrays } from './misplaced.ts';
import { noteOutage } from './read-archive.ts';
import { readOffers } from './serving.ts';
import { askDispatcher } from './ask-dispatcher.ts';
import { findBrokenSettings } from './broken-settings.ts';
import { type Resting, readResting } from './resting.ts';
import {
  leaseOf,
  openSession,
  reopenRenamed,
  type TransportSession,
} from '../session/transport-session.ts';
import { rewritten, unreachable } from '../session/remote-errors.ts';

/** A claim ref on the remote. */
export interface ClaimSeen {
  readonly key: string;
  readonly ref: string;
  readonly oid: Oid;
  /** Null when its record cannot be read. */
  readonly claim: Claim | null;
}

/** A beat ref on the remote. */
export interface HostSeen {
  readonly ref: string;
  readonly oid: Oid;
  readonly alias: string;
  readonly instance: string;
  /** Null when its record cannot be read. */
  readonly beat: Beat | null;
  /** Time since the beat by that host's clock and ours: two clocks, so only for people. */
  readonly ageMs: number | null;
  readonly claims: readonly ClaimSeen[];
  /** Holds claims and has not beaten for longer than the lease. An idle host need not beat. */
  readonly silent: boolean;
}

export interface Surroundings {
  readonly session: TransportSession;
  /** Why the remote could not be asked, or null. Then everything below is as of the last time. */
  readonly outage: string | null;
  /** The failed call behind `outage`. */
  readonly failure: RemoteFailure | null;
  readonly rewrite: Rewrite | null;
  readonly refs: ReadonlyMap<string, Oid>;
  readonly index: OpenIndex;
  /** Every file that is not a message though it may have been meant as one, by its path. */
  readonly strays: ReadonlyMap<string, RejectedFile>;
  readonly works: readonly Work[];
  readonly claims: ReadonlyMap<string, ClaimSeen>;
  /** Work key → what its agent asks a person now. */
  readonly questions: ReadonlyMap<string, OpenQuestion>;
  readonly hosts: readonly HostSeen[];
  readonly control: Control | null;
  /** Silence after which a claim lapses, in the pace of the transport. */
  readonly leaseMs: number;
  /**
   * Every model with its state on this host; null with the reason when this host's files cannot be
   * read.
   */
  readonly offers: readonly ModelOffer[];
  readonly offersProblem: string | null;
  /** What must be signed for this host; null: nothing. */
  readonly trust: Trust | null;
  /** Work key → why nobody known has signed it, where this host requires that. */
  readonly unsigned: WorkView['unsigned'];
  /** Paths of open messages without any signature, where a host that beats requires some. */
  readonly bare: ReadonlySet<string>;
  /** Files of the transport that nobody known has signed, where this host requires that. */
  readonly unsignedFiles: readonly ReasonOf<'unsigned'>[];
  /** Nothing of data/models.yaml at the tip can be read; the one before is in force. */
  readonly modelsProblem: ReasonOf<'models-unreadable'> | null;
  /** The same of other files of settings. */
  readonly brokenSettings: readonly ReasonOf<'models-unreadable'>[];
  /** The dispatcher that runs here, or null. */
  readonly here: HostReport | null;
  /** What a dispatcher of this state directory is called; null = none ever ran. */
  readonly ownInstance: string | null;
  /** A process holds the state directory but does not answer. */
  readonly hereSilent: boolean;
  /**
   * Where no dispatcher runs: what this host ran before the branch was rewritten, and so does not
   * run again on its own.
   */
  readonly ranBefore: ReadonlySet<string>;
  /** Models that rest on this host, whether a dispatcher runs here or not. */
  readonly resting: readonly Resting[];
}

/**
 * Looks at everything once: one `ls-remote`, and one fetch when there is something new. The session
 * must be closed. `onOpen` may begin something that continues beside it; it must not reject.
 * Throws only when nothing can be said.
 */
export async function lookAround(
  invocation: Invocation,
  onOpen: (session: TransportSession) => unknown = () => undefined,
): Promise<Surroundings> {
  let session = await openSession(invocation, { unread: true });
  try {
    onOpen(session);
    const around = await lookFrom(session);
    const isGone = around.rewrite !== null && around.rewrite.now === null;
    const again = isGone ? await reopenRenamed(invocation, session) : null;
    if (again === null) return around;
    await session.close();
    session = again;
    return await lookFrom(session);
  } catch (error) {
    await session.close();
    throw error;
  }
}

/** Looks around for `act`, and closes the session whatever happens. */
export async function withSurroundings<T>(
  invocation: Invocation,
  act: (around: Surroundings) => Promise<T> | T,
): Promise<T> {
  const around = await lookAround(invocation);
  try {
    return await act(around);
  } finally {
    await around.session.close();
  }
}

/** The same over a session that stays open: it may be asked again and again. */
export async function lookFrom(session: TransportSession): Promise<Surroundings> {
  const [seen, asked] = await Promise.all([lookAtRemote(session), askHere(session)]);
  noteOutage(session, seen.outage !== null);
  const index = session.mirror.index();
  const trust = await readTrust(session);
  const { offers, offersProblem } = await readOffersHere(session, trust);
  const works = listWork(index);
  const unsigned =
    trust === null ? new Map() : await findUnsigned(session, works, { offers, trust });
  const { repository } = session;
  const isRequired = seen.hosts.some(({ beat }) => beat?.requires !== undefined);
  const bare = isRequired ? await findBare(session, works) : new Set<string>();
  const unsignedFiles =
    trust === null || index.tip === null
      ? []
      : await findUnsignedFiles({ repository, tip: index.tip, trust });
  const problem = session.mirror.modelsProblem();
  const modelsProblem = problem === null ? null : unreadable(problem);
  const here = {
    offers,
    offersProblem,
    modelsProblem,
    brokenSettings: await findBrokenSettings(session),
    trust,
    unsigned,
    bare,
    unsignedFiles,
    ...asked,
  };
  const questions = await readQuestions(session, seen.claims.values());
  const control = (await mayOrder(session, seen, trust)) ? seen.control : null;
  const strays = await findStrays(session);
  return { session, ...seen, control, index, strays, works, questions, ...here };
}

/** Whether the order to all hosts is somebody's whose orders count here. */
async function mayOrder(
  { repository, refs: names }: TransportSession,
  { refs }: Pick<RemoteSeen, 'refs'>,
  trust: Trust | null,
): Promise<boolean> {
  if (trust === null || !requires(trust, 'control')) return true;
  const oid = refs.get(names.control + CONTROL_NAME);
  return oid !== undefined && isHeard(await repository.readSigned(oid), trust, 'operate');
}

async function findUnsigned(
  { repository, mirror }: TransportSession,
  works: readonly Work[],
  { offers, trust }: { readonly offers: readonly ModelOffer[]; readonly trust: Trust },
): Promise<WorkView['unsigned']> {
  const index = mirror.index();
  const { tip } = index;
  if (tip === null) return new Map();
  const models = new Map(
    offers.flatMap(({ name, entry }) => (entry === null ? [] : [[name, entry]])),
  );
  return findHeld(
    { repository, index, tip, trust, models, voices: new Map(), listed: new Map() },
    works,
  );
}

async function findBare(
  { repository, mirror }: TransportSession,
  works: readonly Work[],
): Promise<ReadonlySet<string>> {
  const { tip } = mirror.index();
  const paths = [...new Set(works.map(({ message }) => message.path))];
  if (tip === null || paths.length === 0) return new Set();
  const writers = await repository.findWriters(paths, tip);
  return new Set(paths.filter((path) => (writers.get(path)?.signed ?? null) === null));
}

function unreadable({ line, found, expected }: ModelProblem): ReasonOf<'models-unreadable'> {
  return { kind: 'models-unreadable', line, found, expected };
}

/**
 * The same for commands that act: they need the remote. Throws REMOTE_UNREACHABLE and
 * HISTORY_REWRITTEN.
 */
export function withRemote<T>(
  invocation: Invocation,
  act: (around: Surroundings) => Promise<T> | T,
): Promise<T> {
  return withSurroundings(invocation, (around) => {
    const { outage, rewrite, session } = around;
    if (outage !== null) throw unreachable(session.located.url, outage);
    if (rewrite !== null) throw rewritten(rewrite);
    return act(around);
  });
}

type RemoteSeen = Pick<
  Surroundings,
  'outage' | 'failure' | 'rewrite' | 'refs' | 'claims' | 'hosts' | 'control' | 'leaseMs'
>;

async function lookAtRemote(session: TransportSession): Promise<RemoteSeen> {
  const { repository, mirror, refs: names } = session;
  const nothing = {
    outage: null,
    failure: null,
    rewrite: null,
    refs: new Map<string, Oid>(),
    claims: new Map<string, ClaimSeen>(),
    hosts: [],
    control: null,
    leaseMs: session.config.leaseMs,
  };
  const asOf = mirror.epoch();
  const asked = [names.claims, names.hosts, names.control];
  const listed = await repository.listRefs(asked, ({ refs }) => refs);
  const away = (failure: RemoteFailure) => ({ ...nothing, failure, outage: failure.line });
  if (listed.kind === 'unreachable') return away(listed.failure);
  const { tip, refs } = listed.value;
  const known = await Promise.all([...refs].map(([, oid]) => repository.hasObject(oid)));
  const records = new Map([...refs].filter((_, index) => known[index] === false));
  const before = mirror.index().tip;
  const pulled = await mirror.pull({ tip, asOf, records });
  if (pulled.kind === 'unreachable') return { ...away(pulled.failure), refs };
  if (mirror.index().tip !== before) await session.checkpoint.keep(encodeIndex(mirror.index()));
  const rewrite = pulled.value.kind === 'rewritten' ? pulled.value : null;
  return { outage: null, failure: null, rewrite, refs, ...(await readRecords(session, refs)) };
}

async function readRecords(
  session: TransportSession,
  refs: ReadonlyMap<string, Oid>,
): Promise<Pick<RemoteSeen, 'claims' | 'hosts' | 'control' | 'leaseMs'>> {
  const texts = new Map<string, string | null>();
  await Promise.all(
    [...refs].map(async ([ref, oid]) =>
      texts.set(ref, (await session.repository.readCommit(oid))?.message ?? null),
    ),
  );
  const { refs: names } = session;
  const leaseMs = await leaseOf(session);
  const claims = new Map<string, ClaimSeen>();
  for (const [ref, oid] of refs) {
    if (!ref.startsWith(names.claims)) continue;
    const key = ref.slice(names.claims.length);
    claims.set(key, { key, ref, oid, claim: parseClaim(texts.get(ref) ?? '') });
  }
  const hosts = [...refs].flatMap(([ref, oid]) => {
    const name = ref.startsWith(names.hosts) ? parseBeatName(ref.slice(names.hosts.length)) : null;
    return name === null
      ? []
      : [seeHost({ ref, oid, ...name }, { text: texts.get(ref) ?? '', claims, leaseMs })];
  });
  const control = parseControl(texts.get(names.control + CONTROL_NAME) ?? '');
  return {
    claims,
    hosts: hosts.sort(by(({ alias, instance }) => `${alias} ${instance}`)),
    control,
    leaseMs,
  };
}

function seeHost(
  named: Pick<HostSeen, 'ref' | 'oid' | 'alias' | 'instance'>,
  seen: {
    readonly text: string;
    readonly claims: ReadonlyMap<string, ClaimSeen>;
    readonly leaseMs: number;
  },
): HostSeen {
  const beat = parseBeat(seen.text);
  const ageMs = beat === null ? null : Math.max(0, systemClock.wallMs() - beat.atMs);
  const own = [...seen.claims.values()].filter(
    ({ claim }) => claim?.alias === named.alias && claim.instance === named.instance,
  );
  return {
    ...named,
    beat,
    ageMs,
    claims: own,
    silent: own.length > 0 && ageMs !== null && ageMs > seen.leaseMs,
  };
}

async function askHere(
  session: TransportSession,
): Promise<Pick<Surroundings, 'here' | 'hereSilent' | 'ranBefore' | 'ownInstance' | 'resting'>> {
  const { report: here, isSilent: hereSilent } = await askDispatcher(session);
  return {
    here,
    hereSilent,
    ownInstance: existsSync(session.directory.idFile)
      ? await readInstance(session.directory, systemRandom).catch(() => null)
      : null,
    ranBefore: here === null ? await readRanBefore(session) : new Set(),
    resting: here?.parked ?? (await readResting(session)),
  };
}

/**
 * What cannot be read counts as nothing: the dispatcher that starts next reads it again, and says
 * so.
 */
async function readRanBefore({ directory }: TransportSession): Promise<ReadonlySet<string>> {
  const text = await readFile(directory.journalFile, 'utf8').catch(() => '');
  const entries = parseJournal(text, () => undefined);
  return new Set(
    entries.flatMap((entry) =>
      entry.kind === 'settled' && entry.how === RAN_BEFORE ? [entry.key] : [],
    ),
  );
}

async function readOffersHere(
  session: TransportSession,
  trust: Trust | null,
): Promise<Pick<Surroundings, 'offers' | 'offersProblem'>> {
  const sources = {
    configDirectory: session.configDirectory,
    id: session.id,
    only: session.config.only,
  };
  try {
    return {
      offers: await readOffers(sources, await readModelsInForce(session, trust)),
      offersProblem: null,
    };
  } catch (error) {
    if (!(error instanceof CrosstalkError)) throw error;
    return { offers: [], offersProblem: errorText(error) };
  }
}
