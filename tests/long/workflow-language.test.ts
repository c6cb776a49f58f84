/**
 * The language of workflows on two real hosts with real agent processes: one fleet, many runs at a
 * time.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeMessage } from '../../src/protocol/message.ts';
import { type Host } from '../support/fleet.ts';
import {
  GENERAL,
  mostOpen,
  startWorkflowFleet,
  type WorkflowFleet,
} from '../support/workflow-fleet.ts';
import { fixIs } from '../support/fix.ts';

let fleet: WorkflowFleet;
let hosts: readonly Host[];
beforeAll(async () => {
  fleet = await startWorkflowFleet({
    opus: null,
    gpt: null,
    gemini: null,
    // Not signed in: exit status 77.
    locked: 'process.exit(77);',
    planner: `console.log(prompt.includes('Make a workflow plan') ? '{"steps":{"only":{"model":"gpt","prompt":"SAY planned by the second"}}}' : 'SAY no');`,
  });
  fleet.say({
    'data/schemas/tickets.json': JSON.stringify({
      type: 'object',
      required: ['tickets'],
      properties: {
        tickets: {
          type: 'array',
          items: { type: 'object', required: ['id'], properties: { id: { type: 'string' } } },
        },
      },
    }),
    'data/workflows/child.md':
      '---\nname: child\ninputs: { what: { type: string, required: true } }\nmodel: opus\nsteps:\n  work: { prompt: "SAY child made ${{ inputs.what }}" }\n---\n',
  });
  hosts = ['a', 'b'].map((alias) => fleet.start(alias, ['--concurrency', '8']));
});
afterAll(() => fleet.close());

const gateOf = (run: string, gate: string): Readonly<Record<string, unknown>> =>
  JSON.parse(fleet.read(`data/channels/${run}/gates/${gate}/decision.json`)) as Record<
    string,
    unknown
  >;
const status = async (run: string): Promise<unknown> =>
  (await fleet.json('workflow', 'show', run)).data['status'];
const letter = (from: string, re: string, body: string): string =>
  `---\nto: workflow\nfrom: ${from}\nre: ${re}\n---\n${body}\n`;
const repliesIn = (run: string): readonly string[] =>
  fleet.files(`data/channels/${run}/steps`).filter((path) => path.includes('.re.'));

describe.concurrent('who is asked, and how often', () => {
  it('cache: run takes an equal answer of the same run, cache: global of any run', async () => {
    fleet.open(
      'cached',
      'model: opus\nsteps:\n  one: { cache: run, prompt: "SAY the same" }\n  two: { needs: [one], cache: run, prompt: "SAY the same" }\n  three: { needs: [two], prompt: "SAY the same" }\noutput: "${{ steps.one.text }} ${{ steps.two.text }}"',
    );
    expect(await fleet.routed('cached')).toContain('the same the same');
    expect(fleet.startsIn('cached').map((line) => /steps\/(\w+)\//.exec(line)?.[1])).toEqual([
      'one',
      'three',
    ]);
    fleet.open(
      'cached-elsewhere',
      'model: opus\nsteps:\n  one: { cache: global, prompt: "SAY the same" }',
    );
    expect(await fleet.routed('cached-elsewhere')).toContain('the same');
    expect(fleet.startsIn('cached-elsewhere')).toEqual([]);
    expect(fleet.read('data/channels/cached-elsewhere/steps/one/one/task.re.opus.md')).toMatch(
      /^reused: .*data\/channels\/cached/m,
    );
  });

  it('uses runs saved workflows as runs of their own, one for each item, with its inputs', async () => {
    fleet.open(
      'parent',
      'model: opus\nsteps:\n  each: { each: [{ id: x }, { id: y }], uses: child, with: { what: "${{ item.id }}" } }\n  end: { needs: [each], prompt: "SAY got ${{ len(steps.each.list) }}" }\noutput: "${{ steps.each.text }} ${{ steps.end.text }}"',
    );
    const reply = await fleet.routed('parent');
    for (const text of ['child made x', 'child made y', 'got 2', 'status: succeeded'])
      expect(reply).toContain(text);
    const children = fleet
      .files('data/channels')
      .filter((path) => /^child-[0-9a-f]+\/COMPLETE$/.test(path));
    expect(children).toHaveLength(2);
  });

  it('retry repeats the classes named, after its delay, and no others', async () => {
    fleet.open(
      'retried',
      'model: opus\nsteps:\n  flaky: { prompt: "FLAKY 2\\nSAY third time", retry: { max: 3, delay: 1s, factor: 3, max-delay: 2s, on: [crash] } }\n  other: { prompt: "EXIT 3", retry: { max: 3, delay: 1s, on: [idle] }, continue-on-error: true }',
    );
    expect(await fleet.routed('retried')).toContain('degraded');
    expect(fleet.read('data/channels/retried/steps/flaky/one/task.3.re.opus.md')).toContain(
      'third time',
    );
    expect(fleet.startsIn('retried').filter((line) => line.includes('/flaky/'))).toHaveLength(3);
    expect(fleet.startsIn('retried').filter((line) => line.includes('/other/'))).toHaveLength(1);
    expect(
      fleet.transitions('retried').filter((subject) => subject === 'retry flaky'),
    ).toHaveLength(2);
    // The task is not added before its time: 1 s after the first failure, then min(3 s, 2 s).
    for (const [n, delayMs] of [
      [1, 1_000],
      [2, 2_000],
    ] as const) {
      const folder = 'data/channels/retried/steps/flaky/one';
      const reply = decodeMessage(
        Buffer.from(fleet.read(`${folder}/task${n === 1 ? '' : `.${n}`}.re.opus.md`)),
      );
      const failedMs = reply.kind === 'message' ? (reply.message.fields.timestampMs ?? 0) : 0;
      const added = fleet
        .git('log', '--diff-filter=A', '--format=%aI', '--', `${folder}/task.${n + 1}.md`)
        .trim();
      // Commits have whole seconds.
      expect(Date.parse(added) + 999).toBeGreaterThanOrEqual(failedMs + delayMs);
    }
  });

  it('a model that is not signed in is left for the next of the list at once, also when it rests already', async () => {
    fleet.open(
      'fallback',
      'steps:\n  a: { model: [locked, gpt], prompt: "SAY first" }\n  b: { needs: [a], model: [locked, gpt], prompt: "SAY second" }',
    );
    const reply = await fleet.routed('fallback');
    expect(reply).toContain('second');
    expect(
      fleet.transitions('fallback').filter((subject) => subject.startsWith('fallback')),
    ).toEqual(['fallback a', 'fallback b']);
    expect(fleet.read('data/channels/fallback/steps/a/one/task.re.locked.md')).toContain(
      'error: auth',
    );
  });

  it('compile goes through its list of models', async () => {
    fleet.open('compiled', 'compile: { model: [locked, planner] }', 'Do something.');
    expect(await fleet.routed('compiled')).toContain('planned by the second');
    expect(fleet.transitions('compiled')).toContain('fallback plan');
    expect(fleet.read('data/channels/compiled/PLAN.yaml')).toContain('only:');
  });

  it('a schema is read from data/schemas, and what does not fit is asked again', async () => {
    fleet.open(
      'schemed',
      'model: opus\nsteps:\n  plan: { schema: schemas/tickets.json, prompt: "FLAKY 0\\nSAY {\\"tickets\\": 7}", reask: 1, continue-on-error: true }\n  good: { schema: schemas/tickets.json, prompt: "SAY {\\"tickets\\": [{\\"id\\": \\"t1\\"}]}" }\n  each: { needs: [good], each: "${{ steps.good.json.tickets }}", prompt: "SAY did ${{ item.id }}" }\noutput: "${{ steps.each.text }}"',
    );
    expect(await fleet.routed('schemed')).toContain('did t1');
    expect(fleet.read('data/channels/schemed/steps/plan/one/task.2.md')).toContain(
      '$.tickets: expected',
    );
    expect(fleet.read('data/channels/schemed/PLAN.yaml')).toContain('required:');
  });

  it('a dry run goes through every step and starts no agent', async () => {
    const file = join(fleet.place, 'dry.md');
    writeFileSync(
      file,
      '---\nname: dry\nmodel: opus\nsteps:\n  a: { prompt: "SAY hi" }\n  b: { needs: [a], count: 2, join: { model: gpt }, prompt: x }\n---\n',
    );
    const { code, data } = await fleet.json('workflow', 'run', file, '--dry-run', '--wait', '60');
    expect(code).toBe(0);
    expect(JSON.stringify(data)).toContain('dry run: gpt would be asked');
    expect(fleet.startsIn(String(data['run']))).toEqual([]);
  });
});

describe.concurrent('many answers become one', () => {
  it('join: first closes the others, vote takes the most frequent, best the highest', async () => {
    const schema = '{ type: object, required: [v], properties: { v: { type: number } } }';
    fleet.open(
      'joined',
      `steps:
  first: { models: [opus, gpt], join: first, prompt: "SAY quick" }
  slow: { models: [opus, gpt], join: first, prompt: "HOLD never-\${{ run.id }}\\nSAY late" , if: "\${{ false }}" }
  vote: { model: opus, count: 3, schema: ${schema}, prompt: "SAY {\\"v\\": 4}", join: { vote: v, min: 2 } }
  best: { models: [opus, gpt, gemini], schema: ${schema}, prompt: "SAY {\\"v\\": 9}", join: { best: v } }
output: "\${{ steps.first.text }}, \${{ steps.vote.json.v }}, \${{ steps.best.json.v }}"`,
    );
    expect(await fleet.routed('joined')).toContain('quick, 4, 9');
    const winner = JSON.parse(
      fleet.read('data/channels/joined/steps/first/join/decision.json'),
    ) as { winner: string };
    expect(['opus', 'gpt']).toContain(winner.winner);
  });

  it('a first answer ends the agents that are still at work', async () => {
    fleet.open(
      'raced',
      'steps:\n  race: { models: [opus, planner], join: first, prompt: "HOLD for-ever" }\noutput: "${{ steps.race.text }}"',
    );
    // planner answers at once, opus waits for something that never comes.
    expect(await fleet.routed('raced')).toContain('SAY no');
    expect(fleet.read('data/channels/raced/steps/race/opus/task.re.opus.md')).toContain(
      'planner answered first',
    );
    await fleet.untilPulled(
      () => fleet.git('ls-remote', fleet.remote, 'refs/crosstalk/claims/*').split('\n').length >= 1,
    );
  });

  it('max-parallel of the run and of a step hold at every commit, whichever host adds the tasks', async () => {
    const items = Array.from({ length: 12 }, (_, index) => `{ id: n${index} }`).join(', ');
    fleet.open(
      'capped',
      `model: opus\nmax-parallel: 4\nsteps:\n  wide: { each: [${items}], prompt: "SAY w" }\n  narrow: { each: [${items}], max-parallel: 2, prompt: "SAY n" }`,
    );
    expect(await fleet.routed('capped')).toContain('status: succeeded');
    expect(repliesIn('capped')).toHaveLength(24);
    expect(mostOpen(fleet, 'data/channels/capped/steps/')).toBe(4);
    expect(mostOpen(fleet, 'data/channels/capped/steps/narrow/')).toBe(2);
    const authors = fleet
      .git('log', '--format=%cn', '--', 'data/channels/capped')
      .trim()
      .split('\n');
    expect(new Set(authors).size).toBeGreaterThan(1);
  });
});

describe.concurrent('people', () => {
  it('a gate that nobody answers goes the way of on-timeout; one that waits is answered later', async () => {
    const gate = (onTimeout: string): string =>
      `ask: { title: "${onTimeout}?", timeout-minutes: 0.02, on-timeout: ${onTimeout}, on-deny: continue }`;
    fleet.open(
      'late',
      `model: opus\nsteps:\n  fails: { ${gate('fail')}, continue-on-error: true }\n  denies: { ${gate('deny')} }\n  approves: { ${gate('approve')} }\n  waits: { ${gate('wait')} }\n  end: { needs: [fails, denies, approves, waits], prompt: "SAY \${{ steps.fails.failed }} \${{ steps.denies.decision }} \${{ steps.approves.decision }} \${{ steps.waits.decision }}" }`,
    );
    await fleet.untilPulled(() =>
      ['fails', 'denies', 'approves'].every((id) =>
        fleet.stands(`data/channels/late/gates/${id}/decision.json`),
      ),
    );
    expect(gateOf('late', 'fails')).toMatchObject({ decision: 'timeout', by: [] });
    expect(fleet.stands('data/channels/late/gates/waits/decision.json')).toBe(false);
    expect(
      (await fleet.json('workflow', 'approve', 'late', 'waits', '--from', 'maintainer')).data,
    ).toMatchObject({
      ok: true,
      gate: 'waits',
    });
    expect(await fleet.routed('late')).toContain('true deny approve approve');
  });

  it('a quorum counts different people, and only those that are asked', async () => {
    fleet.open(
      'quorum',
      'model: opus\nsteps:\n  ok: { ask: { title: "Ship?", approvers: [anna, ben, eve], quorum: 2 } }\n  go: { needs: [ok], prompt: "SAY gone" }',
    );
    const ask = 'data/channels/quorum/gates/ok/ask.md';
    await fleet.untilPulled(() => fleet.stands(ask));
    const sayAs = (name: string, files: Readonly<Record<string, string>>): void => {
      fleet.git('config', 'user.name', name);
      fleet.git('config', 'user.email', `${name}@example.org`);
      fleet.say(files);
    };
    sayAs('anna', {
      'data/channels/quorum/1.md': letter('anna', ask, 'yes'),
      'data/channels/quorum/2.md': letter('ben', ask, 'yes, really'),
    });
    sayAs('mallory', { 'data/channels/quorum/3.md': letter('eve', ask, 'yes') });
    await fleet.untilPulled(() => true);
    expect((await fleet.json('workflow', 'why', 'quorum')).data).toMatchObject({
      status: 'waiting-human',
      blocked_by: [{ kind: 'gate', says: expect.stringContaining('(1 of 2)') as string }],
    });
    sayAs('eve', { 'data/channels/quorum/4.md': letter('eve', ask, 'approve') });
    expect(await fleet.routed('quorum')).toContain('gone');
    expect(gateOf('quorum', 'ok')).toMatchObject({ decision: 'approve', by: ['anna', 'eve'] });
    fleet.git('config', '--unset', 'user.name');
    fleet.git('config', '--unset', 'user.email');
  });

  it('a denial skips what follows, continues, or sends the work back with what was said', async () => {
    const ask = (onDeny: string): string =>
      `ask: { title: "Good?", approvers: [maintainer], on-deny: ${onDeny} }`;
    fleet.open(
      'skips',
      `model: opus\nsteps:\n  ok: { ${ask('skip')} }\n  go: { needs: [ok], prompt: "SAY gone" }`,
    );
    fleet.open(
      'goes-on',
      `model: opus\nsteps:\n  ok: { ${ask('continue')} }\n  go: { needs: [ok], prompt: "SAY it was \${{ steps.ok.decision }}" }`,
    );
    fleet.open(
      'reworks',
      `model: opus\nsteps:\n  draft: { prompt: "SAY a draft" }\n  ok: { needs: [draft], ${ask('{ rework: draft, max: 2 }')} }\n  go: { needs: [ok], prompt: "SAY published" }`,
    );
    for (const run of ['skips', 'goes-on', 'reworks']) {
      await fleet.untilPulled(() => fleet.stands(`data/channels/${run}/gates/ok/ask.md`));
      const denied = await fleet.json(
        'workflow',
        'deny',
        run,
        'ok',
        '-m',
        'shorter, please',
        '--from',
        'maintainer',
      );
      expect(denied).toMatchObject({ code: 0, data: { ok: true, decision: 'deny' } });
    }
    expect(await fleet.routed('goes-on')).toContain('it was deny');
    await fleet.routed('skips');
    expect(fleet.startsIn('skips')).toEqual([]);
    await fleet.untilPulled(() => fleet.stands('data/channels/reworks/gates/ok.r2/ask.md'));
    expect(fleet.read('data/channels/reworks/steps/draft/r2-one/task.md')).toContain(
      'shorter, please',
    );
    expect((await fleet.json('workflow', 'approve', 'reworks', '--from', 'maintainer')).code).toBe(
      0,
    );
    expect(await fleet.routed('reworks')).toContain('published');
  });

  it('wait ends after a time, at a time, with a message, with an event', async () => {
    const until = new Date(Date.now() + 2_000).toISOString();
    fleet.open(
      'waits',
      `model: opus\nsteps:\n  a: { wait: { for: 1s } }\n  b: { wait: { until: "${until}" } }\n  c: { wait: { message: { from: maintainer, contains: deployed } } }\n  d: { wait: { event: tagged } }\n  end: { needs: [a, b, c, d], prompt: "SAY all over: \${{ steps.c.text }}" }`,
    );
    await fleet.untilPulled(() =>
      ['a', 'b'].every((id) => fleet.stands(`data/channels/waits/steps/${id}/one/fired.json`)),
    );
    expect(JSON.parse(fleet.read('data/channels/waits/steps/b/one/fired.json'))).toMatchObject({
      timestamp: until,
    });
    expect(await status('waits')).toBe('waiting');
    const why = (await fleet.json('workflow', 'why', 'waits')).data;
    expect(why).toMatchObject({
      blocked_by: [
        {
          kind: 'event',
          fix: fixIs(/ workflow signal waits tagged$/),
        },
        { kind: 'step-waits', fix: null },
      ],
    });
    fleet.say({
      'data/channels/waits/note.md': letter('maintainer', `${GENERAL}/waits.md`, 'it is deployed'),
    });
    expect(
      (await fleet.json('workflow', 'signal', 'waits', 'tagged', '--from', 'maintainer')).data,
    ).toMatchObject({
      ok: true,
      op: 'signal',
    });
    expect(await fleet.routed('waits')).toContain('it is deployed');
  });
});

describe.concurrent('runs beside each other', () => {
  const held = (group: string, name: string): string =>
    `model: opus\nconcurrency: ${group}\nsteps: { a: { prompt: "HOLD ${name}\\nSAY ${name}" } }`;
  const isOpen = (run: string): Promise<void> =>
    fleet.untilPulled(() => fleet.stands(`data/channels/${run}/steps/a/one/task.md`));
  const isPlanned = (run: string): Promise<void> =>
    fleet.untilPulled(() => fleet.stands(`data/channels/${run}/PLAN.yaml`));

  it('a full group queues, as many as max-queue, and drops the rest', async () => {
    const group = '{ group: queueing, max: 1, overflow: queue, max-queue: 1 }';
    fleet.open('queue-1', held(group, 'q1'));
    await isOpen('queue-1');
    fleet.open('queue-2', held(group, 'q2'));
    await isPlanned('queue-2');
    expect(await status('queue-2')).toBe('queued');
    fleet.open('queue-3', held(group, 'q3'));
    expect(await fleet.routed('queue-3')).toContain('the concurrency group "queueing" is full');
    expect(JSON.stringify((await fleet.json('workflow', 'why', 'queue-2')).data)).toContain(
      'it waits for queue-1 to end',
    );
    expect(fleet.startsIn('queue-2')).toEqual([]);
    fleet.release('q1');
    await isOpen('queue-2');
    expect(fleet.stands('data/channels/queue-1/COMPLETE')).toBe(true);
    fleet.release('q2');
    expect(await fleet.routed('queue-2')).toContain('q2');
  });

  it('drop turns a second run away, cancel-oldest ends the first', async () => {
    fleet.open('drop-1', held('{ group: dropping, overflow: drop }', 'd1'));
    fleet.open('old-1', held('{ group: replacing, overflow: cancel-oldest }', 'o1'));
    await isOpen('drop-1');
    await isOpen('old-1');
    fleet.open('drop-2', held('{ group: dropping, overflow: drop }', 'd2'));
    fleet.open('old-2', held('{ group: replacing, overflow: cancel-oldest }', 'o2'));
    expect(await fleet.routed('drop-2')).toContain('status: dropped');
    expect(await fleet.routed('old-1')).toContain('replaced by old-2');
    for (const name of ['d1', 'o2']) fleet.release(name);
    expect(await fleet.routed('drop-1')).toContain('status: succeeded');
    expect(await fleet.routed('old-2')).toContain('o2');
    expect(fleet.startsIn('drop-2')).toEqual([]);
  });

  it('amend changes what has not started and refuses the rest; follow does the same when the saved file changes', async () => {
    const plan = (a: string, b: string): string =>
      `name: followed\nfollow: true\nmodel: opus\nsteps:\n  a: { prompt: "HOLD follow\\nSAY ${a}" }\n  b: { needs: [a], prompt: "SAY ${b}" }\n  c: { needs: [b], prompt: "SAY end" }\noutput: "\${{ steps.a.text }} \${{ steps.b.text }} \${{ steps.c.text }}"`;
    const saved = (a: string, b: string): Readonly<Record<string, string>> => ({
      'data/workflows/followed.md': `---\n${plan(a, b)}\n---\n`,
    });
    fleet.say(saved('one', 'two'));
    fleet.open('follower', 'uses: followed');
    fleet.open(
      'amended',
      plan('one', 'two').replace('name: followed\nfollow: true\n', 'name: amended\n'),
    );
    await isOpen('follower');
    await isOpen('amended');
    fleet.say(saved('one', 'three'));
    await fleet.untilPulled(() => fleet.stands('data/channels/follower/plan/2.yaml'));
    fleet.say(saved('other', 'four'));
    await fleet.untilPulled(() =>
      fleet.transitions('follower').includes('follow followed (unsafe)'),
    );
    const notes = fleet
      .files('data/channels/follower/plan')
      .filter((path) => path.startsWith('follow-'));
    expect(
      notes.map((path) => fleet.read(`data/channels/follower/plan/${path}`)).join(''),
    ).toContain('\\"a\\" started already');
    const file = join(fleet.place, 'amended.md');
    const amend = async (a: string, b: string) => {
      writeFileSync(
        file,
        `---\n${plan(a, b).replace('name: followed\nfollow: true\n', 'name: amended\n')}\n---\n`,
      );
      return fleet.json('workflow', 'amend', 'amended', file, '--from', 'maintainer');
    };
    expect(await amend('other', 'two')).toMatchObject({
      code: 1,
      data: {
        ok: false,
        answer: expect.stringMatching(/^unsafe: "a".*started already$/) as string,
      },
    });
    expect(await amend('one', 'five')).toMatchObject({
      code: 0,
      data: { ok: true, answer: 'Amended.' },
    });
    fleet.release('follow');
    expect(await fleet.routed('follower')).toContain('one three end');
    expect(await fleet.routed('amended')).toContain('one five end');
  });
});

describe.concurrent('once more', () => {
  const GATED =
    'name: gated\nmodel: opus\nsteps:\n  draft: { prompt: "SAY draft" }\n  ok: { needs: [draft], ask: { title: "Good?", approvers: [maintainer], on-deny: { rework: draft, max: 2 } } }\n  build: { needs: [ok], prompt: "NEEDS tools\\nSAY built" }\n  end: { needs: [build], prompt: "SAY end" }';

  it('retry takes over the decisions of people with the answers that they saw: nobody is asked again', async () => {
    fleet.open('origin', GATED);
    await fleet.untilPulled(() => fleet.stands('data/channels/origin/gates/ok/ask.md'));
    expect(
      (
        await fleet.person(
          'workflow',
          'deny',
          'origin',
          'ok',
          '-m',
          'again',
          '--from',
          'maintainer',
        )
      ).code,
    ).toBe(0);
    await fleet.untilPulled(() => fleet.stands('data/channels/origin/gates/ok.r2/ask.md'));
    expect((await fleet.person('workflow', 'approve', 'origin', '--from', 'maintainer')).code).toBe(
      0,
    );
    expect(await fleet.routed('origin')).toContain('failed: true');
    fleet.release('tools');
    const stepsOf = (run: string): readonly (string | undefined)[] =>
      fleet.startsIn(run).map((line) => /steps\/(\w+)\//.exec(line)?.[1]);
    const started = async (...words: readonly string[]): Promise<string> => {
      const { code, data } = await fleet.json('workflow', ...words);
      expect(code).toBe(0);
      return String(data['run']);
    };
    // What failed and what follows it, in a new run: nobody is asked again.
    const retried = await started('retry', 'origin', '--wait', '100');
    expect(stepsOf(retried)).toEqual(['build', 'end']);
    await fleet.untilPulled(() => fleet.stands(`data/channels/${retried}/COMPLETE`));
    expect(gateOf(retried, 'ok')).toMatchObject({
      decision: 'deny',
      reused: 'data/channels/origin/gates/ok/decision.json',
    });
    expect(gateOf(retried, 'ok.r2')).toMatchObject({ decision: 'approve', by: ['maintainer'] });
  });
});

it('every run above left a clean transport and hosts that are up', async () => {
  const verified = await fleet.person('verify');
  expect(verified).toMatchObject({ code: 0 });
  for (const host of hosts)
    expect(
      host.events.filter(({ level, event }) => level === 'alert' && event !== 'model.parked'),
    ).toEqual([]);
  expect(readFileSync(fleet.env['RUN_LOG'] ?? '', 'utf8')).not.toBe('');
});
