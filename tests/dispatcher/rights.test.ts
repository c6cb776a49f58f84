/**
 * What people may do where it has to be signed: by the host's own `people:`, and by
 * data/people.yaml as an operator has signed it.
 */
import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Oid } from '../../src/base/ids.ts';
import { findSpeakers } from '../../src/dispatcher/find-speakers.ts';
import { isHeard, withPeople } from '../../src/dispatcher/signed-file.ts';
import { formatControl } from '../../src/protocol/control.ts';
import { decodePeople } from '../../src/protocol/people.ts';
import { signSsh, sshKeyOf } from '../../src/protocol/ssh-signature.ts';
import {
  hear,
  idleRights,
  maySpeakAs,
  type Right,
  RIGHTS,
  type SignedBytes,
  type SignedKind,
  type Trust,
} from '../../src/protocol/trust.ts';
import { tell } from '../simulation/stories.ts';
import { BEGINNING_MS } from '../support/manual-clock.ts';
import { BRANCH, REFS } from '../simulation/world.ts';
import { createMemoryRemote } from '../support/memory-repository.ts';

const KEYS = new Map(
  ['ada', 'eve', 'host/h0'].map((name) => [name, generateKeyPairSync('ed25519').privateKey]),
);

function signAs(name: string | null, text: string): SignedBytes | undefined {
  const key = name === null ? undefined : KEYS.get(name);
  const payload = Buffer.from(text);
  return key === undefined ? undefined : { payload, signature: signSsh(payload, key) };
}

function trusting(
  rights: Readonly<Record<string, readonly Right[]>> | null,
  required: readonly SignedKind[] = ['all'],
): Trust {
  return {
    required: new Set(required),
    signers: new Map([...KEYS].map(([name, key]) => [name, new Set([sshKeyOf(key)])])),
    letThrough: new Set(),
    rights:
      rights === null
        ? null
        : new Map(Object.entries(rights).map(([name, may]) => [name, new Set(may)])),
  };
}

/** A transport into which people commit one file after the other, each signed by somebody. */
function createHistory() {
  const remote = createMemoryRemote();
  const cache = new Set<Oid>();
  const repository = remote.open({ cache });
  let tip: Oid | null = null;
  return {
    repository,
    tip: () => tip!,
    write: (by: string | null, path: string, content: string) => {
      const who = { name: by ?? 'mallory', email: `${by ?? 'mallory'}@example.org` };
      const message = `${String(by)} writes ${path}: ${content}`;
      const signed = signAs(by, message);
      const draft = { writes: [{ path, content }], author: who, committer: who, atMs: 0, message };
      tip = remote.commit(tip === null ? [] : [tip], { ...draft, signed });
      cache.add(tip);
    },
    /** `by` merges, as `git pull` does it, what stands at the tip into `own`, and puts `back`. */
    merge: (by: string, own: Oid, back: Readonly<Record<string, string>> = {}) => {
      const who = { name: by, email: `${by}@example.org` };
      const signed = signAs(by, 'merge');
      const files = new Map([...remote.filesOf(tip!), ...Object.entries(back)]);
      const writes = [...files].map(([path, content]) => ({ path, content }));
      const draft = { writes, author: who, committer: who, atMs: 0, message: 'merge' };
      tip = remote.commit([own, tip!], { ...draft, signed });
      cache.add(tip);
    },
  };
}

describe('rights of the host itself', () => {
  it.each([
    ['everybody who is known, where none are given', null, 'eve', true],
    ['those who are given it', { eve: ['ask'] }, 'eve', true],
    ['nobody who is given other rights', { eve: ['approve', 'operate', 'models'] }, 'eve', false],
    ['nobody who is not named', { ada: [...RIGHTS] }, 'eve', false],
  ] as const)('to ask belong to %s', (...[, rights, from, expected]) => {
    const voice = hear(signAs('eve', 'x')!, trusting(rights).signers);
    expect(maySpeakAs(voice, from, trusting(rights))).toBe(expected);
  });

  it.each(RIGHTS)('do not go over from one to another: %s', (right) => {
    const trust = trusting({ eve: [right] });
    const may = RIGHTS.filter((one) => isHeard(signAs('eve', 'x')!, trust, one));
    expect(may).toEqual([right]);
  });

  it('are of people: the key of a host has none, whatever it is given', () => {
    const trust = trusting({ 'host/h0': [...RIGHTS] });
    expect(RIGHTS.filter((one) => isHeard(signAs('host/h0', 'x')!, trust, one))).toEqual([]);
  });

  it('decide whose answer to a gate counts, whoever committed it as whom', async () => {
    const history = createHistory();
    const gate = 'data/channels/run/steps/ok/gates/one/ask.re';
    for (const by of ['ada', 'eve', null]) history.write(by, `${gate}.${String(by)}.md`, 'approve');
    const files = new Map(['ada', 'eve', 'null'].map((by) => [`${gate}.${by}.md`, 'approve']));
    const called = new Map([['mallory@example.org', 'ada']]);
    const { repository } = history;
    const whoSpeaks = async (trust: Trust | null): Promise<readonly string[]> => {
      const speakers = await findSpeakers({ repository, tip: history.tip(), called, trust }, files);
      return [...speakers.values()].map(({ name, voice }) => `${name} ${voice}`);
    };
    const trust = trusting({ ada: ['approve'], eve: ['ask'] }, ['gates']);
    expect(await whoSpeaks(trust)).toEqual(['ada ada']);
    expect(await whoSpeaks(null)).toEqual([
      'ada ada@example.org',
      'eve eve@example.org',
      'ada ada',
    ]);
    await whoSpeaks(trust);
    for (const text of ['deny', 'approve']) history.write(null, `${gate}.ada.md`, text);
    expect(await whoSpeaks(trust)).toEqual([]);
  });
});

it.each([
  [[], [...RIGHTS]],
  [['hosts'], [...RIGHTS]],
  [
    ['external', 'schedules'],
    ['approve', 'operate'],
  ],
  [['all'], []],
] as const)('where %j has to be signed, these rights decide nothing: %j', (required, idle) => {
  expect(idleRights(new Set<SignedKind>(required))).toEqual(idle);
});

describe('data/people.yaml', () => {
  const file = (may: string): string => `eve:\n  name: Eve\n  may: [${may}]\n`;
  const rightsOf = async (
    history: ReturnType<typeof createHistory>,
    rights: Parameters<typeof trusting>[0],
  ): Promise<readonly Right[] | null> => {
    const { repository } = history;
    const found = await withPeople({ repository, tip: history.tip() }, trusting(rights));
    return found.rights === null ? null : [...(found.rights.get('eve') ?? [])];
  };

  it('gives rights as the newest version says that an operator of this host has signed', async () => {
    const history = createHistory();
    const pinned = { ada: ['operate'] } as const;
    history.write('ada', 'data/people.yaml', file('ask'));
    expect(await rightsOf(history, pinned)).toEqual(['ask']);
    history.write('eve', 'data/people.yaml', file('ask, operate'));
    history.write(null, 'data/people.yaml', file('models'));
    history.write('host/h0', 'data/people.yaml', file('approve'));
    expect(await rightsOf(history, pinned)).toEqual(['ask']);
    history.write('ada', 'data/people.yaml', file('approve, models'));
    expect(await rightsOf(history, pinned)).toEqual(['approve', 'models']);
  });

  it('is not signed by who merges it, and not in force where nobody can read it', async () => {
    const history = createHistory();
    const pinned = { ada: ['operate'] } as const;
    history.write('ada', 'data/people.yaml', file('ask'));
    const own = history.tip();
    history.write(null, 'data/people.yaml', file('ask, operate'));
    history.merge('ada', own);
    expect(await rightsOf(history, pinned)).toEqual(['ask']);
    history.write('ada', 'data/people.yaml', '[');
    expect(await rightsOf(history, pinned)).toEqual(['ask']);
  });

  it('takes nothing back with a merge, however fast it follows on what was signed', async () => {
    const { repository, tip, write, merge } = createHistory();
    const path = 'data/people.yaml';
    const pinned = trusting({ ada: ['operate'] });
    const mayOf = async () => {
      const { rights } = await withPeople({ repository, tip: tip() }, pinned);
      return [...(rights?.get('eve') ?? [])];
    };
    const old = 'eve: { name: Eve, may: [ask, approve] }\n';
    write('ada', path, old);
    const before = tip();
    expect(await mayOf()).toEqual(['ask', 'approve']);
    write('ada', path, 'eve: { name: Eve, may: [ask] }\n');
    merge('mallory', before, { [path]: old });
    expect(await mayOf()).toEqual(['ask']);
    write('mallory', path, old);
    expect(await mayOf()).toEqual(['ask']);
  });

  it('gives none where no operator is pinned, and none against what the host says itself', async () => {
    const history = createHistory();
    history.write('ada', 'data/people.yaml', file('ask'));
    expect(await rightsOf(history, null)).toBeNull();
    expect(await rightsOf(history, { ada: ['ask', 'approve', 'models'] })).toEqual([]);
    expect(await rightsOf(history, { ada: ['operate'], eve: [] })).toEqual([]);
  });

  it('is read as far as it is right, and says what is not', () => {
    const text = 'ada:\n  addresses: [Ada@Example.org]\n  may: [ask]\neve: { may: [everything] }\n';
    const { people, problems } = decodePeople(text);
    expect([...people.keys()]).toEqual(['ada']);
    expect(people.get('ada')?.addresses).toEqual(['ada@example.org']);
    expect(problems.map(({ line }) => line)).toEqual([4]);
  });
});

it.each([
  ['nobody has signed', null, false],
  ['somebody has signed who may only ask', 'eve', false],
  ['the key of a host has signed', 'host/h0', false],
  ['an operator has signed', 'ada', true],
])('an order to all hosts that %s is obeyed: %s', async (_, by, isObeyed) => {
  const trust = trusting({ ada: ['operate'], eve: ['ask'] }, ['control']);
  const story = tell(() => ({ kind: 'answer', ms: 10 }), {
    hosts: 1,
    trust: () => Promise.resolve(trust),
  });
  await story.pass(2_000);
  const process = story.hosts[0]!.process!;
  const order = formatControl({ op: 'stop', by: 'ada', runs: [process.dispatcher.run] });
  const oid = story.world.remote.record(order, signAs(by, order));
  story.world.remote.setRef(`${REFS.control}all`, oid);
  await story.pass(30_000);
  expect(process.ended).toBe(isObeyed ? 'ordered' : null);
});

it('a signed person without the right neither asks for effects outside nor starts somebody’s again', async () => {
  const trust = trusting({ ada: ['ask'], eve: ['approve'] }, ['external', 'hosts']);
  const story = tell(() => ({ kind: 'answer', ms: 20_000 }), {
    hosts: 1,
    trust: () => Promise.resolve(trust),
    keys: new Map([['h0', KEYS.get('host/h0')!]]),
  });
  const { remote } = story.world;
  const ask = (by: string, name: string): void => {
    const who = { name: by, email: `${by}@example.org` };
    const content = `---\nto: mailer\nfrom: ${by}\n---\n[[M1]]\n`;
    const writes = [{ path: `data/channels/general/${name}.md`, content }];
    const draft = { writes, author: who, committer: who, atMs: BEGINNING_MS, message: name };
    const tip = remote.commit([remote.refs.get(BRANCH)!], { ...draft, signed: signAs(by, name) });
    remote.setRef(BRANCH, tip);
  };
  ask('eve', 'hers');
  ask('ada', 'theirs');
  for (let second = 0; second < 60; second += 1) {
    await story.pass(1_000);
    for (const ref of story.claims())
      if (second % 2 === 0) remote.setRef(ref, null);
      else remote.setRef(ref, remote.record('{}', signAs('eve', '{}')));
  }
  await story.pass(60_000);
  expect(story.world.runs.length).toBe(1);
  expect(story.files().has('data/channels/general/theirs.re.mailer.md')).toBe(true);
  expect(story.files().has('data/channels/general/hers.re.mailer.md')).toBe(false);
});
