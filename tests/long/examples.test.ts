/**
 * The worked examples of docs/workflows.md: each is checked by the program, and runs to its end on
 * a real host with real agent processes.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startWorkflowFleet, type WorkflowFleet } from '../support/workflow-fleet.ts';
import { blocksOf, readPage } from '../docs/page.ts';

const EXAMPLES = blocksOf(readPage('docs/workflows.md'))
  .filter(({ info }) => info === 'yaml workflow')
  .map(({ text }) => ({ name: /^name: (\S+)$/m.exec(text)?.[1] ?? '', text: `${text}\n` }));

/**
 * Answers by the step that asks; everything else is answered with the model, the step and what it
 * was told.
 */
const AGENT = `
const path = process.env.CROSSTALK_MESSAGE;
const step = /steps\\/([a-z-]+)\\/(?:(?!steps\\/).)*$/.exec(path)?.[1];
const pass = Number(/n(\\d+)-/.exec(path)?.[1] ?? 1);
const model = process.env.CROSSTALK_MODEL;
const answers = {
  split: { parts: [{ id: 'roof' }, { id: 'walls' }] },
  judge: { good: pass > 1, why: 'pass ' + pass },
  vote: { merge: model !== 'gpt' },
};
console.log(answers[step] === undefined ? model + ' did ' + step + (/[/-]join\\//.test(path) ? ' join' : '') : JSON.stringify(answers[step]));`;

let fleet: WorkflowFleet;
beforeAll(async () => {
  fleet = await startWorkflowFleet({ opus: AGENT, gpt: AGENT, gemini: AGENT });
  fleet.say(
    Object.fromEntries(EXAMPLES.map(({ name, text }) => [`data/workflows/${name}.md`, text])),
  );
  fleet.start('a', ['--concurrency', '4']);
});
afterAll(() => fleet.close());

/** What each is started with, what people do meanwhile, and what comes of it. */
const RUNS: Readonly<
  Record<
    string,
    {
      inputs: readonly string[];
      people?: (run: string) => Promise<void>;
      status?: string;
      answer: RegExp;
      agents: number;
    }
  >
> = {
  several: { inputs: ['question=Why?'], answer: /opus did ask join/, agents: 5 },
  'each-part': { inputs: ['goal=A house'], answer: /opus did whole/, agents: 4 },
  'until-good': { inputs: ['text=Hm'], answer: /pass 2/, agents: 4 },
  'with-people': {
    inputs: ['topic=git'],
    answer: /opus did mail/,
    agents: 3,
    people: async (run) => {
      await answered(run, 'accept', ['deny', run, 'accept', '-m', 'shorter']);
      await answered(run, 'accept.r2', ['approve', run]);
      await answered(run, 'where.r2', ['approve', run, 'where', '--choice', 'mail']);
    },
  },
  vote: { inputs: ['change=a diff'], answer: /merge: true/, agents: 4 },
  'after-deploy': {
    inputs: [],
    answer: /opus did report/,
    agents: 1,
    people: async (run) => {
      await fleet.untilPulled(() => fleet.stands(`data/channels/${run}/ADMIT.json`));
      expect(
        (await fleet.json('workflow', 'signal', run, 'deployed', '--from', 'maintainer')).data,
      ).toMatchObject({ ok: true });
    },
  },
};

async function answered(run: string, gate: string, words: readonly string[]): Promise<void> {
  await fleet.untilPulled(() => fleet.stands(`data/channels/${run}/gates/${gate}/ask.md`));
  expect((await fleet.json('workflow', ...words, '--from', 'maintainer')).data).toMatchObject({
    ok: true,
  });
}

describe.concurrent('the worked examples', () => {
  it('are those that are run here', () => {
    expect(EXAMPLES.map(({ name }) => name)).toEqual(Object.keys(RUNS));
  });

  it.each(EXAMPLES)('$name', async ({ name }) => {
    const {
      inputs,
      people,
      answer,
      agents,
      status = 'succeeded',
    } = RUNS[name] ?? { inputs: [], answer: /^$/, agents: 0 };
    expect((await fleet.json('workflow', 'check', name)).data).toMatchObject({
      ok: true,
      errors: [],
    });
    const given = inputs.flatMap((input) => ['-i', input]);
    const started = await fleet.json('workflow', 'run', name, ...given, '--from', 'maintainer');
    expect(started.data).toMatchObject({ ok: true });
    const [run, marker] = [String(started.data['run']), String(started.data['marker'])];
    await people?.(run);
    await fleet.untilPulled(() => fleet.stands(`data/channels/${run}/COMPLETE`));
    expect(fleet.read(`${marker.slice(0, -3)}.re.workflow.md`)).toMatch(answer);
    expect(JSON.parse(fleet.read(`data/channels/${run}/COMPLETE`))).toMatchObject({ status });
    expect(fleet.startsIn(run)).toHaveLength(agents);
  });
});
