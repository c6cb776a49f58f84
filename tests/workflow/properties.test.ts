import fc from 'fast-check';
import { expect, test } from 'vitest';
import { describeRun } from '../../src/workflow/view/describe.ts';
import { nextTransition, type RunInput } from '../../src/workflow/run/engine.ts';
import { drive, inputOf, openTasks, post, reply, settle, type World, world } from './drive.ts';

const YAML = `model: opus
max-parallel: 3
steps:
  plan: { prompt: plan, schema: { type: object, properties: { items: { type: array, items: { type: object, properties: { id: { type: string } } } } } } }
  build:
    needs: [plan]
    each: "\${{ steps.plan.json.items }}"
    continue-on-error: true
    repeat: { until: "\${{ steps.test.json.green }}", max: 3, on-max: last }
    steps:
      make: { prompt: "\${{ item.id }} \${{ loop.n }}", model: [opus, gpt] }
      test: { needs: [make], model: ci, prompt: go, schema: { type: object, required: [green], properties: { green: { type: boolean } } } }
  gate: { needs: [build], ask: { title: ok, on-deny: { rework: panel0, max: 1 } } }
  panel0: { needs: [plan], prompt: p }
  panel: { needs: [gate], models: [opus, gemini, gpt], prompt: "\${{ steps.build.text }}", join: { model: sonnet } }
finally:
  clean: { prompt: "end \${{ steps.panel.status }}" }`.replace(
  'needs: [build], ask',
  'needs: [build, panel0], ask',
);

/**
 * Everything that was said depends only on where it was asked, so that two histories can be
 * compared.
 */
function said(path: string, step: string, to: string): string {
  if (step === 'plan') return '{"items":[{"id":"a"},{"id":"b"},{"id":"c"}]}';
  if (step === 'test')
    return JSON.stringify({ green: path.includes('n2-') || path.includes('/b/') });
  return step === 'make' && to === 'opus' && path.includes('/c/') ? '' : `${step} by ${to}`;
}

function full(): World {
  const at = world(YAML, ({ path, step, to }) => {
    const text = said(path, step, to);
    return text === '' ? { failed: 'crash' } : text;
  });
  drive(at);
  const no = post(at, `re: data/channels/${at.run}/gates/gate/ask.md`, 'no, again');
  // Another who says yes in the same second: the path decides between them, not the order in which
  // the files are read.
  at.files.set(
    no.replace('message-', 'message-x'),
    (at.files.get(no) ?? '').replace('no, again', 'yes'),
  );
  drive(at);
  post(at, `re: data/channels/${at.run}/gates/gate.r2/ask.md`, 'yes');
  expect(drive(at)).toContain('panel by sonnet');
  return at;
}

test('the fold does not depend on the order of the files', () => {
  const at = full();
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: at.commits.length - 1 }),
      fc.infiniteStream(fc.nat()),
      (cut, random) => {
        const input = cutAt(at, cut);
        const numbers = random[Symbol.iterator]();
        const shuffled = [...input.files]
          .map((entry) => [numbers.next().value as number, entry] as const)
          .sort(([a], [b]) => a - b);
        expect(
          nextTransition({ ...input, files: new Map(shuffled.map(([, entry]) => entry)) }),
        ).toEqual(nextTransition(input));
      },
    ),
    { numRuns: 60 },
  );
});

/**
 * The run as if the engine's commits from `cut` on had never landed; what agents and people wrote
 * stands.
 */
function cutAt(at: World, cut: number): RunInput {
  const removed = new Set(
    at.commits.slice(cut).flatMap((commit) => commit.files.map((file) => file.path)),
  );
  const input = inputOf(at);
  return {
    ...input,
    marker: {
      ...input.marker,
      reply: removed.has(`${at.marker.slice(0, -3)}.re.workflow.md`) ? null : input.marker.reply,
    },
    files: new Map([...input.files].filter(([path]) => !removed.has(path))),
  };
}

test('every file of the engine is derived again, byte for byte, wherever its history is cut', () => {
  const at = full();
  for (let cut = 1; cut < at.commits.length; cut += 3) {
    let input = cutAt(at, cut);
    for (let count = 0; count < 200; count += 1) {
      const next = nextTransition(input);
      if (next === null) break;
      const files = new Map(input.files);
      let { marker } = input;
      for (const file of next.files) {
        expect([file.path, at.files.get(file.path)]).toEqual([file.path, file.content]);
        if (file.path.startsWith(`data/channels/${at.run}/`)) files.set(file.path, file.content);
        else marker = { ...marker, reply: file.content };
      }
      input = { ...input, files, marker };
    }
    expect([...input.files.keys()].sort()).toEqual([...inputOf(at).files.keys()].sort());
  }
});

test('nothing throws and nothing is rewritten, whatever stands in the files', () => {
  const at = full();
  const paths = [...inputOf(at).files.keys()];
  const garbage = fc.oneof(
    fc.constantFrom(
      '',
      '{',
      '---\n',
      '---\nto: opus\n---\n',
      '{"engine":1}',
      '[]',
      '---\nto: [a\n---\n',
      'null',
      '---\nop: amend\n---\nsteps: {}',
      '---\nto: workflow\nop: budget\nusd: x\n---\n',
    ),
    fc.string(),
  );
  const change = fc.record({
    path: fc.constantFrom(...paths),
    how: fc.constantFrom('delete', 'cut', 'replace'),
    with: garbage,
  });
  const extra = fc.tuple(
    fc.constantFrom(
      'CANCEL',
      'x.md',
      'gates/gate/deny',
      'plan/2.yaml',
      'PLAN.yaml',
      'ADMIT.json',
      'steps/build/a/task.md',
      'budget/1.json',
    ),
    garbage,
  );
  fc.assert(
    fc.property(
      fc.array(change, { maxLength: 6 }),
      fc.array(extra, { maxLength: 3 }),
      fc.nat(at.commits.length - 1),
      (changes, extras, cut) => {
        const input = cutAt(at, 1 + cut);
        const files = new Map(input.files);
        for (const each of changes) {
          const text = files.get(each.path);
          if (text === undefined) continue;
          if (each.how === 'delete') files.delete(each.path);
          else
            files.set(each.path, each.how === 'cut' ? text.slice(0, text.length / 2) : each.with);
        }
        for (const [name, text] of extras) files.set(`data/channels/${at.run}/${name}`, text);
        const next = nextTransition({ ...input, files });
        for (const file of next?.files ?? [])
          expect(files.has(file.path) ? file.path : null).toBeNull();
        describeRun({ ...input, files });
      },
    ),
    { numRuns: 500 },
  );
});

test('no marker, however odd, makes the engine throw', () => {
  const piece = fc.constantFrom(
    'steps:',
    ' a:',
    '  prompt: x',
    'model: opus',
    '  needs: [a]',
    'uses: x',
    'with: 3',
    '  repeat: 7',
    '  each: {}',
    '  ask: 3',
    'fork: { run: x }',
    '  join: []',
    'budget: 9',
    'finally: []',
    '  matrix: { a: 1 }',
    '  wait: {}',
    'inputs: { a: 3 }',
    'concurrency: x',
    'output: "${{"',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (lines) => {
      let at: World;
      try {
        at = world(lines.join('\n') || 'model: opus');
      } catch {
        return; // no message at all: the transport rejects it before the engine sees it
      }
      settle(at);
    }),
    { numRuns: 400 },
  );
});

test('caps hold after every commit, in whatever order answers come', () => {
  fc.assert(
    fc.property(
      fc.record({
        run: fc.integer({ min: 1, max: 5 }),
        step: fc.integer({ min: 1, max: 4 }),
        agents: fc.integer({ min: 1, max: 12 }),
        items: fc.integer({ min: 0, max: 8 }),
      }),
      fc.array(fc.nat(), { minLength: 30, maxLength: 30 }),
      (caps, order) => {
        const list = JSON.stringify(Array.from({ length: caps.items }, (_, index) => index));
        const at = world(
          `model: opus\nmax-parallel: ${caps.run}\nbudget: { agents: ${caps.agents} }\nsteps:\n  a: { each: ${list}, prompt: "\${{ item }}", max-parallel: ${caps.step}, count: 2 }\n  b: { prompt: x, models: [opus, gpt], join: first }`,
        );
        for (const turn of order) {
          settle(at);
          const open = openTasks(at);
          expect(open.length).toBeLessThanOrEqual(caps.run);
          expect(
            new Set(open.filter(({ step }) => step === 'a').map(({ key }) => key.split('/')[0]))
              .size,
          ).toBeLessThanOrEqual(caps.step);
          expect(
            [...at.files.keys()].filter((path) => /task(\.\d+)?\.md$/.test(path)).length,
          ).toBeLessThanOrEqual(caps.agents);
          const task = open[turn % Math.max(1, open.length)];
          if (task === undefined) break;
          reply(at, task, turn % 7 === 0 ? { failed: 'crash' } : 'ok');
        }
      },
    ),
    { numRuns: 60 },
  );
});
