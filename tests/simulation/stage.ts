/** Programs of one machine: how they act, and the log of what was started. */
import type { FailureClass } from '../../src/agents/agent.ts';
import { parseMessagePath } from '../../src/protocol/paths.ts';
import type { Act, AgentStage } from '../support/fake-agents.ts';
import { BEGINNING_MS } from '../support/manual-clock.ts';
import type { Owner } from '../support/simulation-scheduler.ts';
import type { Host } from './host.ts';
import { checkMarked } from './invariants.ts';
import { isTask } from './people.ts';
import { sayFor } from './workflows.ts';
import type { Run, World } from './world.ts';

const CLASSES: readonly FailureClass[] = [
  'crash',
  'crash',
  'rate-limit',
  'unavailable',
  'empty',
  'context',
  'missing',
  'invalid',
  'idle',
  'model',
  'auth',
  'usage-limit',
];
const never = new Promise<never>(() => undefined);

/** The stage of a host for one process. */
export function createStage(world: World, host: Host, owner: Owner): AgentStage {
  const { machine, random } = host;
  const pass: AgentStage['pass'] = (ms) => world.scheduler.wait(machine, ms, 'timer');
  return {
    act: host.act ?? (() => chooseAct(world, host)),
    dyingMs: () =>
      world.may('agent-slow') && random.chance(0.5) ? random.int(1, 3_000) : random.int(0, 20),
    pass,
    report: () => (owner.alive && machine.alive ? Promise.resolve() : never),
    wallMs: () => BEGINNING_MS + world.scheduler.nowMs() + host.hands.wallOffsetMs,
    started: ({ attemptId, entry, prompt, extraEnv }) => {
      const run: Run = {
        id: `r${world.runs.length}`,
        host: host.name,
        alias: host.alias,
        attemptId,
        marker: markerOf(prompt, extraEnv['CROSSTALK_MESSAGE'] ?? ''),
        recipient: extraEnv['CROSSTALK_MODEL'] ?? '?',
        model: entry.name,
        effects: entry.effects,
        startedMs: world.scheduler.nowMs(),
        endedMs: null,
        orphaned: false,
      };
      world.runs.push(run);
      world.problems.push(...checkMarked(world, run));
      world.scheduler.trace(
        `${host.name} program ${run.id} ${run.model} for ${run.marker} ${run.recipient} (${attemptId})`,
      );
      const says = isTask(run.marker)
        ? sayFor(prompt, { random, by: `answer ${run.id} to ${run.marker}` })
        : null;
      return {
        id: run.id,
        marker: run.marker,
        ...(says === null ? {} : { says }),
        ended: () => {
          host.programs.delete(attemptId);
          run.endedMs ??= world.scheduler.nowMs();
        },
      };
    },
    reaped: (attemptId) =>
      new Promise((resolve) =>
        host.programs.set(attemptId, () => {
          host.programs.delete(attemptId);
          const run = world.runs.findLast(
            (candidate) => candidate.attemptId === attemptId && candidate.endedMs === null,
          );
          if (run !== undefined) run.endedMs = world.scheduler.nowMs();
          resolve();
        }),
      ),
  };
}

/**
 * The mark in the text given, which goes along when the file is moved; of a task, its path. A reply
 * that is answered in its turn has the mark of what it answers.
 */
function markerOf(prompt: string, path: string): string {
  if (isTask(path)) return path;
  const mark = [...prompt.matchAll(/\[\[(M[\w-]+)\]\]/g)].at(-1)?.[1] ?? '?';
  const replyTo = parseMessagePath(path)?.replyTo ?? null;
  return replyTo === null ? mark : `${mark}.${replyTo.recipient}`;
}

function chooseAct(world: World, host: Host): Act {
  const { random } = host;
  const ms = random.chance(0.15) ? random.int(5_000, 55_000) : random.int(20, 5_000);
  if (world.may('agent-endless') && random.chance(0.1)) {
    world.count('fault agent-endless');
    return { kind: 'endless' };
  }
  if (world.may('agent-slow') && random.chance(0.2)) {
    world.count('fault agent-slow');
    return { kind: 'answer', ms: random.int(30_000, 100_000) };
  }
  if (world.may('agent-fails') && random.chance(0.35)) {
    world.count('fault agent-fails');
    const failure = random.pick(CLASSES);
    const resets = failure === 'rate-limit' || failure === 'usage-limit';
    return {
      kind: 'fail',
      ms,
      class: failure,
      resetInMs: resets && random.chance(0.8) ? random.int(1, 90) * 1_000 : null,
    };
  }
  return { kind: 'answer', ms };
}
