import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { keepLate } from '../../src/local/late.ts';
import type { LateAnswer, LateOutput } from '../../src/local/local-state.ts';
import { type Cli, listOf, startCli } from '../support/cli.ts';
import { eventually } from '../support/eventually.ts';

const MODELS = `models:
  echo: { adapter: command, command: [cat], effects: none, options: { input: message } }
  broken: { adapter: command, command: ["false"], effects: none, attempts: 1 }
  wordy: { adapter: command, command: [sh, -c, "echo so far; sleep 600"], effects: none }
`;

let cli: Cli;
let late: string;

beforeAll(async () => {
  cli = await startCli({ models: MODELS });
  const { data } = await cli.json(['status', '--config']);
  late = join(String(data['state']), 'late');
});
afterAll(() => cli.close());

const send = async (to: string): Promise<{ readonly id: string; readonly path: string }> => {
  const { data } = await cli.json(['send', '--to', to, '-m', 'What is the answer?']);
  return { id: String(data['id']), path: String(data['path']) };
};
const keep = (message: string, said: Partial<LateAnswer & LateOutput> = {}) => {
  const { text = '---\nto: ada\nfrom: echo\n---\nForty-two.\n', files = [], ...of } = said;
  return keepLate(late, {
    key: 'k',
    attemptId: `${message.length}-${String(of.attempt)}`.padEnd(8, '0') + message.slice(-8, -3),
    reason: 'the claim was taken over',
    text,
    files,
    of: { message, recipient: 'echo', attempt: 2, form: 'answer', atMs: Date.now(), ...of },
  });
};
/** Everything that agents have printed here. */
const printed = (): string => {
  const folder = join(late, '..', 'transcripts');
  if (!existsSync(folder)) return '';
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries
    .flatMap((entry) =>
      entry.isFile() ? [readFileSync(join(entry.parentPath, entry.name), 'utf8')] : [],
    )
    .join('');
};
const kinds = async (id: string): Promise<readonly unknown[]> =>
  listOf((await cli.json(['why', id])).data, 'parts').map(({ kind }) => kind);
const tip = (path: string): string => {
  cli.git(['fetch', '-q']);
  return cli.git(['show', `origin/main:${path}`]);
};

describe('what an agent answered too late', () => {
  it('is listed, becomes the answer of an open message, and is gone from this host', async () => {
    const { id, path } = await send('echo');
    await keep(path, { host: 'box' });
    expect(listOf((await cli.json(['status'])).data, 'late')).toMatchObject([
      { id, to: 'echo', kind: 'late' },
    ]);
    expect(await kinds(id)).toContain('late');
    const adopted = await cli.json(['adopt', id]);
    expect(adopted).toMatchObject({ code: 0, data: { is_reply: true, recipient: 'echo' } });
    const reply = tip(path.replace(/\.md$/, '.re.echo.md'));
    expect(reply).toContain('from: ada\n');
    expect(reply).toContain('late: true\n');
    expect(reply).toContain('echo on box, attempt 2; published by hand by ada.\n\nForty-two.');
    expect(await kinds(id)).toEqual(['answered-by-hand']);
    expect((await cli.run(['why', id])).stdout).toContain('answered late, by hand by ada');
    expect(readdirSync(late)).toEqual([]);
    expect((await cli.run(['adopt', id])).code).toBe(3);
    await cli.answer();
    expect(tip(path.replace(/\.md$/, '.re.echo.md'))).toBe(reply);
  });

  it('has its files with it, or says that they have no place', async () => {
    const files = [{ name: 'a.png', base64: Buffer.from([0, 255]).toString('base64') }];
    const text = '---\nto: ada\nfrom: echo\nfiles: x.re.echo.files/a.png\n---\nSee there.\n';
    const { id, path } = await send('echo');
    await keep(path, { text, files });
    const { data } = await cli.json(['adopt', id]);
    const reply = tip(String(data['path']));
    expect(reply).toContain(`files: ${id}.re.echo.files/a.png`.slice(-25));
    expect(cli.git(['ls-tree', '-r', '--name-only', 'origin/main'])).toContain(
      '.re.echo.files/a.png',
    );
    expect(readdirSync(late)).toEqual([]);
    const other = await send('echo');
    cli.say({ [other.path.replace(/\.md$/, '.re.echo.files/mine')]: 'before' });
    await keep(other.path, { text, files });
    const alone = await cli.json(['adopt', other.id]);
    expect(tip(String(alone.data['path']))).toContain('Files that are not here: 1.');
    const third = await send('echo');
    await keep(third.path, { text, files });
    await cli.run(['adopt', third.id, '--discard']);
    expect(readdirSync(late)).toEqual([]);
    await cli.run(['cancel', third.id]);
  });

  it('stands beside a failure, which needs nobody any more, and wakes nobody', async () => {
    const { id, path } = await send('broken');
    await cli.answer();
    expect((await cli.json(['status'])).data).toMatchObject({ health: 'degraded' });
    await keep(path, { recipient: 'broken' });
    const { data } = await cli.json(['adopt', id]);
    expect(data).toMatchObject({ is_reply: false });
    expect(tip(String(data['path']))).toMatch(/^---\nto: ada\nfrom: ada\n[^]*late: true\n/);
    expect((await cli.json(['status'])).data).toMatchObject({ health: 'good', waiting: [] });
  });

  it('wakes no agent that had asked', async () => {
    const path = 'data/channels/general/asked-by-agent.md';
    cli.say({
      [path]: '---\nto: echo\nfrom: broken\n---\nWhat?\n',
      [path.replace('.md', '.re.echo.md')]: '---\nto: broken\nfrom: eve\nwait: true\n---\nThis.\n',
    });
    await keep(path);
    const { data } = await cli.json(['adopt', 'asked-by-agent']);
    expect(tip(String(data['path']))).toContain('to: ada\n');
    expect(listOf((await cli.json(['status'])).data, 'waiting')).toEqual([]);
  });

  it('is discarded, asked for by name when two have answered, and a failure is not an answer', async () => {
    const { id, path } = await send('echo,broken');
    await keep(path);
    await keep(path, { recipient: 'broken', form: 'failure', attempt: 1 });
    expect((await cli.run(['adopt', id])).stderr).toContain('echo');
    expect((await cli.json(['adopt', id, '--to', 'broken'])).code).toBe(1);
    for (const name of ['echo', 'broken'])
      expect((await cli.run(['adopt', id, '--to', name, '--discard'])).code).toBe(0);
    expect(readdirSync(late)).toEqual([]);
    await cli.run(['cancel', id]);
  });

  it('is an unfinished one when its agent was stopped, cleaned of what is not text', async () => {
    const run = cli.start(['run', '--interval', '0.2']);
    const { id } = await send('wordy');
    await run.until('"attempt.started"');
    await eventually(
      () => Promise.resolve(printed()),
      (text) => text.includes('so far'),
    );
    await cli.run(['cancel', id]);
    await run.until('"attempt.stopped"');
    await run.stop();
    writeFileSync(join(late, 'note.txt'), 'mine');
    expect((await cli.json(['status'])).data['late']).toEqual([]);
    const { data } = await cli.json(['adopt', id]);
    expect(tip(String(data['path']))).toContain('---\nUnfinished, and stopped: wordy on mbp');
  });

  it('is for people alone', async () => {
    const env = { CROSSTALK_MESSAGE: 'm.md', CROSSTALK_MODEL: 'echo', CROSSTALK_RUN: 'x' };
    expect((await cli.run(['adopt', 'x'], { env })).code).not.toBe(0);
  });
});
