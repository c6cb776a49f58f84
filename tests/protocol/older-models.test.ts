/** A models.yaml of a program before 8: read as names, and rewritten. */
import { expect, it } from 'vitest';
import { decodeModels, listModelNames } from '../../src/protocol/decode-models.ts';
import { upgradeModels } from '../../src/protocol/older-models.ts';

const upgraded = (text: string): ReturnType<typeof decodeModels> =>
  decodeModels(upgradeModels(decodeModels(text).older, '# header\n'));

it.each([
  ['opus: claude --model opus -p', { adapter: 'claude', model: 'opus', effects: 'none' }],
  ['gpt: codex exec -m gpt-5', { adapter: 'codex', model: 'gpt-5', effects: 'none' }],
  ['gem: gemini --model=flash -p', { adapter: 'gemini', model: 'flash', command: [] }],
  [
    'opus: claude --dangerously-skip-permissions -p',
    { command: ['claude', '--dangerously-skip-permissions'], effects: 'external' },
  ],
  ['opus: /opt/bin/claude -p', { adapter: 'claude', command: ['/opt/bin/claude'] }],
  ['own: /srv/answer.sh  --fast', { adapter: 'command', command: ['/srv/answer.sh', '--fast'] }],
])("%s becomes an entry in today's form", (text, entry) => {
  const { models, problems } = upgraded(`${text}\n`);
  expect(problems).toEqual([]);
  expect([...models.values()]).toMatchObject([entry]);
});

it('its names can be asked before the upgrade, provider/model under a plain name, and none is served', () => {
  const text = 'open/large: codex exec\nopus: claude -p\n';
  expect(listModelNames(text)).toEqual(['open-large', 'opus']);
  expect(decodeModels(text).models.size).toBe(0);
});

it('the first agent makes plans, as before', () => {
  expect(upgraded('echo: cat\nopus: claude -p\n').compileModels).toEqual(['opus']);
});

it.each(['models:\n  opus: claude -p\n', 'opus: { adapter: claude }\n', 'opus: 7\n', ''])(
  'is not taken for one: %j',
  (text) => expect(decodeModels(text).older.size).toBe(0),
);
