/** Where the processes of an attempt ask for permissions. */
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, expect, test } from 'vitest';
import type { PermissionAsked } from '../../src/agents/agent.ts';
import { type AskDesk, askAtDesk, openDesk } from '../../src/agents/ask-desk.ts';

const place = mkdtempSync(join(tmpdir(), 'desk-'));
let desk: AskDesk;
const asked: PermissionAsked[] = [];
const open = async (folder = place): Promise<AskDesk> =>
  (desk = await openDesk(folder, (one) => {
    asked.push(one);
    return one.title === 'broken'
      ? Promise.reject(new Error())
      : Promise.resolve(one.title === 'a');
  }));

afterAll(() => rmSync(place, { recursive: true }));
afterEach(async () => {
  await desk.close();
  asked.length = 0;
  rmSync(desk.path, { force: true });
});

test('a question is handed on whole, and its answer comes back', async () => {
  const { path } = await open();
  expect(statSync(path).mode & 0o777).toBe(0o600);
  const question = { title: 'a', kind: 'execute', input: 'line\nline "ü"' };
  expect(await askAtDesk(path, question)).toBe(true);
  for (const title of ['b', 'broken'])
    expect(await askAtDesk(path, { ...question, title })).toBe(false);
  expect(asked[0]).toEqual(question);
});

test('a desk in a folder whose path is too long is reached all the same, and is gone when it is closed', async () => {
  const long = join(place, 'x'.repeat(120));
  mkdirSync(long);
  const { path } = await open(long);
  // A sandbox shows the agent this folder only.
  if (process.platform === 'linux') expect(path).toBe(join(long, 'ask'));
  else expect(path.length).toBeLessThan(100);
  expect(await askAtDesk(path, { title: 'a', kind: null, input: null })).toBe(true);
  await desk.close();
  expect(existsSync(path)).toBe(false);
  expect(await askAtDesk(path, { title: 'a', kind: null, input: null })).toBe(false);
});

test.each(['\n', 'no JSON\n', '[1]\n', '{"title":7}\n', 'x'.repeat(70_000)])(
  'a request that is not a question is denied, and nobody is asked: %#',
  async (line) => {
    const { path } = await open();
    const said = await new Promise<string>((resolve) => {
      let text = '';
      const socket = connect(path).on('data', (chunk) => (text += chunk.toString()));
      socket.on('error', () => undefined).on('close', () => resolve(text));
      socket.write(line);
    });
    expect(said).toBe('{"allowed":false}\n');
    expect(asked).toEqual([]);
  },
);
