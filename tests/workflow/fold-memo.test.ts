import fc from 'fast-check';
import { expect, test } from 'vitest';
import { nextTransition, type RunInput, stageOf } from '../../src/workflow/run/engine.ts';
import { createFoldMemo } from '../../src/workflow/run/fold-memo.ts';
import { MARKERS, SAVED, sayFor } from '../simulation/workflows.ts';
import { createSeededRandom, type SeededRandom } from '../support/seeded-random.ts';
import { inputOf, markers, openTasks, post, reply, settle, type World, world } from './drive.ts';
import type { FoldMemo } from '../../src/workflow/run/fold.ts';
import { foldRun } from '../../src/workflow/run/fold-run.ts';

/**
 * What the markers of the simulation leave out: sessions, loops of one step, groups in lists, gates
 * that send back, first answers in lists.
 */
const MORE: Readonly<Record<string, () => string>> = {
  talk: () => `model: opus
max-parallel: 2
steps:
  plan: { prompt: plan, session: last, repeat: { until: "\${{ contains(steps.plan.text, 'plan 2') }}", max: 3, on-max: last } }
  build:
    needs: [plan]
    each: [{ id: a }, { id: b }, { id: c }]
    max-parallel: 2
    continue-on-error: true
    steps:
      race: { prompt: "race \${{ item.id }}", models: [opus, gpt], join: first, retry: { max: 1, delay: 5s } }
      vote: { needs: [race], prompt: "\${{ steps.race.text }}", count: 2, join: { model: sonnet } }
  agree: { needs: [build], ask: { title: "Good?", on-deny: { rework: build, max: 2 } } }
  after: { needs: [agree], matrix: { x: [1, 2], y: [3] }, prompt: "\${{ matrix.x }} \${{ len(steps.build.list) }}" }
finally:
  clean: { each: [a, b], prompt: "\${{ item }}" }`,
};

const ALL = { ...MARKERS, ...MORE };

/** One thing that happens to the files of a run between two looks. */
function happen(at: World, random: SeededRandom): void {
  const open = openTasks(at);
  const task = open.length === 0 ? null : random.pick(open);
  const what = random.int(0, 19);
  at.nowMs += random.pick([0, 3_000, 30_000]);
  if (what === 0)
    post(
      at,
      `op: ${random.pick(['pause', 'resume', 'cancel', 'retry', 'budget\nagents: 9', 'signal\nevent: go', 'nonsense'])}`,
    );
  else if (what === 1) post(at, 'op: retry');
  else if (what === 2) post(at, 'op: resume');
  else if (what === 3) post(at, 'op: amend', '```yaml\nmax-parallel: 1\n```');
  else if (what < 8) answerGate(at, random);
  else if (what === 8) mangle(at, random);
  else if (task !== null) {
    const text =
      sayFor(task.body, { random, by: task.to }) ??
      `${task.step} ${String(task.time)} by ${task.to}`;
    reply(
      at,
      task,
      random.chance(0.2)
        ? { failed: random.pick(['crash', 'auth', 'host-lost', 'cancelled']) }
        : text,
    );
  }
}

function answerGate(at: World, random: SeededRandom): void {
  const asks = [...at.files.keys()].filter((path) => path.endsWith('/ask.md'));
  if (asks.length === 0) return;
  const path = random.pick(asks);
  if (random.chance(0.3))
    at.files.set(`${path.slice(0, -'ask.md'.length)}${random.pick(['approve', 'deny'])}`, '');
  else post(at, `re: ${path}`, random.pick(['approve', 'deny, because', 'left', 'hm']));
}

/** What people should not do, and do: a file of the run is removed or overwritten. */
function mangle(at: World, random: SeededRandom): void {
  const path = random.pick([...inputOf(at).files.keys(), at.marker]);
  if (path === at.marker || path.endsWith('RUN.json')) return;
  if (random.chance(0.5) || /\/task(\.\d+)?\.md$/.test(path)) at.files.delete(path);
  else at.files.set(path, random.pick(['', '{', `${at.files.get(path) ?? ''}\nmore`]));
}

/**
 * A run that was mangled may stop at what the pure transport refuses; that both ways agree is asked
 * until there.
 */
function settles(at: World, input: (path: string) => RunInput): boolean {
  try {
    settle(at, input);
    return true;
  } catch {
    return false;
  }
}

/** What people and the engine see of a fold. */
function seenOf({ fold, main, final, budget, stop }: ReturnType<typeof foldRun>): unknown {
  const { tasks, gates, steps, occupied, spentSteps } = fold;
  return { tasks, gates, steps, occupied, spentSteps, main, final, budget, stop };
}

test('with the memory of earlier folds and without it the engine says the same, whatever happens in between', () => {
  fc.assert(
    fc.property(fc.constantFrom(...Object.keys(ALL)), fc.nat(), (name, seed) => {
      const random = createSeededRandom(`${name} ${String(seed)}`);
      const at = {
        ...world(ALL[name]?.(random) ?? ''),
        models: ['opus', 'gpt', 'sonnet', 'mailer'],
      };
      for (const [path, text] of SAVED) at.saved.set(path.replace(/^.*\/|\.md$/g, ''), text);
      const memos = new Map<string, FoldMemo>();
      const both: unknown[][] = [];
      const compared = (path: string): RunInput => {
        const memo = memos.get(path) ?? createFoldMemo();
        memos.set(path, memo);
        const plain = inputOf(at, path);
        both.push([nextTransition(plain, memo), nextTransition(plain)]);
        return plain;
      };
      for (let count = 0; count < 14; count += 1) {
        const isWell = settles(at, compared);
        for (const [withMemo, without] of both.splice(0)) expect(withMemo).toEqual(without);
        if (!isWell) return;
        for (const path of markers(at)) {
          const plain = inputOf(at, path);
          const stage = stageOf(plain);
          if (stage.kind === 'open')
            expect(seenOf(foldRun(plain, stage.header, memos.get(path)))).toEqual(
              seenOf(foldRun(plain, stage.header)),
            );
        }
        happen(at, random);
      }
    }),
    { numRuns: 40 },
  );
});

test('what did not change is not looked at again: of many items one answer costs one item', () => {
  const items = JSON.stringify(
    Array.from({ length: 300 }, (_, index) => ({ id: `t${String(index)}` })),
  );
  const at = world(
    `model: opus\nmax-parallel: 4\nsteps:\n  build: { each: ${items}, prompt: "\${{ item.id }}" }`,
  );
  const memo = createFoldMemo();
  settle(at, (path) => inputOf(at, path), memo);
  const before = new Map(memo.parts);
  const [task] = openTasks(at);
  if (task === undefined) throw new Error('no task is open');
  reply(at, task, 'done');
  nextTransition(inputOf(at), memo);
  const again = [...memo.parts]
    .filter(([key, part]) => before.get(key) !== part)
    .map(([key]) => key.slice(key.lastIndexOf('/', key.length - 2)));
  expect(again).toHaveLength(2);
  expect(again).toContain(`/${task.key}`);
});
