/**
 * Whose word lets an agent do what it asks for, where somebody who can push writes what he likes
 * about the question.
 */
import { generateKeyPairSync } from 'node:crypto';
import { expect, it } from 'vitest';
import { signSsh, sshKeyOf } from '../../src/protocol/ssh-signature.ts';
import { SIGNED_KINDS, type Trust } from '../../src/protocol/trust.ts';
import { type Story, tell } from '../simulation/stories.ts';
import { BRANCH } from '../simulation/world.ts';
import { BEGINNING_MS } from '../support/manual-clock.ts';

const GENERAL = 'data/channels/general';
const KEYS = new Map(
  ['ada', 'eve', 'host/h0'].map((name) => [name, generateKeyPairSync('ed25519').privateKey]),
);
const TRUST: Trust = {
  required: new Set(SIGNED_KINDS.filter((kind) => kind !== 'all')),
  signers: new Map([...KEYS].map(([name, key]) => [name, new Set([sshKeyOf(key)])])),
  letThrough: new Set(),
  rights: null,
};

/** One host with one slot, whose `mailer` asks ada; people sign with their keys, if any. */
function begin(hold: 'slot' | 'free' = 'slot') {
  const acts = [{ kind: 'ask', ms: 1_000, title: 'rm -r /srv' } as const];
  const story = tell(() => acts.shift() ?? { kind: 'answer', ms: 1_000 }, {
    hosts: 1,
    trust: () => Promise.resolve(TRUST),
    keys: new Map([['h0', KEYS.get('host/h0')!]]),
    settings: { concurrency: 1 },
  });
  const { remote } = story.world;
  let count = 0;
  const write = (by: string, files: Readonly<Record<string, string>>): void => {
    const who = { name: by, email: `${by}@example.org` };
    const message = `commit ${(count += 1)} of ${by}`;
    const payload = Buffer.from(message);
    const key = KEYS.get(by);
    const signed = key === undefined ? undefined : { payload, signature: signSsh(payload, key) };
    const writes = Object.entries(files).map(([path, content]) => ({ path, content }));
    const draft = { writes, author: who, committer: who, atMs: BEGINNING_MS, message };
    remote.setRef(BRANCH, remote.commit([remote.refs.get(BRANCH)!], { ...draft, signed }));
  };
  const models = story.files().get('data/models.yaml')!;
  const permissions = `mailer: {permissions: {ask: [ada], hold: ${hold}, timeout: 2m}, `;
  write('ada', {
    'data/models.yaml': models.replace('mailer: {', permissions),
    [`${GENERAL}/one.md`]: '---\nto: mailer\nfrom: ada\n---\n[[M1]]\n',
  });
  const question = (): string =>
    [...story.files().keys()].find(
      (path) => /Z-[^/.]+\.md$/.test(path) && story.files().get(path)!.includes('asks: permission'),
    )!;
  return { story, write, question };
}

const answerOf = (story: Story, stem = 'one', model = 'mailer'): string | undefined =>
  /(allowed|denied|answer)\b/.exec(
    story.files().get(`${GENERAL}/${stem}.re.${model}.md`) ?? '',
  )?.[0];

interface Scene {
  readonly write: ReturnType<typeof begin>['write'];
  readonly path: string;
  readonly text: string;
  readonly reply: string;
}

it.each([
  ['ada says yes', 'allowed', ({ write, reply }: Scene) => write('ada', { [reply]: 'yes\n' })],
  [
    'somebody says yes as ada',
    'denied',
    ({ write, reply }: Scene) => write('mallory', { [reply]: 'yes\n' }),
  ],
  [
    'another person says yes as ada',
    'denied',
    ({ write, reply }: Scene) => write('eve', { [reply]: 'yes\n' }),
  ],
  [
    'another person says yes as herself',
    'denied',
    ({ write, reply }: Scene) => write('eve', { [reply.replace('.re.ada', '.re.eve')]: 'yes\n' }),
  ],
  [
    'somebody edits her no',
    'denied',
    ({ write, reply }: Scene) => {
      write('ada', { [reply]: 'no\n' });
      write('mallory', { [reply]: 'yes\n' });
    },
  ],
  [
    'she changes her own word',
    'denied',
    ({ write, reply }: Scene) => {
      write('ada', { [reply]: 'no\n' });
      write('ada', { [reply]: 'yes\n' });
    },
  ],
  [
    'she says yes to a question that somebody has changed, and changes back',
    'denied',
    ({ write, path, text, reply }: Scene) => {
      write('mallory', { [path]: text.replaceAll('rm -r /srv', 'ls') });
      write('ada', { [reply]: 'yes\n' });
      write('mallory', { [path]: text });
    },
  ],
])('an agent that waits for ada: %s: %s', async (_, expected, act) => {
  const { story, write, question } = begin();
  await story.pass(30_000);
  const path = question();
  const reply = path.replace('.md', '.re.ada.md');
  act({ write, path, text: story.files().get(path)!, reply });
  await story.pass(150_000);
  expect(answerOf(story)).toBe(expected);
});

it('a slot that is free while it waits is taken by other work, and by nobody else’s word', async () => {
  const { story, write, question } = begin('free');
  await story.pass(30_000);
  const path = question();
  const { remote } = story.world;
  const [claim] = story.claims();
  write('ada', { [`${GENERAL}/two.md`]: '---\nto: opus\nfrom: ada\n---\n[[M2]]\n' });
  write('mallory', { [path.replace('.md', '.re.ada.md')]: 'yes\n' });
  remote.setRef(claim!, null);
  await story.pass(40_000);
  expect([answerOf(story), answerOf(story, 'two', 'opus')]).toEqual([undefined, 'answer']);
  await story.pass(120_000);
  expect(answerOf(story)).toBe('denied');
  expect(story.world.runs.map(({ marker }) => marker)).toEqual(['M1', 'M2']);
});
