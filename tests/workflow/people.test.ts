import { expect, test } from 'vitest';
import { readQuestion } from '../../src/workflow/run/ask-file.ts';
import { describeRun } from '../../src/workflow/view/describe.ts';
import {
  complete,
  drive,
  inputOf,
  openTasks,
  post,
  reply,
  settle,
  START_MS,
  subjects,
  world,
} from './drive.ts';

const GATE = (ask: string): string =>
  `model: opus\nsteps:\n  plan: { prompt: plan it }\n  gate:\n    needs: [plan]\n    ask: ${ask}\n  go: { needs: [gate], prompt: "decided \${{ steps.gate.decision }}: \${{ steps.gate.text }}" }`;

test('a gate asks, waits, and is answered by a message', () => {
  const at = world(
    GATE('{ title: "Ship?", approvers: [maintainer] }'),
    ({ step }) => `${step} done`,
  );
  expect(drive(at)).toBeNull();
  const ask = `data/channels/${at.run}/gates/gate/ask.md`;
  expect(at.files.get(ask)).toContain('plan done');
  post(at, `re: ${ask}`, 'Approved, but be quick.');
  expect(drive(at)).toContain('go done');
  expect(subjects(at)).toEqual([
    'open',
    'fanout plan (1 task)',
    'ask gate',
    'decide gate (approve)',
    'fanout go (1 task)',
    'route (succeeded)',
  ]);
  expect(at.asked.at(-1)?.body).toContain('decided approve: ');
});

test.each(['Ship?', '# Ship\u202e it: now?', 'Answer with a message?'])(
  'the page shows what a gate is about, without title and how to answer: %s',
  (title) => {
    const at = world(GATE(`{ title: ${JSON.stringify(title)} }`), ({ step }) => `${step} done`);
    drive(at);
    const question = readQuestion(at.files.get(`data/channels/${at.run}/gates/gate/ask.md`) ?? '');
    expect(question).toMatch(/^#+ plan\n[^]*plan done$/);
  },
);

test('a gate is answered by a file added with plain git, if an approver committed it', () => {
  const at = world(GATE('{ title: "Ship?", approvers: [anna] }'));
  drive(at);
  const file = `data/channels/${at.run}/gates/gate/approve`;
  at.files.set(file, '');
  at.authors.set(file, 'mallory');
  expect(drive(at)).toBeNull();
  at.authors.set(file, 'anna');
  expect(drive(at)).toContain('done');
});

test('a gate that names nobody notifies the asker, and any person may answer', () => {
  const at = world(GATE('{ title: "Ship?" }'));
  drive(at);
  expect(at.files.get(`data/channels/${at.run}/gates/gate/ask.md`)).toContain('to: maintainer');
  const file = `data/channels/${at.run}/gates/gate/approve`;
  at.files.set(file, '');
  at.authors.set(file, 'mallory');
  expect(drive(at)).toContain('done');
});

test('what an agent sends is not an answer of a person, also when its model is known to one host only', () => {
  const at = world(GATE('{ title: "Ship?" }'));
  drive(at);
  const re = `re: data/channels/${at.run}/gates/gate/ask.md`;
  const path = post(at, `${re}\nhops: 1`, 'approve');
  at.files.set(path, at.files.get(path)!.replace('from: maintainer', 'from: helper'));
  expect(drive(at)).toBeNull();
  post(at, re, 'approve');
  expect(drive(at)).toContain('done');
});

test('neither a model nor a stranger can approve, and a quorum counts each person once', () => {
  const at = world(GATE('{ title: "Ship?", approvers: [anna, ben, eve], quorum: 2 }'));
  drive(at);
  const re = `re: data/channels/${at.run}/gates/gate/ask.md`;
  const say = (from: string): void => {
    const path = post(at, re, 'yes');
    at.files.set(path, at.files.get(path)!.replace('from: maintainer', `from: ${from}`));
  };
  for (const from of ['opus', 'maintainer', 'anna', 'anna']) say(from);
  expect(drive(at)).toBeNull();
  const [waits] = describeRun(inputOf(at)).blockedBy;
  expect(waits).toMatchObject({ kind: 'gate', approvers: ['ben', 'eve'], received: 1 });
  say('ben');
  expect(drive(at)).toContain('done');
  const decision = JSON.parse(
    at.files.get(`data/channels/${at.run}/gates/gate/decision.json`)!,
  ) as { by: string[] };
  expect(decision.by).toEqual(['anna', 'ben']);
});

test('a denial fails the gate, skips what follows, or continues, as the plan says', () => {
  const ends = ['fail', 'skip', 'continue'].map((onDeny) => {
    const at = world(GATE(`{ title: "Ship?", on-deny: ${onDeny} }`));
    drive(at);
    post(at, `re: data/channels/${at.run}/gates/gate/ask.md`, 'deny: too early');
    drive(at);
    return [complete(at)?.['status'], at.asked.length];
  });
  expect(ends).toEqual([
    ['failed', 1],
    ['succeeded', 1],
    ['succeeded', 2],
  ]);
});

test('rework sends the work back with what people said, as often as allowed', () => {
  const at = world(
    GATE('{ title: "Ship?", on-deny: { rework: plan, max: 2 } }'),
    ({ step, time }) => `${step} ${time}`,
  );
  drive(at);
  post(at, `re: data/channels/${at.run}/gates/gate/ask.md`, 'no, shorter');
  drive(at);
  expect(at.asked[1]?.body).toMatch(/not accepted[\s\S]*no, shorter/);
  expect(at.files.get(`data/channels/${at.run}/gates/gate.r2/ask.md`)).toContain('plan 2');
  post(at, `re: data/channels/${at.run}/gates/gate.r2/ask.md`, 'no, much shorter');
  drive(at);
  post(at, `re: data/channels/${at.run}/gates/gate.r3/ask.md`, 'no');
  expect(drive(at)).toContain('denied by maintainer');
  expect(at.asked.map(({ step }) => step)).toEqual(['plan', 'plan', 'plan']);
});

test('a choice takes one of its words, an input takes text or JSON that fits', () => {
  const choose = world(GATE('{ title: "Which?", kind: choose, choices: [red, blue] }'));
  drive(choose);
  post(choose, `re: data/channels/${choose.run}/gates/gate/ask.md`, 'green');
  expect(drive(choose)).toBeNull();
  post(choose, `re: data/channels/${choose.run}/gates/gate/ask.md`, 'Blue');
  drive(choose);
  expect(choose.asked.at(-1)?.body).toContain('decided blue');
  const yaml =
    'model: opus\nsteps:\n  gate: { ask: { title: n?, kind: input, schema: { type: object, required: [n], properties: { n: { type: number } } } } }\n  go: { needs: [gate], prompt: "${{ steps.gate.json.n }}" }';
  const input = world(yaml);
  drive(input);
  post(input, `re: data/channels/${input.run}/gates/gate/ask.md`, '{"n": "x"}');
  expect(drive(input)).toBeNull();
  post(input, `re: data/channels/${input.run}/gates/gate/ask.md`, 'It is {"n": 4}');
  drive(input);
  expect(input.asked.at(-1)?.body.trim()).toBe('4');
});

// Of a gate for yes or no, for one of two, and for a text: what an answer decides.
test.each<[string, string | null, string | null, string | null]>([
  ['approve', 'approve', null, 'answer'],
  ['**Approved!**', 'approve', null, 'answer'],
  ['> Ship?\n\nyes', 'approve', null, 'answer'],
  ['> approve\n\nNo.', 'deny', null, 'answer'],
  ['\ud83d\udc4d', 'approve', null, 'answer'],
  ['\u2705 go', 'approve', null, 'answer'],
  ['+1', 'approve', null, 'answer'],
  ['-1', 'deny', null, 'answer'],
  ['\u274c', 'deny', null, 'answer'],
  ['Y', 'approve', null, 'answer'],
  ['I approve', 'approve', null, 'answer'],
  ['\u201cok\u201d', 'approve', null, 'answer'],
  ['- yes, but quick', 'approve', null, 'answer'],
  ['approve?', null, null, 'answer'],
  ['no problem', null, null, 'answer'],
  ['not yet', null, null, 'answer'],
  ['Zu\u0308rich', null, 'Z\u00fcrich', 'answer'],
  ['"the blog", please', null, 'the blog', 'answer'],
  ['The Blog.', null, 'the blog', 'answer'],
  ['the blogs', null, null, 'answer'],
  ['', null, null, null],
])('%j says %j, %j, %j', (body, ...says) => {
  const kinds = ['approve', 'choose, choices: [the blog, Zürich]', 'input'];
  const decided = kinds.map((kind) => {
    const at = world(GATE(`{ title: "Ship?", kind: ${kind} }`));
    drive(at);
    const gate = `data/channels/${at.run}/gates/gate/`;
    post(at, `re: ${gate}ask.md`, body);
    drive(at);
    const [view] = describeRun(inputOf(at)).gates;
    // What does not count is never passed over in silence.
    if (view?.state === 'open') expect(view.answers[0]?.problem).toMatch(/./);
    return view?.decision ?? null;
  });
  expect(decided).toEqual(says);
});

test.each([
  ['approve', '', 'approve'],
  ['Approve.md', 'fine\n', 'approve'],
  ['deny.txt', 'too early\n', 'deny'],
  ['ask.re.ada.md', 'yes\n', 'approve'],
])('a gate is answered by the file %s with %j: %s', (name, text, says) => {
  const at = world(GATE('{ title: "Ship?" }'));
  drive(at);
  const file = `data/channels/${at.run}/gates/gate/${name}`;
  at.files.set(file, text);
  at.authors.set(file, 'ada');
  drive(at);
  expect(describeRun(inputOf(at)).gates[0]?.decision).toBe(says);
});

test('a file "deny" beside a gate with choices is reported, not ignored', () => {
  const at = world(GATE('{ title: "Where?", kind: choose, choices: [a, b] }'));
  drive(at);
  const file = `data/channels/${at.run}/gates/gate/deny`;
  at.files.set(file, '');
  at.authors.set(file, 'ada');
  drive(at);
  expect(describeRun(inputOf(at)).gates[0]?.answers[0]?.problem).toContain('says none of a, b');
});

test('a gate that nobody answers in time goes the way the plan says', () => {
  const at = world(GATE('{ title: "Ship?", timeout-minutes: 30, on-timeout: approve }'));
  drive(at);
  at.nowMs = START_MS + 60 * 60_000;
  expect(drive(at)).toContain('done');
  expect(at.files.get(`data/channels/${at.run}/gates/gate/decision.json`)).not.toContain('07:00');
});

test('waits fire on time, on a message, on an event', () => {
  const timed = world(
    'model: opus\nsteps: { w: { wait: { for: 2h } }, a: { needs: [w], prompt: x } }',
  );
  expect(drive(timed)).toBeNull();
  timed.nowMs += 2 * 3_600_000;
  expect(drive(timed)).toContain('done');
  expect(timed.files.get(`data/channels/${timed.run}/steps/w/one/fired.json`)).toContain(
    '2026-11-21T08:00:00.000Z',
  );
  const message = world(
    'model: opus\nsteps: { w: { wait: { message: { from: maintainer, contains: deployed } } }, a: { needs: [w], prompt: "${{ steps.w.text }}" } }',
  );
  drive(message);
  post(message, 'subject: hi', 'not yet');
  expect(drive(message)).toBeNull();
  post(message, 'subject: hi', 'it is deployed now');
  expect(drive(message)).toContain('done');
  const event = world(
    'model: opus\nsteps: { w: { wait: { event: go } }, a: { needs: [w], prompt: x } }',
  );
  drive(event);
  post(event, 'op: signal\nevent: go');
  expect(drive(event)).toContain('done');
  const until = world(
    'model: opus\nsteps: { w: { wait: { until: "2026-11-21T06:30:00Z" } }, a: { needs: [w], prompt: x } }',
  );
  expect(drive(until)).toBeNull();
  until.nowMs += 31 * 60_000;
  expect(drive(until)).toContain('done');
});

test('pause holds new work, resume lets it go, and each is answered once', () => {
  const at = world(
    'model: opus\nsteps: { a: { prompt: x }, b: { needs: [a], prompt: y } }',
    () => null,
  );
  drive(at);
  const pause = post(at, 'op: pause');
  settle(at);
  expect(at.files.get(`${pause.slice(0, -3)}.re.workflow.md`)).toContain('Paused');
  at.answer = () => 'ok';
  expect(drive(at)).toBeNull();
  expect(at.asked.map(({ step }) => step)).toEqual(['a']);
  post(at, 'op: resume');
  expect(drive(at)).toContain('ok');
});

test('cancel, by message or by file, closes open tasks and still runs finally', () => {
  const yaml =
    'model: opus\nsteps: { a: { prompt: x }, b: { needs: [a], prompt: y } }\nfinally: { clean: { prompt: sweep } }';
  for (const how of ['message', 'file']) {
    const at = world(yaml, ({ step }) => (step === 'clean' ? 'swept' : null));
    drive(at);
    if (how === 'message') post(at, 'op: cancel');
    else at.files.set(`data/channels/${at.run}/CANCEL`, 'changed my mind\n');
    expect(drive(at)).toContain('error: cancelled');
    expect(at.asked.map(({ step }) => step)).toEqual(['clean']);
    expect(complete(at)).toMatchObject({ status: 'cancelled' });
  }
});

test('a run that is over shows nothing as running, however it ended', () => {
  const yaml = `model: opus
fail-fast: true
steps:
  a: { prompt: x }
  g: { each: [1, 2], steps: { in: { prompt: y }, then: { needs: [in], prompt: z } } }
  ok: { ask: { title: Ship? } }
  w: { wait: { for: 2h } }
  last: { needs: [a, ok, w], prompt: v }`;
  for (const how of ['cancel', 'fail', 'by hand']) {
    const at = world(yaml, ({ step }) =>
      how === 'fail' && step === 'a' ? { failed: 'model' } : null,
    );
    drive(at);
    if (how === 'cancel') post(at, 'op: cancel');
    if (how === 'by hand')
      at.files.set(
        `${at.marker.slice(0, -3)}.re.workflow.md`,
        '---\nto: maintainer\nfrom: maintainer\n---\nEnough.\n',
      );
    drive(at);
    const view = describeRun(inputOf(at));
    expect(['cancelled', 'failed', 'succeeded'], how).toContain(view.status);
    for (const step of view.steps) {
      expect(['failed', 'cancelled', 'skipped'], `${how} ${step.id}`).toContain(step.status);
      expect(step.awaits).toBeNull();
    }
    expect(view.gates.map(({ state }) => state)).not.toContain('open');
  }
});

test('a retry of more than fits keeps to max-parallel', () => {
  let isMended = false;
  const at = world(
    'max-parallel: 2\nsteps:\n  a: { each: [1, 2, 3, 4, 5], prompt: "${{ item }}", model: opus }\n  hold: { ask: { title: wait } }',
    () => (isMended ? 'ok' : { failed: 'model' }),
  );
  drive(at);
  isMended = true;
  post(at, 'op: retry');
  drive(at, () => expect(openTasks(at).length).toBeLessThanOrEqual(2));
  expect(at.asked).toHaveLength(10);
});

test('retry runs again exactly what failed', () => {
  const at = world(
    'model: opus\nmax-parallel: 9\nsteps:\n  a: { each: [1, 2, 3], prompt: "${{ item }}" }\n  hold: { ask: { title: wait } }\n  b: { needs: [a], prompt: y }',
    ({ key, time }) => (key.startsWith('2') && time < 3 ? { failed: 'crash' } : 'ok'),
  );
  drive(at);
  expect(at.asked).toHaveLength(3);
  post(at, 'op: retry\nstep: a');
  drive(at);
  expect(at.asked.map(({ step }) => step)).toEqual(['a', 'a', 'a', 'a', 'b']);
  post(at, 'op: retry');
  settle(at);
  expect(subjects(at).at(-1)).toBe('retry (refused)');
});

test('an unknown operation, and one from a model, is refused with a reason', () => {
  const at = world('model: opus\nsteps: { a: { prompt: x } }', () => null);
  drive(at);
  const wrong = post(at, 'op: paus');
  const model = post(at, 'op: cancel');
  at.files.set(model, at.files.get(model)!.replace('from: maintainer', 'from: gpt'));
  settle(at);
  expect(at.files.get(`${wrong.slice(0, -3)}.re.workflow.md`)).toContain('did you mean "pause"?');
  expect(at.files.get(`${model.slice(0, -3)}.re.workflow.md`)).toContain(
    'only people control runs',
  );
  expect(openTasks(at)).toHaveLength(1);
});

test.each([
  ['pause', 0.2, null],
  ['fail', 0.2, 'failed'],
  ['finish', 0.2, 'degraded'],
  // In binary fractions eight times 0.1 is less than 0.8.
  ['fail', 0.8, 'failed'],
])('a budget that is used up: %s at %d', (onExceed, usd, status) => {
  const at = world(
    `model: opus\nmax-parallel: 1\nbudget: { usd: ${usd}, on-exceed: ${onExceed} }\nsteps:\n  a: { each: [1,2,3,4,5,6,7,8,9], prompt: "\${{ item }}" }`,
    () => 'ok',
  );
  drive(at);
  expect(complete(at)?.['status'] ?? null).toBe(status);
  expect(at.asked).toHaveLength(usd * 10);
  expect(subjects(at).some((name) => name.startsWith(`budget hold (usd ${usd})`))).toBe(true);
});

test.each([
  ['fail', null],
  ['kill', 'failed'],
])('minutes that are over while an agent is at work: %s', (onExceed, status) => {
  const at = world(
    `model: opus\nbudget: { minutes: 5, on-exceed: ${onExceed} }\nsteps:\n  a: { prompt: x }`,
    () => null,
  );
  drive(at);
  expect(openTasks(at)).toHaveLength(1);
  at.nowMs += 6 * 60_000;
  drive(at);
  expect(complete(at)?.['status'] ?? null).toBe(status);
  expect(openTasks(at)).toHaveLength(status === null ? 1 : 0);
});

test('minutes do not run while an agent waits to be allowed something', () => {
  const at = world(
    'model: opus\nbudget: { minutes: 5, on-exceed: kill }\nsteps:\n  a: { prompt: x }',
    () => null,
  );
  drive(at);
  const iso = (afterMinutes: number): string =>
    new Date(at.nowMs + afterMinutes * 60_000).toISOString();
  const ask = (name: string, from: string): string => {
    const path = `data/channels/${at.run}/2026/11/21/${name}.md`;
    const times = `timestamp: ${iso(0)}\nasks_until: ${iso(30)}`;
    const head = `to: ada\nre: ${openTasks(at)[0]?.path ?? ''}\nasks: permission\n${times}\n`;
    at.files.set(path, `---\n${head}${from}---\nMay I?\n`);
    return path;
  };
  const question = ask('asks', '');
  at.nowMs += 20 * 60_000;
  drive(at);
  const answer = question.replace(/\.md$/, '.re.ada.md');
  at.files.set(answer, `---\nto: opus\ntimestamp: ${iso(0)}\n---\napprove`);
  // What a person writes in the name of an agent stops no clock.
  ask('forged', 'from: mallory\n');
  at.nowMs += 4 * 60_000;
  drive(at);
  expect(complete(at)).toBeNull();
  at.nowMs += 60_000;
  drive(at);
  expect(complete(at)?.['status']).toBe('failed');
});

test('agents that are at work do not end because no more may start: kill', () => {
  const at = world(
    'model: opus\nbudget: { agents: 1, on-exceed: kill }\nsteps:\n  a: { prompt: x }\n  b: { needs: [a], prompt: y }',
    () => null,
  );
  drive(at);
  expect(openTasks(at)).toHaveLength(1);
  at.answer = () => 'ok';
  drive(at);
  expect(complete(at)?.['status']).toBe('failed');
  expect(at.asked).toHaveLength(1);
});

test('a raised budget lets a held run continue', () => {
  const at = world(
    'model: opus\nbudget: { agents: 2 }\nsteps:\n  a: { each: [1,2,3,4,5], prompt: "${{ item }}" }',
    () => 'ok',
  );
  expect(drive(at)).toBeNull();
  expect(at.asked).toHaveLength(2);
  const odd = ['agents: -1', 'agents: 9\nusd: 5 USD', 'usd: .inf', 'minutes: .nan', 'tokens: "9"'];
  const refused = odd.map((keys) => post(at, `op: budget\n${keys}`));
  expect(drive(at)).toBeNull();
  expect(at.asked).toHaveLength(2);
  for (const path of refused)
    expect(at.files.get(path.replace(/md$/, 're.workflow.md'))).toMatch(
      /refused\n---\n.* a number/,
    );
  post(at, 'op: budget\nagents: 4');
  expect(drive(at)).toBeNull();
  expect(at.asked).toHaveLength(4);
  post(at, 'op: budget\nagents: 9');
  expect(drive(at)).toContain('ok');
});

test.each([
  'usd: 0',
  'usd: 0.01',
  'tokens: 0',
  'tokens: 7',
  'agents: 0',
  'agents: 1',
  'minutes: 0',
  'minutes: 7',
])('the limit that is named as a remedy lets the run continue: %s', (limit) => {
  const at = world(
    `model: opus\nbudget: { ${limit} }\nsteps: { a: { prompt: x }, b: { needs: [a], prompt: y } }`,
    () => 'ok',
  );
  if (limit.startsWith('minutes')) at.nowMs += 9 * 60_000;
  expect(drive(at)).toBeNull();
  for (let raised = 0; raised < 2 && complete(at) === null; raised += 1) {
    const [held] = describeRun(inputOf(at)).blockedBy;
    expect(held?.kind).toBe('run-budget');
    if (held?.kind === 'run-budget') post(at, `op: budget\n${held.limit}: ${held.raised}`);
    drive(at);
  }
  expect(complete(at)?.['status']).toBe('succeeded');
});

test('an amendment changes what has not started, and is refused as unsafe for what has', () => {
  const at = world(
    'model: opus\nsteps:\n  a: { prompt: x }\n  b: { needs: [a], prompt: old }',
    () => null,
  );
  drive(at);
  const safe = post(
    at,
    'op: amend',
    '```yaml\nsteps:\n  a: { prompt: x }\n  b: { needs: [a], prompt: new }\n  c: { needs: [b], prompt: more }\n```',
  );
  const unsafe = post(at, 'op: amend', '```yaml\nsteps:\n  a: { prompt: other }\n```');
  const broken = post(at, 'op: amend', '```yaml\nsteps:\n  a: { promt: other }\n```');
  settle(at);
  const said = (path: string): string => at.files.get(`${path.slice(0, -3)}.re.workflow.md`) ?? '';
  expect(said(safe)).toContain('Amended.');
  expect(said(unsafe)).toContain('unsafe: "a" started already');
  expect(said(broken)).toContain('unsafe: unknown key "promt"');
  at.answer = () => 'ok';
  drive(at);
  expect(at.asked.map(({ body }) => body.trim())).toEqual(['x', 'new', 'more']);
});

test('an amendment before there is a plan is refused: two plans would be in force', () => {
  const at = world(
    '---\nto: workflow\nfrom: maintainer\ntype: workflow\ncompile: { model: opus }\n---\nDo it.\n',
    () => null,
  );
  drive(at);
  const early = post(at, 'op: amend', '```yaml\nsteps:\n  a: { prompt: x, model: opus }\n```');
  settle(at);
  expect(at.files.get(`${early.slice(0, -3)}.re.workflow.md`)).toContain('there is no plan yet');
  expect(
    [...at.files.keys()].filter((path) => path.includes('/steps/') || path.endsWith('.yaml')),
  ).toEqual([]);
});

test('a run that follows its saved workflow takes over safe changes once', () => {
  const at = world('uses: it\nfollow: true', () => null);
  const text = (b: string): string =>
    `---\nmodel: opus\nfollow: true\nsteps:\n  a: { prompt: x }\n  b: { needs: [a], prompt: ${b} }\n---\n`;
  at.saved.set('it', text('old'));
  drive(at);
  at.saved.set('it', text('new'));
  settle(at);
  at.saved.set('it', text('new').replace('prompt: x', 'prompt: changed'));
  settle(at);
  expect(subjects(at)).toEqual(['open', 'fanout a (1 task)', 'follow it', 'follow it (unsafe)']);
  const told = () => describeRun(inputOf(at)).blockedBy;
  expect(told()).toMatchObject([
    { kind: 'follow-unsafe', workflow: 'it', problem: expect.stringContaining('"a"') as string },
  ]);
  at.saved.set('it', text('new'));
  settle(at);
  expect(told()).toEqual([]);
  at.answer = () => 'ok';
  drive(at);
  expect(at.asked.map(({ body }) => body.trim())).toEqual(['x', 'new']);
});

test('a marker that somebody answers by hand ends its run', () => {
  const at = world('model: opus\nsteps: { a: { prompt: x } }', () => null);
  drive(at);
  at.files.set(`${at.marker.slice(0, -3)}.re.workflow.md`, 'never mind\n');
  settle(at);
  expect(complete(at)).toMatchObject({ status: 'cancelled' });
  expect(openTasks(at)).toEqual([]);
});

test('a late answer to a closed task is ignored', () => {
  const at = world('model: opus\nsteps: { a: { prompt: x } }', () => null);
  drive(at);
  const [task] = openTasks(at);
  post(at, 'op: cancel');
  settle(at);
  reply(at, task!, 'too late');
  settle(at);
  expect(complete(at)).toMatchObject({ status: 'cancelled' });
});

test('a budget of minutes holds new work once they are over', () => {
  const at = world(
    'model: opus\nbudget: { minutes: 30 }\nsteps: { a: { prompt: x }, b: { needs: [a], prompt: y } }',
    ({ step }) => (step === 'a' ? null : 'ok'),
  );
  drive(at);
  at.nowMs += 31 * 60_000;
  at.answer = () => 'ok';
  expect(drive(at)).toBeNull();
  expect(subjects(at).at(-1)).toBe('budget hold (minutes 30)');
  post(at, 'op: budget\nminutes: 90');
  expect(drive(at)).toContain('ok');
});

test('a budget of tokens counts what replies report and what open tasks are likely to use', () => {
  const at = world(
    'model: opus\nmax-parallel: 9\nbudget: { tokens: 40 }\nsteps: { a: { prompt: x }, b: { needs: [a], each: [1, 2, 3, 4], prompt: y } }',
    ({ step }) => (step === 'a' ? 'ok' : null),
  );
  drive(at);
  // 15 are used and each open task is taken for 15 more: with one open, 30; with two, 45.
  expect(openTasks(at)).toHaveLength(2);
  expect(subjects(at).some((name) => name.startsWith('budget'))).toBe(false);
  at.answer = () => 'ok';
  drive(at);
  expect(subjects(at).at(-1)).toBe('budget hold (tokens 40)');
});
