/**
 * `crosstalkd accept-rewrite`: shows what a rewritten branch lost, or what its version file says
 * now, and continues with it as it is once a person agrees.
 */
import { CrosstalkError, ERROR_CODES } from '../../base/errors.ts';
import type { Oid } from '../../base/ids.ts';
import type { Rewrite } from '../../transport/mirror.ts';
import { sayVersion } from '../look/status-needs.ts';
import { blocksOf } from '../../dispatcher/recover.ts';
import { writeCheckpoint } from '../../local/checkpoint.ts';
import { sendControl } from '../../local/control-client.ts';
import { encodeIndex } from '../../protocol/index-checkpoint.ts';
import { listWork } from '../../protocol/list-work.ts';
import { CHANNELS, messageId } from '../../protocol/paths.ts';
import type { Invocation } from '../command.ts';
import { isConfirmed, type Question } from '../confirm.ts';
import { type Surroundings, withSurroundings } from '../look/look-around.ts';
import { openState } from '../session/open-state.ts';
import { plain } from '../io.ts';
import { printDone, printJson, wantsJson } from '../look/reading.ts';
import { counted } from '../../protocol/say-reason.ts';
import { unreachable } from '../session/remote-errors.ts';
import { fixBy, withNote } from '../../base/fix.ts';
import { gitOf } from '../session/transport-session.ts';

const LINES_MAX = 20;
const QUESTION: Question = {
  asks: 'Continue with the branch as it is now?',
  refusal: 'cannot ask for confirmation without a terminal',
  fix: 'crosstalkd accept-rewrite --yes',
};

/** Exit 3 when there is nothing to accept. */
export function acceptRewritten(invocation: Invocation): Promise<number> {
  return withSurroundings(invocation, async (around) => {
    if (around.outage !== null) throw unreachable(around.session.located.url, around.outage);
    const { rewrite } = around;
    if (rewrite === null) return await settleHalt(invocation, around);
    if (rewrite.now === null)
      throw new CrosstalkError(
        'REFUSED',
        `the branch "${around.session.branch}" is gone from the remote; there is nothing to accept`,
        {
          fix: withNote(
            fixBy`git push origin ${around.session.branch}`,
            'from a clone that has it',
          ),
        },
      );
    const lost = await readLost(around, { ...rewrite, now: rewrite.now });
    if (!wantsJson(invocation)) show(invocation, lost);
    if (!(await isConfirmed(invocation, QUESTION))) return ERROR_CODES.REFUSED.exit;
    return await accept(invocation, around, lost);
  });
}

interface Lost extends Rewrite {
  readonly now: Oid;
  /** `hash subject` of commits that are not below the new tip. */
  readonly commits: readonly string[];
  /** Messages and replies that stood at the old tip and do not any more. */
  readonly removed: readonly string[];
  readonly changed: readonly string[];
}

async function readLost(
  { session }: Surroundings,
  { was, now, version, descends }: Pick<Lost, keyof Rewrite>,
): Promise<Lost> {
  const git = gitOf(session);
  try {
    if (descends) return { was, now, version, descends, commits: [], removed: [], changed: [] };
    const listed = await git.run({
      args: ['log', '--format=%h %s', '--max-count=1000', was, `^${now}`, '--'],
    });
    const changes = await session.repository.diff({ from: was, to: now, under: CHANNELS });
    const written = changes.filter(({ kind }) => kind === 'written').map(({ path }) => path);
    const before = await session.repository.lookUp(was, written);
    return {
      was,
      now,
      version,
      descends,
      commits: listed.stdout
        .toString('utf8')
        .split('\n')
        .filter((line) => line !== ''),
      removed: changes.filter(({ kind }) => kind === 'removed').map(({ path }) => path),
      changed: written.filter((_, index) => before[index] !== null),
    };
  } finally {
    await git.close();
  }
}

function show({ io }: Invocation, lost: Lost): void {
  io.print(`was  ${lost.was}`);
  io.print(`now  ${lost.now}`);
  if (lost.version !== null) {
    io.print(`CROSSTALK-VERSION was  ${sayVersion(lost.version.was)}`);
    io.print(`CROSSTALK-VERSION is   ${sayVersion(lost.version.now)}`);
  }
  if (lost.descends) return;
  const list = (title: string, lines: readonly string[]): void => {
    if (lines.length === 0) return;
    io.print(title);
    for (const line of lines.slice(0, LINES_MAX)) io.print(plain(`  ${line}`));
    if (lines.length > LINES_MAX) io.print(`  … and ${lines.length - LINES_MAX} more`);
  };
  list(`${counted(lost.commits.length, 'commit')} vanished:`, lost.commits);
  list(`${counted(lost.removed.length, 'file')} vanished:`, lost.removed.map(messageId));
  list(`${counted(lost.changed.length, 'file')} changed:`, lost.changed.map(messageId));
  if (lost.commits.length + lost.removed.length + lost.changed.length === 0)
    io.print('Nothing vanished.');
  io.print(
    'Messages whose replies vanished are open again: hosts that have not run them yet will; this host will only if they are sent again.',
  );
}

async function accept(invocation: Invocation, around: Surroundings, lost: Lost): Promise<number> {
  const { session } = around;
  const accepted = await session.mirror.accept(lost.now);
  if (accepted.kind === 'unreachable')
    throw unreachable(session.located.url, accepted.failure.line);
  const told = await tellDispatcher(session.directory.path);
  if (!told && !lost.descends) await blockWhatRanHere(invocation, around);
  await writeCheckpoint(session.directory.checkpointFile, encodeIndex(session.mirror.index()));
  printDone(
    invocation,
    { ...lost, dispatcher_told: told },
    () =>
      `The branch at ${lost.now.slice(0, 12)} is now accepted${told ? '; the dispatcher here continues with it' : ''}.`,
  );
  return 0;
}

/**
 * No dispatcher runs: what the journal says was started here is kept from a second run by this
 * command, before the checkpoint says that all is well.
 */
async function blockWhatRanHere(
  invocation: Invocation,
  { session, claims }: Surroundings,
): Promise<void> {
  const { config, mirror } = session;
  const local = await openState(invocation, session);
  try {
    const entries = await local.state.readJournal();
    const ran = new Set(entries.flatMap((entry) => (entry.kind === 'starting' ? [entry.key] : [])));
    const own = [...claims.values()].flatMap(({ key, claim }) =>
      claim?.alias === config.alias && claim.instance === local.state.instance ? [key] : [],
    );
    for (const entry of blocksOf(listWork(mirror.index()), { ran, spared: new Set(own) }))
      await local.state.journal(entry);
  } finally {
    await local.close();
  }
}

/**
 * This command knows the new tip already, but the dispatcher may still stand before the old one.
 */
async function settleHalt(invocation: Invocation, around: Surroundings): Promise<number> {
  if (around.here?.halted !== true)
    throw new CrosstalkError(
      'NOT_FOUND',
      'the branch was neither rewritten nor given another CROSSTALK-VERSION; there is nothing to accept',
      { fix: 'crosstalkd status' },
    );
  if (!(await isConfirmed(invocation, QUESTION))) return ERROR_CODES.REFUSED.exit;
  const told = await tellDispatcher(around.session.directory.path);
  if (wantsJson(invocation))
    printJson(invocation, { ok: told, health: 'good', dispatcher_told: told });
  else invocation.io.print('The dispatcher here continues with the branch as it is now.');
  return 0;
}

/** Has the dispatcher of a state directory continue; false when none runs there. */
export async function tellDispatcher(stateDirectory: string): Promise<boolean> {
  const asked = await sendControl(stateDirectory, { op: 'accept-rewrite' }, { timeoutMs: 60_000 });
  if (asked.kind === 'refused')
    throw new CrosstalkError('REFUSED', `the dispatcher here cannot accept it: ${asked.error}`, {
      fix: 'crosstalkd status',
    });
  return asked.kind === 'answered';
}
