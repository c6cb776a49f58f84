/** What an answer costs on the remote: each call is a connection, and proves something. */
import { expect, it } from 'vitest';
import { createLog } from '../../src/base/log.ts';
import { ulid } from 'ulid';
import type { Doors } from '../../src/dispatcher/dispatcher.ts';
import { newMessagePath } from '../../src/protocol/paths.ts';
import { createHost, startProcess } from '../simulation/host.ts';
import { foundTransport } from '../simulation/people.ts';
import { drawsOf, QUIET } from '../simulation/plan.ts';
import { BRANCH, createWorld, REFS, type World } from '../simulation/world.ts';
import { BEGINNING_MS } from '../support/manual-clock.ts';

const PLAN = { ...QUIET, seed: 7, hosts: 1 };
const PATH = newMessagePath('general', BEGINNING_MS, ulid(BEGINNING_MS));
const ADA = { name: 'Ada', email: 'ada@example.org' };

/** A person's commit. */
function say(world: World, path: string): void {
  const tip = world.remote.refs.get(BRANCH);
  const writes = [{ path, content: `---\nto: opus\n---\n[[M1]] hi ${path}\n` }];
  const draft = { writes, author: ADA, committer: ADA, atMs: BEGINNING_MS, message: 'say' };
  world.remote.setRef(BRANCH, world.remote.commit(tip === undefined ? [] : [tip], draft));
}

/** The calls until the agent of a message starts; `onClaim` acts once, as it is claimed. */
async function callsToStart(
  path: string,
  onClaim: (world: World) => void = () => undefined,
): Promise<readonly string[]> {
  const world = createWorld(PLAN, () => undefined);
  foundTransport(world);
  const calls: string[] = [];
  let isStarted = false;
  let isClaimed = false;
  const note =
    <A, T>(name: string, call: (given: A) => T) =>
    (given: A): T => {
      calls.push(name);
      return call(given);
    };
  const tamper = (doors: Doors): Doors => ({
    ...doors,
    log: createLog(({ event }) => (isStarted ||= event === 'attempt.started')),
    repository: {
      ...doors.repository,
      listRefs: (asked, along) => {
        calls.push('poll');
        return doors.repository.listRefs(asked, along);
      },
      fetch: note('fetch', (want) => doors.repository.fetch(want)),
      push: (updates, how) => {
        const isClaim = updates.some(({ ref, expected }) => {
          return ref.startsWith(REFS.claims) && expected === null;
        });
        if (isClaim && !isClaimed) onClaim(world);
        isClaimed ||= isClaim;
        calls.push(isClaim ? 'claim' : 'other push');
        return doors.repository.push(updates, how);
      },
    },
  });
  const parts = { name: 'h0', alias: 'h0', random: drawsOf(PLAN, 'h0'), concurrency: 1 };
  const host = createHost(world, { ...parts, serves: new Set(['opus']) });
  void startProcess(world, { ...host, act: () => ({ kind: 'answer', ms: 1 }) }, tamper);
  const run = (stop: () => boolean): Promise<boolean> =>
    world.scheduler.run({ untilMs: 3_600_000, eventsMax: 100_000, stop });
  // Its first beat is behind it.
  await run(() => calls.includes('other push'));
  say(world, path);
  await run(() => isStarted);
  // From the poll that showed it.
  return calls.slice(calls.lastIndexOf('poll', calls.indexOf('claim')));
}

it('an agent starts after one look that brings its message, and its claim', async () => {
  expect(await callsToStart(PATH)).toEqual(['poll', 'claim']);
});

it('a claim whose push finds that the branch has moved is followed by another poll', async () => {
  const other = newMessagePath('general', BEGINNING_MS, ulid(BEGINNING_MS + 1));
  const calls = await callsToStart(PATH, (world) => say(world, other));
  expect(calls).toEqual(['poll', 'claim', 'poll']);
});

it('another poll also follows when somebody could have claimed the message under another path', async () => {
  const calls = await callsToStart('data/channels/general/hello.md');
  expect(calls).toEqual(['poll', 'claim', 'poll']);
});
