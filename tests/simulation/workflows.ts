/**
 * The workflows that people of a simulation start: between them they take every transition of the
 * engine. `[[say x]]` tells the played agents what is wanted.
 */
import type { SeededRandom } from '../support/seeded-random.ts';

/**
 * A saved workflow, by its file. `child` is used by others; `followed` is edited while runs follow
 * it.
 */
export const SAVED: ReadonlyMap<string, string> = new Map([
  [
    'data/workflows/child.md',
    '---\nname: child\nmodel: opus\nsteps:\n  one: { prompt: small }\n---\n',
  ],
  ['data/workflows/followed.md', followedText(1)],
]);

/**
 * A version of the saved workflow that runs follow. Odd ones change a step that has started by
 * then.
 */
export function followedText(version: number): string {
  return `---
name: followed
model: [opus, sonnet]
follow: true
steps:
  first: { prompt: "begin ${version % 2 === 1 ? 'well' : 'otherwise'}" }
  pause: { needs: [first], wait: { for: 15s } }
  last: { needs: [pause], prompt: "end ${String(version)}" }
---
`;
}

const GREEN = '{ type: object, required: [green], properties: { green: { type: boolean } } }';
const ODD = '{ type: object, required: [odd], properties: { odd: { type: boolean } } }';
const CHOICE = '{ type: object, required: [choice], properties: { choice: { type: string } } }';
const ITEMS =
  '{ type: object, required: [items], properties: { items: { type: array, items: { type: object, required: [id], properties: { id: { type: string } } } } } }';

/** Heads of markers, by name. */
export const MARKERS: Readonly<Record<string, (random: SeededRandom) => string>> = {
  panel: (random) => `model: [opus, sonnet]
max-parallel: ${random.int(1, 3)}
steps:
  plan: { prompt: "plan [[say items]]", schema: ${ITEMS}, reask: 1 }
  build: { needs: [plan], each: "\${{ steps.plan.json.items }}", prompt: "build \${{ item.id }}", max-parallel: 2, continue-on-error: true, retry: { max: 1, delay: 3s } }
  judge: { needs: [build], prompt: judge, models: [opus, sonnet], join: { model: opus, prompt: "the best" } }`,
  loop: () =>
    `model: opus
steps:
  work:
    repeat: { until: "\${{ steps.test.json.green }}", max: 3, on-max: last }
    steps:
      make: { prompt: "make \${{ loop.n }}", model: [sonnet, opus], retry: { max: 0 } }
      test: { needs: [make], prompt: "test [[say green]]", schema: ${GREEN} }
  no: { needs: [work], if: "\${{ loop_never }}", prompt: never }`.replace(
      'loop_never',
      "steps.work.status == 'failed'",
    ),
  gate: (random) => `model: opus
steps:
  draft: { prompt: draft }
  agree: { needs: [draft], ask: { title: "Good?", kind: approve, on-deny: ${random.pick(['{ rework: draft, max: 1 }', 'fail', 'skip', 'continue'])} } }
  beside: { prompt: "beside [[say odd]]", schema: ${ODD}, reask: 0, continue-on-error: true }
  choose: { needs: [agree], ask: { title: "Which?", kind: choose, choices: [left, right], timeout-minutes: 1, on-timeout: ${random.pick(['wait', 'fail'])} } }
finally:
  clean: { prompt: "clean up" }`,
  first: () => `model: opus
steps:
  race: { prompt: race, models: [opus, sonnet], count: 2, join: first }
  vote: { prompt: "vote [[say choice]]", models: [opus, sonnet], schema: ${CHOICE}, join: { vote: choice, min: 1 } }
output: "\${{ steps.vote.text }}"`,
  // The end fails in half of the runs: then what was sent is taken back.
  wait: () => `model: opus
steps:
  rest: { wait: { for: 20s } }
  event: { wait: { event: go } }
  child: { needs: [rest], uses: child }
  send: { needs: [child], model: mailer, prompt: send, undo: unsend }
  unsend: { needs: [send], model: opus, prompt: "take back" }
  end: { needs: [send, event], prompt: "end [[say odd]]", schema: ${ODD}, reask: 0 }`,
  budget: (random) => `model: opus
max-parallel: 2
budget: { agents: 2, on-exceed: ${random.pick(['pause', 'fail', 'finish'])} }
steps:
  many: { each: [a, b, c], prompt: "do \${{ item }}" }`,
  'step-budget': () => `model: opus
steps:
  many: { each: [a, b, c], prompt: "do \${{ item }}", budget: { agents: 2 }, continue-on-error: true }
  end: { needs: [many], prompt: end }`,
  group: (random) => `model: opus
concurrency: { group: shared, max: 1, overflow: ${random.pick(['queue', 'drop', 'cancel-oldest'])} }
steps:
  a: { prompt: a }
  b: { needs: [a], prompt: b }`,
  prose: (random) =>
    random.chance(0.5) ? 'compile: { model: [opus, sonnet] }' : 'subject: please',
  'fail-fast': () => `model: opus
max-parallel: 2
fail-fast: true
steps:
  many: { each: [a, b, c], prompt: "do \${{ item }} [[say odd]]", schema: ${ODD}, reask: 0, fail-fast: true }
  rest: { prompt: rest, count: 2 }`,
  followed: () => 'uses: followed',
  dry: () => `model: opus
dry-run: true
steps:
  a: { prompt: a, schema: ${GREEN} }
  b: { needs: [a], prompt: b, count: 2, join: { model: sonnet } }`,
  cache: () => `model: opus
steps:
  a: { prompt: same, cache: global }
  b: { needs: [a], prompt: same, cache: run }`,
  wrong: () => `model: opus
steps:
  a: { needs: [nowhere], prompt: a }`,
};

/**
 * Names of markers as often as they are drawn: what happens only at the end of a long run, or of
 * several together, needs more of them.
 */
export const DRAWN: readonly string[] = [
  ...Object.keys(MARKERS),
  'gate',
  'gate',
  'group',
  'wait',
  'wait',
  'loop',
  'followed',
];

/**
 * What a played agent says to a prompt: JSON where it is wanted, now and then something else. Null
 * = plain words will do.
 */
export function sayFor(
  prompt: string,
  given: { readonly random: SeededRandom; readonly by: string },
): string | null {
  const { random, by } = given;
  if (
    prompt.startsWith('Make a workflow plan for the task below') ||
    prompt.includes('\nMake a workflow plan for the task below')
  )
    return random.chance(0.2)
      ? `no plan, ${by}`
      : '```yaml\nsteps:\n  a: { prompt: a }\n  b: { needs: [a], prompt: "b ${{ steps.a.text }}", count: 2, join: all }\n```\n' +
          by;
  const wanted = /\[\[say (\w+)\]\]/.exec(prompt)?.[1];
  if (wanted === undefined) return null;
  if (random.chance(wanted === 'odd' ? 0.5 : 0.12)) return `not what was asked, ${by}`;
  const values: Readonly<Record<string, unknown>> = {
    green: random.chance(0.5),
    odd: true,
    choice: random.pick(['x', 'y']),
    items: Array.from({ length: random.int(1, 3) }, (_, index) => ({ id: `item${String(index)}` })),
  };
  return JSON.stringify({ [wanted]: values[wanted], by });
}
