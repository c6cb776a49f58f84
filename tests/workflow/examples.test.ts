import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { checkWorkflow } from '../../src/workflow/language/check.ts';
import { complete, drive, post, world, type Asked, type Say, type World } from './drive.ts';

const FOLDER = join(import.meta.dirname, '../../template/data/workflows');
const EXAMPLES = readdirSync(FOLDER).filter((name) => name.endsWith('.md'));

test.each(EXAMPLES)('%s is valid', (name) => {
  const text = readFileSync(join(FOLDER, name), 'utf8');
  expect(
    checkWorkflow(text, {
      models: null,
      served: new Map(),
      savedWorkflow: () => null,
      schemaFile: () => null,
    }).errors,
  ).toEqual([]);
});

function example(name: string, given: string, answer: (asked: Asked) => Say): World {
  const at = world(`uses: ${name}\nwith: ${given}`, answer);
  at.saved.set(name, readFileSync(join(FOLDER, `${name}.md`), 'utf8'));
  return at;
}

test('ship-tickets plans, asks people, builds each ticket until it is green, and has a panel judge', () => {
  const at = example('ship-tickets', '{ goal: a login page }', ({ step, time, key }) => {
    if (step === 'plan')
      return '{"tickets":[{"id":"form","title":"f","task":"the form"},{"id":"session","title":"s","task":"the session"}]}';
    if (step === 'test') return JSON.stringify({ green: time > 2, log: `run ${time}` });
    return `${step} ${key}`;
  });
  expect(drive(at)).toBeNull();
  post(at, `re: data/channels/${at.run}/gates/approve-plan/ask.md`, 'approve');
  expect(drive(at)).toContain('panel join');
  expect(at.asked.filter(({ step }) => step === 'implement').length).toBeGreaterThan(2);
  expect(at.asked.find(({ step }) => step === 'implement')?.yaml).toContain(
    `branch: ct/${at.run}/build-form`,
  );
  expect(complete(at)).toMatchObject({ status: 'succeeded' });
});

test('deep-research splits, researches, doubts and reports', () => {
  const at = example('deep-research', '{ question: why }', ({ step, key }) =>
    step === 'split'
      ? '{"parts":[{"id":"one","question":"a"},{"id":"two","question":"b"}]}'
      : `${step} ${key}`,
  );
  expect(drive(at)).toContain('report one');
  expect(at.asked.filter(({ step }) => step === 'research')).toHaveLength(2 * 2 + 2);
  expect(at.asked.find(({ key }) => key.endsWith('join'))?.body).toContain('Merge what they found');
});

test('review-panel reviews by aspect and checks every finding', () => {
  const at = example('review-panel', '{ change: "diff --git" }', ({ step, body }) => {
    if (step === 'review')
      return body.includes('security')
        ? '{"findings":[{"id":"sql","claim":"injection"}]}'
        : '{"findings":[]}';
    return step === 'check' ? '{"real": true, "why": "yes"}' : 'do not merge';
  });
  expect(drive(at)).toContain('do not merge');
  expect(at.asked.filter(({ step }) => step === 'check')).toHaveLength(1);
});

test('loop-until-green ends with the first green test', () => {
  const at = example('loop-until-green', '{ task: fix it }', ({ step, time }) =>
    step === 'test' ? JSON.stringify({ green: time === 3 }) : step,
  );
  expect(drive(at)).toContain('summary');
  expect(at.asked.filter(({ step }) => step === 'change')).toHaveLength(3);
});

test('vote-of-four takes the most frequent decision, also when one model fails', () => {
  const at = example('vote-of-four', '{ question: merge? }', ({ to }) =>
    to === 'gemini'
      ? { failed: 'crash' }
      : JSON.stringify({ decision: to === 'opus' ? 'no' : 'yes', why: to }),
  );
  expect(drive(at)).toContain('yes: gpt');
  expect(complete(at)).toMatchObject({ status: 'degraded' });
});
