import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { openSessionLedger } from '../../src/local/session-ledger.ts';

function place(): string {
  const directory = mkdtempSync(join(tmpdir(), 'ledger-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  return join(directory, 'sessions.jsonl');
}

const message = 'data/channels/general/hello.md';
const note = { model: 'opus', message, session: 's1' };
const later = { ...note, message: 'data/channels/general/later.md' };

test('a session is continued by its model in its thread, and nowhere else', async () => {
  const ledger = openSessionLedger(place());
  await ledger.note(note);
  const tried = {
    'in its thread': { ...later, thread: [message] },
    'for the message itself, asked again': { ...note, thread: [] },
    'in another thread': { ...later, thread: ['data/channels/general/other.md'] },
    'by another model': { ...later, model: 'gpt', thread: [message] },
    'the latest of the operator': { ...later, session: 'latest', thread: [message] },
  };
  const known = await Promise.all(
    Object.entries(tried).map(async ([how, use]) => [how, await ledger.knows(use)]),
  );
  expect(Object.fromEntries(known)).toEqual({
    'in its thread': true,
    'for the message itself, asked again': true,
    'in another thread': false,
    'by another model': false,
    'the latest of the operator': false,
  });
});

test('a task continues its own session run', async () => {
  const ledger = openSessionLedger(place());
  const task = (run: string, name: string): string => `data/channels/${run}/steps/${name}/task.md`;
  await ledger.note({ ...note, message: task('run-a', 'one') });
  const use = (path: string) => ({ ...note, message: path, thread: [] });
  expect(await ledger.knows(use(task('run-a', 'two')))).toBe(true);
  expect(await ledger.knows(use(task('run-b', 'two')))).toBe(false);
  expect(await ledger.knows(use('data/channels/run-a/talk.md'))).toBe(false);
});

test('it outlives the process, and a damaged file costs the damaged lines', async () => {
  const path = place();
  await openSessionLedger(path).note(note);
  const text = `${JSON.stringify(note)}\n{"model":7}\nnot json\n`;
  writeFileSync(path, text);
  expect(await openSessionLedger(path).knows({ ...later, thread: [message] })).toBe(true);
});
