/**
 * The files of `templates/`, filled in and pushed by plain git as a git host's editor does it: each
 * does what its line in the table says.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startWorkflowFleet, type WorkflowFleet } from '../support/workflow-fleet.ts';

const FOLDER = join(import.meta.dirname, '../../template/templates');
const GENERAL = 'data/channels/general';
const SAVED =
  '---\nname: asks\ninputs: { topic: { type: string, required: true } }\nmodel: opus\nsteps:\n  ok: { ask: { title: "Go on?" } }\n  then: { needs: [ok] }\n---\n\n## then\n\nWrite about ${{ inputs.topic }}.\n';

let fleet: WorkflowFleet;
const used = new Set<string>();

beforeAll(async () => {
  fleet = await startWorkflowFleet({
    opus: "console.log('heard ' + prompt.trim().split('\\n').at(-1));",
  });
  fleet.say({ 'data/workflows/asks.md': SAVED });
  fleet.start('h');
});
afterAll(() => fleet.close());

/** The text of a template with the words in capitals replaced. */
function fill(name: string, words: Readonly<Record<string, string>>): string {
  used.add(name);
  const text = readFileSync(join(FOLDER, name), 'utf8');
  const [, head = '', body = ''] = /^---\n([^]*?)---\n([^]*)$/.exec(text) ?? [];
  const filled = Object.entries(words).reduce(
    (all, [word, by]) => all.replace(new RegExp(`\\b${word}\\b`, 'g'), by),
    head,
  );
  expect(filled).not.toMatch(/\b[A-Z]{2,}\b/);
  return `---\n${filled}---\n${body}`;
}

const read = (path: string): string => readFileSync(join(fleet.clone, path), 'utf8');
const pulled = (path: string): Promise<void> =>
  fleet.untilPulled(() => existsSync(join(fleet.clone, path)));
const start = async (name: string): Promise<string> => {
  fleet.say({
    [`${GENERAL}/${name}.md`]: fill('workflow.md', {
      SAVED: 'asks',
      INPUT: 'topic',
      VALUE: name,
    }).replace('---\nto', `---\nchild_channel: ${name}\nto`),
  });
  await pulled(`data/channels/${name}/gates/ok/ask.md`);
  return `data/channels/${name}`;
};

it('asks, follows up, and answers by hand', async () => {
  fleet.say({ [`${GENERAL}/q.md`]: fill('message.md', { MODEL: 'opus' }) });
  await pulled(`${GENERAL}/q.re.opus.md`);
  fleet.say({
    [`${GENERAL}/more.md`]: fill('follow-up.md', {
      MODEL: 'opus',
      CHANNEL: 'general',
      NAME: 'q.re.opus',
    }),
  });
  await pulled(`${GENERAL}/more.re.opus.md`);
  expect(read(`${GENERAL}/more.re.opus.md`)).toContain('heard What you say about');
  fleet.say({
    [`${GENERAL}/hard.md`]: '---\nto: opus\n---\nhard\n',
    [`${GENERAL}/hard.re.opus.md`]: fill('reply.md', {
      ASKER: 'maintainer',
      CHANNEL: 'general',
      NAME: 'hard',
    }),
  });
  expect((await fleet.run(['why', '-C', fleet.clone, 'hard'])).stdout).toContain(
    'answered by hand by maintainer',
  );
});

it('starts a saved workflow, decides its gate by a message or by a file of one word, and cancels it', async () => {
  const one = await start('one');
  fleet.say({ [`${one}/yes.md`]: fill('gate.md', { RUN: 'one', GATE: 'ok' }) });
  await pulled(`${GENERAL}/one.re.workflow.md`);
  expect(read(`${GENERAL}/one.re.workflow.md`)).toContain('heard Write about one.');
  const two = await start('two');
  fleet.say({ [`${two}/gates/ok/deny`]: 'no\n' });
  await pulled(`${GENERAL}/two.re.workflow.md`);
  expect(read(`${GENERAL}/two.re.workflow.md`)).toContain('denied by maintainer');
  const three = await start('three');
  fleet.say({ [`${three}/stop.md`]: fill('control.md', {}) });
  await pulled(`${GENERAL}/three.re.workflow.md`);
  expect(JSON.parse(read(`${three}/COMPLETE`))).toMatchObject({ status: 'cancelled' });
});

it('has no file that was not tried, and its page names each', () => {
  const files = readdirSync(FOLDER).filter((name) => name !== 'README.md');
  expect([...used].sort()).toEqual(files.sort());
  for (const name of files) expect(read('templates/README.md')).toContain(`(${name})`);
});
