import { describe, expect, it } from 'vitest';
import {
  findForbidden,
  formatMaySend,
  judgeAdmission,
  readMaySend,
} from '../../src/protocol/admission.ts';
import { decodeModels } from '../../src/protocol/decode-models.ts';

const entryOf = (keys: string) => {
  const { models, problems } = decodeModels(
    `models:\n  a: { adapter: command, command: [cat]${keys === '' ? '' : `, ${keys}`} }\n`,
  );
  return { entry: models.get('a'), problems };
};

describe('an entry of models.yaml', () => {
  it.each<[string, { from?: string; channel?: string; project?: string }, string | null]>([
    ['', { from: 'anybody', project: 'shop' }, null],
    ['accept-from: ada', { from: 'ada' }, null],
    ['accept-from: ada', { from: 'Ada' }, null],
    ['accept-from: ada', { from: 'eve' }, 'accept-from'],
    ['accept-from: [ada]', { from: 'workflow' }, 'accept-from'],
    ['accept-from: [ada, workflow]', { from: 'workflow' }, null],
    ['accept-from: ["channel:ops"]', { from: 'eve', channel: 'ops' }, null],
    ['accept-from: ["channel:ops"]', { from: 'ada', channel: 'general' }, 'accept-from'],
    ['accept-from: [ops]', { channel: 'ops' }, 'accept-from'],
    ['projects: [shop]', {}, null],
    ['projects: [shop]', { project: 'shop' }, null],
    ['projects: [shop]', { project: 'bank' }, 'projects'],
    ['accept-from: [ada], projects: [shop]', { from: 'eve', project: 'bank' }, 'accept-from'],
  ])('with %j takes %j: %s keeps it out', (keys, asking, key) => {
    const message = { from: 'ada', channel: 'general', project: null, ...asking };
    const { entry } = entryOf(keys);
    expect(judgeAdmission(entry!, message)?.key ?? null).toBe(key);
  });

  it.each([
    ['may-send: true', ['b', 'workflow'], undefined],
    ['may-send: false', ['b'], 'b'],
    ['', ['b'], 'b'],
    ['may-send: b', ['b'], undefined],
    ['may-send: [b, c]', ['c', 'd'], 'd'],
    ['may-send: [b]', ['workflow'], 'workflow'],
  ])('with %j may send to %j: not to %s', (keys, names, forbidden) => {
    const { maySend } = entryOf(keys).entry!;
    expect(findForbidden(maySend, names)).toBe(forbidden);
    expect(readMaySend(formatMaySend(maySend) ?? undefined)).toEqual(maySend);
  });

  it.each([
    ['may-send: []', 'may-send'],
    ['may-send: ["B c"]', 'may-send'],
    ['may-send: 3', 'may-send'],
    ['accept-from: true', 'accept-from'],
    ['accept-from: ["channel:../x"]', 'accept-from'],
    ['accept-from: [everybody!]', 'accept-from'],
    ['projects: {}', 'projects'],
  ])('with %s is invalid, and says at which key', (keys) => {
    const { entry, problems } = entryOf(keys);
    expect(entry).toBeUndefined();
    expect(problems).toHaveLength(1);
    expect(problems[0]?.line).toBe(2);
  });
});
