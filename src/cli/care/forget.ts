/**
 * `crosstalkd forget <dir>`: takes everything of one transport off this host, and this host's refs
 * off the remote. The clone and the remote's branch stay.
 */
import { existsSync } from 'node:fs';
import { readdir, readFile, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { SECOND, systemClock } from '../../base/clock.ts';
import { CrosstalkError } from '../../base/errors.ts';
import { removeTree } from '../../base/remove-tree.ts';
import { systemRandom } from '../../base/random.ts';
import { forgetApprovals } from '../../local/approvals.ts';
import type { OpenLocalState } from '../../local/open-local-state.ts';
import { stateRoot } from '../../local/state-directory.ts';
import { parseBeatName } from '../../protocol/beat.ts';
import { parseClaim } from '../../protocol/claim.ts';
import { given, type Invocation, option } from '../command.ts';
import { isConfirmed, type Question } from '../confirm.ts';
import { plain } from '../io.ts';
import { isHeld } from '../../local/lock.ts';
import { openState } from '../session/open-state.ts';
import { printGood, wantsJson } from '../look/reading.ts';
import { removeService, serviceOf } from './service.ts';
import { managerHere } from './service-manager.ts';
import { counted } from '../../protocol/say-reason.ts';
import { openSession, type TransportSession } from '../session/transport-session.ts';
import { unreachable } from '../session/remote-errors.ts';
import { fixBy, orElse } from '../../base/fix.ts';

/**
 * Forgets a transport. Its service is stopped; throws HELD_BY_ANOTHER while another dispatcher
 * runs, REFUSED while something would be lost.
 */
export async function forgetTransport(invocation: Invocation): Promise<number> {
  const session = await openSession(invocation, {
    where: invocation.args[0] ?? null,
    unread: true,
  });
  const done: string[] = [];
  try {
    const isForced = given(invocation, 'force');
    if (!isForced) await refuseLoss(session);
    if (!isForced && !(await isConfirmed(invocation, questionOf(session)))) return 1;
    const dropService = async (): Promise<boolean> => {
      const removed = await removeService(serviceOf(invocation, session, managerHere()));
      if (removed) done.push('its service');
      return removed;
    };
    // The lock says that no dispatcher runs, and whose the refs are.
    const local = await openState(invocation, session).catch(async (error: unknown) => {
      if (!isHeld(error) || !(await dropService())) throw error;
      return openAfterService(invocation, session);
    });
    try {
      // What the service was at may have ended meanwhile.
      if (!isForced) await refuseLoss(session);
      await dropService();
      const refs = await removeRefs(session, { instance: local.state.instance, isForced });
      if (refs > 0) done.push(counted(refs, 'ref') + ' on the remote');
    } finally {
      await local.close();
    }
  } finally {
    await session.close();
  }
  if (
    await forgetApprovals(session.configDirectory, session.id, {
      clock: systemClock,
      random: systemRandom,
    })
  )
    done.push('its approvals');
  await removeState(invocation, session);
  done.push(session.directory.path);
  return printForgotten(invocation, session, done);
}

const ENDING_MS = 30 * SECOND;

/**
 * The state once the dispatcher of the service has ended. Throws HELD_BY_ANOTHER when it does not,
 * or when the one that runs was no service.
 */
async function openAfterService(
  invocation: Invocation,
  session: TransportSession,
): Promise<OpenLocalState> {
  const untilMs = systemClock.monotonicMs() + ENDING_MS;
  for (;;)
    try {
      return await openState(invocation, session);
    } catch (error) {
      if (!isHeld(error) || systemClock.monotonicMs() > untilMs) throw error;
      await systemClock.sleep(200);
    }
}

/** What exists nowhere else. */
async function refuseLoss({ directory }: TransportSession): Promise<void> {
  const count = async (path: string): Promise<number> =>
    (await readdir(path).catch(() => [])).filter((name) => !/^\.|\.files$/.test(name)).length;
  const lost = [
    [
      await count(directory.outbox),
      'finished answer',
      'not delivered yet',
      fixBy`crosstalkd run --once`,
    ],
    [
      await count(directory.late),
      'answer',
      'that came too late and is only here',
      fixBy`ls ${directory.late}`,
    ],
    [
      await count(join(directory.path, 'worktrees')),
      'worktree',
      'that a message asked to keep',
      fixBy`ls ${join(directory.path, 'worktrees')}`,
    ],
  ] as const;
  for (const [number, noun, why, fix] of lost)
    if (number > 0)
      throw new CrosstalkError(
        'REFUSED',
        `${directory.path} holds ${counted(number, noun)} ${why}`,
        { fix: orElse(fix, fixBy`crosstalkd forget --force`) },
      );
}

function questionOf({ located, directory }: TransportSession): Question {
  return {
    asks: `Forget ${located.url} on this host (${directory.path})?`,
    refusal: 'cannot ask for confirmation without a terminal; nothing was removed',
    fix: fixBy`crosstalkd forget DIR --yes`,
  };
}

/**
 * This host's beats and claims. An agent that acted leaves a claim of its own kind: taking it away
 * says that nobody waits for it any more.
 */
async function removeRefs(
  session: TransportSession,
  { instance, isForced }: { readonly instance: string; readonly isForced: boolean },
): Promise<number> {
  const { repository, refs: names, config } = session;
  const listed = await repository.listRefs([names.claims, names.hosts]);
  if (listed.kind === 'unreachable') {
    if (isForced) return 0;
    throw unreachable(
      session.located.url,
      `${listed.failure.line}; with --force what is on the remote stays and expires on its own`,
    );
  }
  const { tip, refs } = listed.value;
  const missing = await Promise.all(
    [...refs].map(async ([, oid]) => !(await repository.hasObject(oid))),
  );
  const records = new Map([...refs].filter((_, index) => missing[index]));
  if (tip !== null) await repository.fetch({ tip, records });
  const own: {
    ref: string;
    expected: (typeof refs extends ReadonlyMap<string, infer O> ? O : never) | null;
    next: null;
  }[] = [];
  for (const [ref, oid] of refs) {
    const beat = ref.startsWith(names.hosts) ? parseBeatName(ref.slice(names.hosts.length)) : null;
    const claim = ref.startsWith(names.claims)
      ? parseClaim((await repository.readCommit(oid))?.message ?? '')
      : null;
    const holder = beat ?? claim;
    if (holder?.alias === config.alias && holder.instance === instance)
      own.push({ ref, expected: oid, next: null });
  }
  if (own.length > 0) await repository.push(own, { atomic: false });
  return own.length;
}

async function removeState(invocation: Invocation, session: TransportSession): Promise<void> {
  const root = stateRoot(option(invocation, 'state'), invocation.env);
  await removeTree(session.directory.path);
  const roots = join(root, 'roots');
  for (const name of await readdir(roots).catch(() => [])) {
    const text = await readFile(join(roots, name), 'utf8').catch(() => '');
    // Another remote may have the same first commit: only pointers whose directory is gone lead
    // nowhere.
    if (text.startsWith(`${session.rootCommit} `)) await rm(join(roots, name), { force: true });
  }
  // Both only when nothing of another transport is in them.
  for (const folder of [roots, root])
    if (existsSync(folder)) await rmdir(folder).catch(() => undefined);
}

function printForgotten(
  invocation: Invocation,
  session: TransportSession,
  done: readonly string[],
): number {
  if (wantsJson(invocation)) printGood(invocation, { removed: done });
  else {
    invocation.io.print(plain(`forgot ${session.located.url}: ${done.join(', ')}`));
    if (session.located.clone !== null)
      invocation.io.print(plain(`the clone ${session.located.clone} is yours and stays`));
  }
  return 0;
}
