/**
 * `crosstalkd pause|resume|drain|stop`: the dispatcher of this host through its socket, or with
 * --all every host through the control ref.
 */
import { systemClock } from '../../base/clock.ts';
import { CrosstalkError } from '../../base/errors.ts';
import { snakeKeys } from '../../base/snake-keys.ts';
import { decodeHostReport, type HostReport } from '../../dispatcher/host-report.ts';
import { sendControl } from '../../local/control-client.ts';
import { readLock } from '../../local/lock.ts';
import { CONTROL_NAME, type ControlOp, formatControl } from '../../protocol/control.ts';
import { given, type Invocation } from '../command.ts';
import { VERSION } from '../version.ts';
import { liveHosts } from '../look/host-opinions.ts';
import { endNotedRest } from '../look/resting.ts';
import { type Surroundings, withRemote } from '../look/look-around.ts';
import { plain } from '../io.ts';
import { findCountingSign } from '../session/sign-as-person.ts';
import { identifySender } from '../talk/person.ts';
import { printDone } from '../look/reading.ts';
import { counted } from '../../protocol/say-reason.ts';
import { openSession, type TransportSession } from '../session/transport-session.ts';
import { pushFailed, refused } from '../session/remote-errors.ts';
import { fixBy, withNote } from '../../base/fix.ts';

type Op = ControlOp | 'resume';

/** Claims nothing new until resumed. */
export const pause = (invocation: Invocation): Promise<number> => control(invocation, 'pause');
/** Takes work again. */
export const resume = (invocation: Invocation): Promise<number> => control(invocation, 'resume');
/** Finishes what runs and ends. */
export const drain = (invocation: Invocation): Promise<number> => control(invocation, 'drain');
/** Ends within the grace period. */
export const stop = (invocation: Invocation): Promise<number> => control(invocation, 'stop');

function control(invocation: Invocation, op: Op): Promise<number> {
  return given(invocation, 'all') ? controlAll(invocation, op) : controlHere(invocation, op);
}

async function controlHere(invocation: Invocation, op: Op): Promise<number> {
  const session = await openSession(invocation, { unread: true });
  try {
    const model = op === 'resume' ? (invocation.args[0] ?? null) : null;
    const report = await askHere(session, { op, model });
    const ended = op === 'stop' && (await waitForEnd(session));
    const told =
      model === null
        ? tellHere(op, { report, ended })
        : `${report?.alias ?? 'the next dispatcher here'} takes work for ${model} again`;
    printDone(invocation, { told, host: snakeKeys(report) }, () => plain(told));
    return 0;
  } finally {
    await session.close();
  }
}

interface Order {
  readonly op: Op;
  /** The one whose rest ends; null = the order is to the dispatcher. */
  readonly model: string | null;
}

async function askHere(
  session: TransportSession,
  { op, model }: Order,
): Promise<HostReport | null> {
  const asked = await sendControl(session.directory.path, {
    op,
    ...(model === null ? {} : { model }),
  });
  switch (asked.kind) {
    case 'answered':
      return decodeHostReport(asked.state, VERSION);
    case 'refused':
      throw new CrosstalkError('REFUSED', asked.error, { fix: 'crosstalkd status' });
    case 'not-running':
      if (model !== null && (await endNotedRest(session, model))) return null;
      throw new CrosstalkError('NOT_FOUND', `no dispatcher runs here; nothing to ${op}`, {
        fix: op === 'resume' ? 'crosstalkd run' : 'crosstalkd status',
      });
    case 'silent': {
      const pid = asked.holder?.pid;
      throw new CrosstalkError(
        'REFUSED',
        `the dispatcher here ${pid === undefined ? '' : `(process ${pid}) `}does not answer`,
        { fix: pid === undefined ? fixBy`crosstalkd doctor` : fixBy`kill ${pid}` },
      );
    }
  }
}

/** True when the dispatcher has let go of its state directory, so that another can start. */
async function waitForEnd(session: TransportSession): Promise<boolean> {
  const deadlineMs = systemClock.monotonicMs() + session.config.shutdownGraceMs + 5_000;
  while (systemClock.monotonicMs() < deadlineMs) {
    if ((await readLock(session.directory.path)).kind !== 'held') return true;
    await systemClock.sleep(50);
  }
  return false;
}

function tellHere(
  op: Op,
  { report, ended }: { readonly report: HostReport | null; readonly ended: boolean },
): string {
  const alias = report?.alias ?? 'the dispatcher here';
  const running = report?.running.length ?? 0;
  const rest = running === 0 ? '' : `; ${counted(running, 'agent')} still at work`;
  switch (op) {
    case 'pause':
      return report?.state === 'draining'
        ? `${alias} is draining and takes nothing new anyway${rest}`
        : `${alias} is paused until crosstalkd resume${rest}`;
    case 'resume':
      return report?.state === 'paused'
        ? `${alias} stays paused: ${report.orderedBy ?? 'somebody'} has paused all hosts (crosstalkd resume --all)`
        : `${alias} takes work again`;
    case 'drain':
      return `${alias} claims nothing new and ends when it is done${rest}`;
    case 'stop':
      return ended ? `${alias} has stopped` : `${alias} is stopping${rest}`;
  }
}

function controlAll(invocation: Invocation, op: Op): Promise<number> {
  return withRemote(invocation, async (around) => {
    const told = op === 'resume' ? await resumeAll(around) : await orderAll(invocation, around, op);
    // The one here need not wait for its next look.
    await sendControl(around.session.directory.path, { op: 'wake' }, { timeoutMs: 1_000 });
    printDone(invocation, { told }, () => plain(told));
    return 0;
  });
}

async function orderAll(
  invocation: Invocation,
  around: Surroundings,
  op: ControlOp,
): Promise<string> {
  const { session } = around;
  const hosts = around.hosts.flatMap(({ beat }) =>
    beat === null || beat.state === 'stopped' ? [] : [beat],
  );
  if (op !== 'pause' && hosts.length === 0)
    throw new CrosstalkError('NOT_FOUND', 'no host is up on this transport', {
      fix: 'crosstalkd status',
    });
  const { name } = await identifySender(invocation, session);
  const next = await session.repository.writeRecord(
    formatControl({ op, by: name, runs: hosts.map(({ run }) => run) }),
    (await findCountingSign(session, { kinds: ['control'], right: 'operate' })) ?? undefined,
  );
  await moveControl(around, next);
  const live = liveHosts(around).length;
  const within = `within their next poll (at most ${Math.ceil(session.config.intervalMaxMs / 1_000)}s with this host's settings)`;
  const before =
    around.control?.op === 'pause' && op !== 'pause'
      ? `; this replaces the pause ordered by ${around.control.by}`
      : '';
  if (op === 'pause')
    return `all hosts claim nothing new, ${within}, until crosstalkd resume --all`;
  return `${counted(live, 'host')} ${op === 'drain' ? 'finish what runs and end' : 'end'}, ${within}; hosts that start later are not affected${before}`;
}

async function resumeAll(around: Surroundings): Promise<string> {
  if (around.control?.op !== 'pause')
    throw new CrosstalkError('NOT_FOUND', 'nobody has paused all hosts', {
      fix: withNote(fixBy`crosstalkd resume`, 'this host alone'),
    });
  await moveControl(around, null);
  return 'all hosts take work again, except those paused individually';
}

async function moveControl(
  { session, refs }: Surroundings,
  next: Parameters<TransportSession['repository']['push']>[0][number]['next'],
): Promise<void> {
  const ref = session.refs.control + CONTROL_NAME;
  const pushed = await session.repository.push([{ ref, expected: refs.get(ref) ?? null, next }], {
    atomic: false,
  });
  if (pushed.kind === 'unknown') throw pushFailed(session.located.url, pushed.failure);
  const result = pushed.refs.get(ref);
  if (result?.kind === 'landed') return;
  if (result?.kind === 'refused') throw refused(result.line);
  throw new CrosstalkError(
    'REFUSED',
    'somebody else gave an order to all hosts at the same moment',
    { fix: 'crosstalkd status' },
  );
}
