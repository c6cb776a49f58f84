import { expect, test } from 'vitest';
import { describeRun } from '../../src/workflow/view/describe.ts';
import { planWorkflow } from '../../src/workflow/view/dry-plan.ts';
import { nextTransition, summarizeRun } from '../../src/workflow/run/engine.ts';
import { checkWorkflow } from '../../src/workflow/language/check.ts';
import { complete, drive, inputOf, post, settle, subjects, world, type World } from './drive.ts';
import { fixBy, formatFix } from '../../src/base/fix.ts';
import { fixOf } from '../../src/protocol/remedy.ts';

/** A second marker in the transport of `at`. */
function secondRun(at: World, name: string, head: string): World {
  const marker = `data/channels/general/2026/11/21/07000000${name}.md`;
  at.files.set(
    marker,
    `---\nto: workflow\nfrom: maintainer\ntype: workflow\nchild_channel: run-${name}\n${head}\n---\n`,
  );
  return { ...at, marker, run: `run-${name}`, commits: [], asked: [] };
}

test('a fork takes every finished result whose key is unchanged: one of 100 failed, one runs again', () => {
  const yaml =
    'model: opus\nmax-parallel: 100\nbudget: { agents: 300 }\nsteps:\n  a: { each: "${{ inputs.list }}", prompt: "do ${{ item }}" }\n  end: { needs: [a], prompt: "${{ len(steps.a.list) }}" }\ninputs: { list: { type: json } }';
  const list = JSON.stringify(Array.from({ length: 100 }, (_, index) => index));
  const at = world(`${yaml}\nwith: { list: ${list} }`, ({ step, body }) =>
    step === 'a' && body.trim() === 'do 57' ? { failed: 'crash' } : 'ok',
  );
  expect(drive(at)).toContain('1 of 100 items failed');
  expect(at.asked).toHaveLength(100);
  const again = secondRun(
    at,
    'again',
    `${yaml}\nwith: { list: ${list} }\nfork: { run: ${at.run} }`,
  );
  again.answer = () => 'ok';
  expect(drive(again)).toContain('ok');
  expect(again.asked.map(({ step }) => step)).toEqual(['a', 'end']);
  expect(complete(again)).toMatchObject({ status: 'succeeded', reused: 99 });
});

test('an edited plan re-runs only what depends on the edit, and --from runs a step again', () => {
  const yaml = (b: string): string =>
    `model: opus\nsteps:\n  a: { prompt: one }\n  b: { needs: [a], prompt: "${b} \${{ steps.a.text }}" }\n  c: { prompt: three }\n  d: { needs: [b, c], prompt: "\${{ steps.b.text }}" }`;
  const at = world(yaml('old'), ({ body, step }) => `${step}: ${String(body.length)}`);
  drive(at);
  const edited = secondRun(at, 'edited', `${yaml('changed')}\nfork: { run: ${at.run} }`);
  drive(edited);
  expect(edited.asked.map(({ step }) => step)).toEqual(['b', 'd']);
  const from = secondRun(at, 'from', `${yaml('old')}\nfork: { run: ${at.run}, from: b }`);
  drive(from);
  expect(from.asked.map(({ step }) => step)).toEqual(['b', 'd']);
});

const REVIEWED = (prompt: string, end: string): string =>
  `model: opus\nsteps:\n  a: { prompt: "${prompt}" }\n  ok: { needs: [a], ask: { title: "Fine?", on-deny: { rework: a, max: 2 } } }\n  b: { needs: [ok], prompt: "${end}" }`;

test('a fork asks no gate again that was decided on the same question, and asks it again when the question changed', () => {
  const at = world(REVIEWED('one', 'two'), ({ step, body }) =>
    step === 'b' ? { failed: 'crash' } : body,
  );
  drive(at);
  post(at, `re: data/channels/${at.run}/gates/ok/ask.md`, 'deny: longer');
  drive(at);
  post(at, `re: data/channels/${at.run}/gates/ok.r2/ask.md`, 'approve');
  expect(drive(at)).toContain('failed: true');
  const same = secondRun(at, 'same', `${REVIEWED('one', 'two')}\nfork: { run: ${at.run} }`);
  same.answer = ({ step }) => step;
  expect(drive(same)).toContain('status: succeeded');
  expect(same.asked.map(({ step }) => step)).toEqual(['b']);
  expect(subjects(same)).toEqual(
    expect.arrayContaining(['take over ok (deny)', 'take over ok (approve)']),
  );
  const decision = JSON.parse(
    same.files.get('data/channels/run-same/gates/ok.r2/decision.json')!,
  ) as Record<string, unknown>;
  expect(decision).toMatchObject({
    decision: 'approve',
    by: ['maintainer'],
    reused: `data/channels/${at.run}/gates/ok.r2/decision.json`,
  });
  const other = secondRun(at, 'other', `${REVIEWED('another', 'two')}\nfork: { run: ${at.run} }`);
  other.answer = ({ body }) => body;
  expect(drive(other)).toBeNull();
  expect(subjects(other).at(-1)).toBe('ask ok');
  const from = secondRun(
    at,
    'from',
    `${REVIEWED('one', 'two')}\nfork: { run: ${at.run}, from: ok }`,
  );
  expect(drive(from)).toBeNull();
  expect(subjects(from).at(-1)).toBe('ask ok');
});

test('a gate whose answer ended the run is asked again when it is retried', () => {
  const yaml =
    'model: opus\nsteps: { ok: { ask: { title: "Fine?" } }, b: { needs: [ok], prompt: x } }';
  const at = world(yaml);
  drive(at);
  post(at, `re: data/channels/${at.run}/gates/ok/ask.md`, 'deny');
  expect(drive(at)).toContain('failed: true');
  const again = secondRun(at, 'again', `${yaml}\nfork: { run: ${at.run} }`);
  expect(drive(again)).toBeNull();
  expect(subjects(again).at(-1)).toBe('ask ok');
});

test('a step with effects: git is asked again when its host was lost, twice at most and whatever its retry says', () => {
  const yaml = (effects: string): string =>
    `model: opus\nsteps: { a: { prompt: x, project: app, isolate: worktree, effects: ${effects} }, b: { prompt: y, effects: none } }`;
  const lost = (times: number) =>
    world(yaml('git'), ({ step, time }) =>
      step === 'a' && time <= times ? { failed: 'host-lost' } : 'ok',
    );
  const at = lost(2);
  expect(drive(at)).toContain('status: succeeded');
  expect(at.asked.filter(({ step }) => step === 'a')).toHaveLength(3);
  expect(drive(lost(3))).toContain('failed: true');
  const external = world(yaml('external'), ({ step }) =>
    step === 'a' ? { failed: 'host-lost' } : 'ok',
  );
  expect(drive(external)).toContain('failed: true');
  expect(external.asked.filter(({ step }) => step === 'a')).toHaveLength(1);
  const check = checkWorkflow(
    '---\nmodel: opus\nsteps: { a: { prompt: x, effects: git } }\n---\n',
    {
      models: ['opus'],
      served: new Map(),
      savedWorkflow: () => null,
      schemaFile: () => null,
    },
  );
  expect(check.errors.map(({ message }) => message)).toEqual([
    expect.stringContaining('"effects: git" needs "isolate: worktree"'),
  ]);
});

const GROUP = (overflow: string): string =>
  `model: opus\nconcurrency: { group: deploy, overflow: ${overflow} }\nsteps: { a: { prompt: x } }`;

test.each([
  ['queue', null],
  ['drop', 'dropped'],
  ['cancel-oldest', null],
])('a concurrency group that is full: %s', (overflow, end) => {
  const at = world(GROUP(overflow), () => null);
  settle(at);
  const second = secondRun(at, 'second', GROUP(overflow));
  settle(second);
  expect(complete(second)?.['status'] ?? null).toBe(end);
  if (overflow === 'queue') {
    expect(describeRun(inputOf(second)).status).toBe('queued');
    at.answer = () => 'ok';
    drive(at);
    settle(second);
    expect(describeRun(inputOf(second)).status).not.toBe('queued');
  }
  if (overflow === 'cancel-oldest')
    expect(at.files.get(`data/channels/${at.run}/CANCEL`)).toContain('run-second');
});

test('a description names what a run waits for and the command that moves it', () => {
  const at = world(
    'model: opus\nsteps:\n  a: { prompt: x }\n  gate: { needs: [a], ask: { title: "Ship?", approvers: [anna] } }\n  w: { wait: { event: go } }',
    ({ step }) => step,
  );
  const commands = () =>
    describeRun(inputOf(at)).blockedBy.map((reason) => formatFix(fixOf(reason) ?? fixBy``));
  expect(commands()).toEqual(['crosstalkd run']);
  settle(at);
  expect(describeRun(inputOf(at))).toMatchObject({ status: 'running', counts: { open: 1 } });
  drive(at);
  const view = describeRun(inputOf(at));
  expect(view.status).toBe('waiting-human');
  expect(commands()).toEqual([
    `crosstalkd workflow approve ${at.run} gate`,
    `crosstalkd workflow signal ${at.run} go`,
  ]);
  expect(view.tasks[0]).toMatchObject({
    step: 'a',
    state: 'succeeded',
    host: 'box',
    usd: 0.1,
    tokens: 15,
  });
  post(at, 'op: pause');
  settle(at);
  expect(commands()[0]).toBe(`crosstalkd workflow resume ${at.run}`);
  expect(summarizeRun(inputOf(at))).toMatchObject({ group: null, state: 'queued' });
});

test('a run that was ended is described without being able to move', () => {
  const at = world('model: opus\nsteps: { a: { prompt: x } }');
  drive(at);
  expect(describeRun(inputOf(at))).toMatchObject({
    status: 'succeeded',
    blockedBy: [],
    counts: { succeeded: 1 },
  });
  expect(nextTransition(inputOf(at))).toBeNull();
  expect(subjects(at)).toHaveLength(3);
});

test('a dry plan counts the worst case and says which hosts can serve', () => {
  const text =
    '---\nmodel: [opus, gpt]\nsteps:\n  a: { prompt: x, count: 3, retry: { max: 1 }, join: { model: opus } }\n  b: { needs: [a], each: [1, 2], prompt: y, model: gpt, repeat: { until: "${{ loop.n > 1 }}", max: 2 } }\n---\n';
  const { plan } = checkWorkflow(text, {
    models: ['opus', 'gpt'],
    served: new Map(),
    savedWorkflow: () => null,
    schemaFile: () => null,
  });
  const planned = planWorkflow(
    plan!,
    new Map([
      ['opus', ['mbp']],
      ['gpt', ['box']],
    ]),
  );
  expect(planned.steps.map(({ id, agentsMax, hosts }) => [id, agentsMax, hosts])).toEqual([
    ['a', 3 * 2 * 2 + 2, ['box', 'mbp']],
    ['b', 4, ['box']],
  ]);
  expect(planned).toMatchObject({ agentsMax: 18, isBoundByBudget: false, usdMax: null });
});
