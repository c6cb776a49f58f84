import { expect, test } from 'vitest';
import { describeRun } from '../../src/workflow/view/describe.ts';
import {
  complete,
  drive,
  inputOf,
  openTasks,
  post,
  settle,
  START_MS,
  subjects,
  world,
  type World,
} from './drive.ts';

const BUILD = `model: opus
budget: { agents: 20 }
steps:
  build: { prompt: build it }
  lint: { needs: [build], model: ci, prompt: check the branch }
  docs: { needs: [build], model: gpt, prompt: write them }
  ok: { needs: [lint], ask: { title: "Ship?", on-deny: { rework: build, max: 2 } } }
  end: { needs: [ok, docs], prompt: end }`;

function answerGate(at: World, round: number, says: string): void {
  post(
    at,
    `re: data/channels/${at.run}/gates/ok${round > 1 ? `.r${String(round)}` : ''}/ask.md`,
    says,
  );
}

test('work that was sent back stays in the counts, is paid for, and what is still at work there is closed', () => {
  const at = world(BUILD, ({ step, time }) =>
    step === 'docs' && time === 1 ? null : `${step} ${String(time)}`,
  );
  drive(at);
  expect(openTasks(at).map(({ step }) => step)).toEqual(['docs']);
  answerGate(at, 1, 'no, shorter');
  settle(at);
  expect(subjects(at)).toContain('send back docs');
  at.answer = ({ step, time }) => `${step} ${String(time)}`;
  drive(at);
  expect(describeRun(inputOf(at)).budget).toMatchObject({
    agents: 6,
    usd: expect.closeTo(0.5) as number,
  });
  answerGate(at, 2, 'approve');
  expect(drive(at)).toContain('end 1');
  // Three of the first round, one of them closed; three of the second; the end.
  expect(complete(at)).toMatchObject({
    status: 'succeeded',
    tasks: 7,
    succeeded: 6,
    cancelled: 1,
    usd: 0.6,
  });
  expect(describeRun(inputOf(at)).tasks).toHaveLength(7);
});

test('what follows the work that was sent back is done again, though nothing in its prompt changed', () => {
  const at = world(BUILD, ({ step, time }) => `${step} ${String(time)}`);
  drive(at);
  answerGate(at, 1, 'no');
  drive(at);
  expect(at.asked.filter(({ step }) => step === 'lint')).toHaveLength(2);
  expect(subjects(at)).toContain('fanout lint round 2 (1 task)');
});

test('a limit of agents counts what was asked before a denial', () => {
  const at = world(BUILD.replace('agents: 20', 'agents: 4'), ({ step }) => step);
  drive(at);
  answerGate(at, 1, 'no');
  drive(at);
  expect(at.asked).toHaveLength(4);
  expect(describeRun(inputOf(at)).status).toBe('paused');
});

test('what runs at the end is counted in COMPLETE', () => {
  const at = world('model: opus\nsteps: { a: { prompt: x } }\nfinally: { sweep: { prompt: y } }');
  drive(at);
  expect(complete(at)).toMatchObject({ tasks: 2, usd: 0.2, tokens: 30 });
});

test('a step that used up its own budget is not retried, and says so', () => {
  const yaml = `model: opus
max-parallel: 1
steps:
  a: { each: [1, 2, 3], prompt: "\${{ item }}", budget: { agents: 2 } }
  b: { prompt: waits }`;
  const at = world(yaml, ({ step }) => (step === 'b' ? null : { failed: 'crash' }));
  drive(at);
  expect(subjects(at)).toContain('fail a (budget)');
  const before = at.files.size;
  const path = post(at, 'op: retry');
  settle(at);
  expect(at.files.get(`${path.slice(0, -3)}.re.workflow.md`)).toMatch(
    /failed: true[\s\S]*used up its own budget/,
  );
  expect(at.files.size).toBe(before + 2);
});

test('a run whose marker was removed closes its tasks and ends, and nothing is routed', () => {
  const at = world(
    'model: opus\nsteps: { a: { each: [1, 2], prompt: x }, b: { needs: [a], prompt: y } }',
    () => null,
  );
  drive(at);
  expect(openTasks(at)).toHaveLength(2);
  const input = (): ReturnType<typeof inputOf> => {
    const now = inputOf(at);
    return { ...now, marker: { ...now.marker, isGone: true } };
  };
  settle(at, input);
  expect(openTasks(at)).toEqual([]);
  expect(complete(at)).toMatchObject({ status: 'cancelled', cancelled: 2 });
  expect(at.files.has(at.marker.replace(/\.md$/, '.re.workflow.md'))).toBe(false);
});

const WAITS = (what: string): string =>
  `model: opus\nsteps:\n  a: { prompt: x }\n  w: { needs: [a], wait: ${what} }\n  b: { needs: [w], prompt: "then \${{ steps.w.text }}" }`;

function fork(at: World, head: string): World {
  const marker = at.marker.replace('060000000Z', '090000000Z');
  at.files.set(
    marker,
    `---\nto: workflow\nfrom: maintainer\ntype: workflow\nchild_channel: forked\n${head}\n---\n`,
  );
  return { ...at, marker, run: 'forked', commits: [], asked: [] };
}

test.each(['{ for: 2h }', '{ event: go }', '{ message: { contains: go } }'])(
  'a fork does not wait again for %s',
  (what) => {
    const at = world(WAITS(what), ({ step, body }) => (step === 'b' ? { failed: 'crash' } : body));
    drive(at);
    if (what.includes('event')) post(at, 'op: signal\nevent: go', 'it goes');
    if (what.includes('message')) post(at, 'subject: hi', 'it goes');
    at.nowMs = START_MS + 3 * 3_600_000;
    expect(drive(at)).toContain('failed: true');
    const same = fork(at, `${WAITS(what)}\nfork: { run: ${at.run} }`);
    same.answer = ({ body }) => body.trim();
    expect(drive(same)).toMatch(what.includes('for') ? /then/ : /then .*it goes/);
    expect(subjects(same)).toContain('take over w');
  },
);

test('a fork waits again when it waits for something else, or from that step on', () => {
  const at = world(WAITS('{ event: go }'), ({ step }) =>
    step === 'b' ? { failed: 'crash' } : 'ok',
  );
  drive(at);
  post(at, 'op: signal\nevent: go');
  drive(at);
  for (const head of [
    `${WAITS('{ event: other }')}\nfork: { run: ${at.run} }`,
    `${WAITS('{ event: go }')}\nfork: { run: ${at.run}, from: w }`,
  ]) {
    const files = new Map(at.files);
    const other = fork({ ...at, files }, head);
    other.answer = () => 'ok';
    expect(drive(other)).toBeNull();
    expect(describeRun(inputOf(other)).status).toBe('waiting');
  }
});

test('of many tasks only those within the limit are composed', () => {
  const items = JSON.stringify(Array.from({ length: 200 }, (_, index) => index));
  const at = world(
    `model: opus\nmax-parallel: 3\nsteps:\n  a: { each: ${items}, cache: global, prompt: "\${{ item }}" }`,
    () => null,
  );
  const looked: string[] = [];
  settle(at, (path) => {
    const input = inputOf(at, path);
    return { ...input, lookUp: { ...input.lookUp, cached: (key) => (looked.push(key), null) } };
  });
  expect(openTasks(at)).toHaveLength(3);
  expect(looked).toHaveLength(3);
});
