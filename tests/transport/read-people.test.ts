/** data/people.yaml: whose commits are whose, on a host that follows and on one that joins. */
import { describe, expect, it, test } from 'vitest';
import type { Oid } from '../../src/base/ids.ts';
import { PEOPLE_FILE } from '../../src/protocol/paths.ts';
import { calledBy, decodePeople } from '../../src/protocol/people.ts';
import { speakerOf } from '../../src/protocol/who-said.ts';
import { createMirror } from '../../src/transport/mirror.ts';
import { createMemoryRemote } from '../support/memory-repository.ts';

const WORK = { name: 'Ada King', email: 'A.Lovelace@Work.example' };
const NOTE = 'data/channels/general/note.md';
const ADA = 'ada: { name: Ada Lovelace, addresses: [a.lovelace@work.example, ada@home.example] }\n';

test.each([
  [
    'in whatever case',
    ADA,
    { 'a.lovelace@work.example': 'ada', 'ada@home.example': 'ada', '<ada lovelace>': 'ada' },
  ],
  ['nobody’s when two people are given it', 'ada: {addresses: [x@y]}\nbob: {addresses: [X@Y]}', {}],
  ['not a name that addresses reserve', 'workflow: {addresses: [x@y]}', {}],
  ['beside an entry that is none', 'bob: 3\nada: {addresses: [x@y]}', { 'x@y': 'ada' }],
  ['not of an entry with other keys in their place', 'ada: {addresses: {x: y}}', {}],
  ['as data, whatever it is called', '__proto__: {addresses: [x@y]}', {}],
])('an address is its person’s: %s', (...[, text, called]) => {
  expect(Object.fromEntries(calledBy(decodePeople(text).people))).toEqual(called);
});

test('a file of nothing but mistakes names a bounded number of them', () => {
  const text = Array.from({ length: 5_000 }, (_, at) => `p${at}: 1\n`).join('');
  const { people, problems } = decodePeople(text);
  expect([people.size, problems.length]).toEqual([0, 20]);
});

test('one person has one vote under all addresses and earlier names', () => {
  const called = calledBy(decodePeople(ADA).people);
  const home = { name: 'ada', email: 'ada@home.example' };
  const said = [WORK, home].map((who) =>
    speakerOf({ author: who, committer: who, authoredMs: 1 }, called),
  );
  expect(said.map((one) => [one?.name, one?.voice])).toEqual(Array(2).fill(['ada', 'ada']));
  expect(said[0]?.names).toEqual(['ada', 'ada-king', 'a.lovelace']);
});

/** A transport, the mirror that follows it, and who wrote the note by it and by a new one. */
async function follow() {
  const remote = createMemoryRemote();
  const cache = new Set<Oid>();
  const repository = remote.open({ cache });
  let tip: Oid | null = null;
  const mirror = createMirror(repository, null);
  const commit = (path: string, content: string | null): void => {
    const change =
      content === null
        ? { writes: [], removes: [path] }
        : { writes: [{ path, content }], removes: [] };
    const draft = { ...change, author: WORK, committer: WORK, atMs: 0, message: 'edit' };
    tip = remote.commit(tip === null ? [] : [tip], draft);
    cache.add(tip);
  };
  commit('data/models.yaml', 'models: { echo: { adapter: command, command: [cat] } }\n');
  commit(NOTE, '---\nto: echo\n---\nHello\n');
  const from = async (): Promise<string | undefined> => {
    const joined = createMirror(repository, null);
    for (const one of [mirror, joined]) await one.pull({ tip, asOf: one.epoch() });
    const [followed, fresh] = [mirror, joined].map((one) => one.index());
    expect(followed).toEqual(fresh);
    return followed?.messages.get(NOTE)?.from;
  };
  await from();
  return { commit, from };
}

describe('a message without "from:"', () => {
  it('is from the person whose address its author has, as soon and as long as that is said', async () => {
    const { commit, from } = await follow();
    expect(await from()).toBe('ada-king');
    commit(PEOPLE_FILE, ADA);
    expect(await from()).toBe('ada');
    commit(PEOPLE_FILE, ADA.replace('ada:', 'countess:'));
    expect(await from()).toBe('countess');
    commit(PEOPLE_FILE, null);
    expect(await from()).toBe('ada-king');
  });

  it.each([
    ['is no YAML', 'ada: [', []],
    ['is no mapping', '- ada\n', []],
    ['is larger than a message may be', `# ${'x'.repeat(2_000_000)}\n`, []],
    ['came with the one before it', 'ada: [', [ADA.replace('ada:', 'countess:')]],
  ])('keeps that name where the file %s', async (how, broken, meanwhile) => {
    const { commit, from } = await follow();
    commit(PEOPLE_FILE, ADA);
    await from();
    for (const text of [...meanwhile, broken]) commit(PEOPLE_FILE, text);
    expect(await from(), how).toBe(meanwhile.length > 0 ? 'countess' : 'ada');
  });
});
