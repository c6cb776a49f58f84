/** A conversation goes on with its last model, or another one, here or on another host. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Cli, startCli } from '../support/cli.ts';

const MODELS = `models:
  echo: { adapter: command, command: [cat], effects: none, options: { input: message } }
  other: { adapter: command, command: [cat], effects: none }
`;

let cli: Cli;
beforeAll(async () => {
  cli = await startCli({ models: MODELS });
});
afterAll(() => cli.close());

const send = async (...args: readonly string[]): Promise<string> =>
  String((await cli.json(['send', ...args])).data['id']);
const goOn = (...args: readonly string[]) => cli.json(['continue', ...args]);
const sent = (data: Readonly<Record<string, unknown>>): string =>
  cli.git(['show', `main:${String(data['path'])}`], cli.remote);

describe('continue', () => {
  it('asks the model that spoke last, after the last message of the thread', async () => {
    const id = await send('--to', 'echo', '-m', 'Half of it');
    await cli.answer();
    const { code, data } = await goOn(id);
    expect(code).toBe(0);
    expect(sent(data)).toMatch(
      new RegExp(`^---\nto: echo\n[^]*\nre: .*${id}\\.re\\.echo\\.md\n[^]*Go on\\.`),
    );
    await cli.answer();
    // Its host has the session: it goes first.
    expect(sent(data)).toMatch(/\ndispatch_host: \w/);
    const next = await goOn(String(data['id']), '-m', 'Finish it.');
    expect(sent(next.data)).toMatch(/\nre: .*\n[^]*Finish it\./);
    await cli.answer();
    const shown = await cli.run(['show', String(next.data['id'])]);
    expect(shown.stdout).toContain('Finish it.');
  });

  it('names the host, and another model, where it is told to', async () => {
    const id = await send('--to', 'echo', '-m', 'Move');
    const { data } = await goOn(id, '--on', 'server', '--as', 'other', '--from', 'Bea');
    expect(sent(data)).toMatch(/^---\nto: other@server\nfrom: bea\n/);
  });

  it('asks again elsewhere what still waits for its answer, as it was asked', async () => {
    const draft = join(cli.place, 'draft.md');
    const head = 'to: echo\nisolate: worktree\nproject: app\nbranch: door\nkeep: true\n';
    writeFileSync(draft, `---\n${head}---\nPaint it\n`);
    const id = await send(draft);
    for (const args of [[], ['--as', 'echo']]) {
      const { code, stderr } = await cli.run(['continue', id, ...args]);
      expect({ code, stderr }).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('echo has not answered yet') as string,
      });
    }
    const { code, data } = await goOn(id, '--as', 'other', '-m', 'Be quick');
    expect(code).toBe(0);
    const text = sent(data);
    expect(text).toMatch(new RegExp(`^---\nto: other\n[^]*\nretries: .*${id}\\.md\n`));
    for (const kept of ['isolate: worktree', 'project: app', 'branch: door', 'keep: true'])
      expect(text).toContain(`\n${kept}\n`);
    expect(text).toContain('Paint it\n\nBe quick');
    await cli.run(['cancel', String(data['id'])]);
  });

  it('asks another model what one has failed to answer', async () => {
    const id = await send('--to', 'echo', '-m', 'Try');
    await cli.run(['cancel', id]);
    const { data } = await goOn(id, '--as', 'other');
    expect(sent(data)).toMatch(new RegExp(`^---\nto: other\n[^]*\nretries: .*${id}[^]*\nTry`));
    await cli.run(['cancel', String(data['id'])]);
  });

  it('says what is missing: a thread, a model in it, a model of that name', async () => {
    expect((await cli.run(['continue', '01M8PJ0ECC12'])).code).toBe(3);
    const note = await send('--to', 'bea', '--force', '-m', 'Between people');
    const alone = await cli.run(['continue', note]);
    expect(alone).toMatchObject({ code: 3 });
    expect(alone.stderr).toContain(`no model has spoken in the thread of ${note}`);
    expect(alone.stderr).toContain(`crosstalkd continue ${note} --as MODEL`);
    expect((await cli.run(['continue', note, '--as', 'nobody'])).code).not.toBe(0);
    expect((await goOn(note, '--as', 'other')).code).toBe(0);
  });
});
