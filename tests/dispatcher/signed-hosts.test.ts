/**
 * What somebody who can push, or who has a host's key that is no longer known, can do with claims,
 * beats, marks and files of runs where hosts have to sign them.
 */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type Beat, formatBeat } from '../../src/protocol/beat.ts';
import { formatClaim } from '../../src/protocol/claim.ts';
import { listWork } from '../../src/protocol/list-work.ts';
import { judgeAllWork } from '../../src/dispatcher/tick.ts';
import { sayReason } from '../../src/protocol/say-reason.ts';
import { signSsh, sshKeyOf } from '../../src/protocol/ssh-signature.ts';
import { hostPrincipal, standingKey, type Trust } from '../../src/protocol/trust.ts';
import { killProcess } from '../simulation/host.ts';
import { type Story, tell } from '../simulation/stories.ts';
import { REFS } from '../simulation/world.ts';
import type { Act } from '../support/fake-agents.ts';

const NOTE = 'data/channels/general/note.md';
const ask = (to: string): string => `---\nto: ${to}\nfrom: ada\n---\n[[M1]]\n`;
const TYPE: Readonly<Record<string, string>> = {
  opus: 'message',
  mailer: 'message',
  workflow: 'workflow',
};
const answerIn = (ms: number) => (): Act => ({ kind: 'answer', ms });
const newKey = (): KeyObject => generateKeyPairSync('ed25519').privateKey;
const KEYS = new Map(['h0', 'h1', 'stolen'].map((alias) => [alias, newKey()]));

function trusting(...aliases: readonly string[]): Trust {
  const known = aliases.map((alias) => {
    return [hostPrincipal(alias), new Set([sshKeyOf(KEYS.get(alias)!)])] as const;
  });
  const required = new Set(['hosts'] as const);
  return { required, signers: new Map(known), letThrough: new Set(), rights: null };
}

/** Two hosts that sign with their keys, and require what `trust` says now. */
function tellSigned(act: () => Act, trust: { now: Trust }, hosts = 2): Story {
  return tell(act, { hosts, keys: KEYS, trust: () => Promise.resolve(trust.now) });
}

const signed = (text: string, alias: string) => {
  const payload = Buffer.from(text);
  return { payload, signature: signSsh(payload, KEYS.get(alias)!) };
};

const aliasOf = (story: Story): string => story.world.runs[0]?.host ?? '';
const replyOf = (story: Story, model: string): string =>
  story.files().get(NOTE.replace('.md', `.re.${model}.md`)) ?? '';

/** Puts a claim of `alias` on the one open message, signed with its key or not. */
function forge(story: Story, alias: string, isSigned: boolean): string {
  const [work] = story.hosts.flatMap(({ process }) => listWork(process!.dispatcher.mirror.index()));
  const text = formatClaim({
    message: work!.message.path,
    blob: work!.message.blob,
    recipient: work!.recipient,
    alias,
    instance: 'f'.repeat(12),
    run: 'e'.repeat(16),
    attempt: 1_000_000,
    nonce: 'd'.repeat(16),
    effects: 'none',
  });
  const { remote } = story.world;
  const oid = remote.record(text, isSigned ? signed(text, alias) : undefined);
  remote.setRef(REFS.claims + work!.key, oid);
  return oid;
}

function pause(story: Story, isPaused: boolean): void {
  for (const { process } of story.hosts)
    if (process !== null) process.dispatcher.state.host.pausedHere = isPaused;
}

describe('where hosts have to sign', () => {
  it('they answer each other, start what acts outside once, and take over from the dead', async () => {
    const trust = { now: trusting('h0', 'h1') };
    const story = tellSigned(answerIn(30_000), trust);
    story.say({ [NOTE]: ask('mailer, opus') });
    await story.pass(8_000);
    const host = story.hosts.find(({ name }) => name === aliasOf(story));
    killProcess(story.world, host!, 'machine');
    await story.pass(200_000);
    expect(replyOf(story, 'opus')).toContain('answer');
    expect(replyOf(story, 'mailer')).not.toBe('');
    const mailed = story.world.runs.filter(({ model }) => model === 'mailer');
    expect(mailed).toHaveLength(1);
  });

  it.each([
    ['nobody has signed', 'h0', false],
    ['a removed host has signed', 'stolen', true],
  ])('a claim that %s is in the way only until it is read', async (_, alias, isSigned) => {
    const story = tellSigned(answerIn(1_000), { now: trusting('h0', 'h1') });
    await story.pass(2_000);
    pause(story, true);
    story.say({ [NOTE]: ask('opus') });
    await story.pass(12_000);
    const oid = forge(story, alias, isSigned);
    pause(story, false);
    await story.pass(22_000);
    expect([...story.world.remote.refs.values()]).not.toContain(oid);
    await story.pass(10_000);
    expect(replyOf(story, 'opus')).toContain('answer');
  });

  it('a forged claim in the place of ours does not end our agent', async () => {
    const story = tellSigned(answerIn(30_000), { now: trusting('h0', 'h1') });
    story.say({ [NOTE]: ask('opus') });
    for (let at = 0; at < 20; at += 1) {
      await story.pass(1_000);
      if (story.world.runs.length > 0) forge(story, 'h1', false);
    }
    await story.pass(60_000);
    expect(story.world.runs).toHaveLength(1);
    expect(replyOf(story, 'opus')).toContain('answer r0');
  });

  it.each([
    ['somebody forges', false],
    ['somebody puts back, one after the other,', true],
  ])('beats that %s do not keep a dead host alive', async (_, isReplayed) => {
    const story = tellSigned(() => ({ kind: 'endless' }), { now: trusting('h0', 'h1') });
    story.say({ [NOTE]: ask('opus') });
    const { remote } = story.world;
    const kept: { ref: string; text: string; oid: string }[] = [];
    for (let at = 0; at < 25; at += 1) {
      await story.pass(1_000);
      for (const [ref, oid] of remote.refs)
        if (ref.startsWith(`${REFS.hosts}${aliasOf(story)}.`) && kept.at(-1)?.oid !== oid)
          kept.push({ ref, oid, text: remote.commitInfo(oid)?.message ?? '' });
    }
    const last = kept.at(-1)!;
    killProcess(
      story.world,
      story.hosts.find(({ name }) => name === aliasOf(story))!,
      'machine',
    );
    for (let at = 0; at < 90; at += 1) {
      await story.pass(1_000);
      const old = kept[at % kept.length]!;
      const beat = { ...(JSON.parse(last.text) as Beat), count: 1_000 + at };
      const forged = remote.record(formatBeat(beat));
      remote.setRef(
        last.ref,
        isReplayed ? remote.record(old.text, signed(old.text, aliasOf(story))) : forged,
      );
    }
    expect(kept.length).toBeGreaterThan(1);
    expect(new Set(story.world.runs.map(({ host }) => host)).size).toBe(2);
  });

  it('beats that are put back in their order do not fool a host that has just begun', async () => {
    const story = tellSigned(() => ({ kind: 'endless' }), { now: trusting('h0', 'h1') });
    const [first, late] = story.hosts;
    killProcess(story.world, late!, 'machine');
    story.say({ [NOTE]: ask('opus') });
    const { remote } = story.world;
    const kept: { ref: string; text: string }[] = [];
    for (let at = 0; at < 80; at += 1) {
      await story.pass(1_000);
      for (const [ref, oid] of remote.refs)
        if (
          ref.startsWith(`${REFS.hosts}h0.`) &&
          kept.at(-1)?.text !== remote.commitInfo(oid)?.message
        )
          kept.push({ ref, text: remote.commitInfo(oid)?.message ?? '' });
    }
    killProcess(story.world, first!, 'machine');
    // Two hours later.
    late!.hands.wallOffsetMs += 2 * 3_600_000;
    story.start(late!);
    for (const { ref, text } of kept) {
      remote.setRef(ref, remote.record(text, signed(text, 'h0')));
      await story.pass(10_000);
    }
    expect(kept.length).toBeGreaterThan(6);
    expect(story.world.runs.map(({ host }) => host)).toEqual(['h0', 'h1']);
  });

  it('a mark that nobody known has signed holds the message back, and ends in no failure', async () => {
    const trust = { now: trusting('h0', 'h1') };
    const story = tellSigned(answerIn(1_000), trust);
    const mark = JSON.stringify({
      ...{ v: 1, blob: 'b'.repeat(40), alias: 'h1', instance: 'f'.repeat(12) },
      nonce: 'd'.repeat(16),
    });
    story.say({ [NOTE]: ask('mailer'), [NOTE.replace('.md', '.started.mailer')]: `${mark}\n` });
    await story.pass(200_000);
    expect(story.world.runs).toEqual([]);
    expect(replyOf(story, 'mailer')).toBe('');
    const [judged] = judgeAllWork(story.hosts[0]!.process!.dispatcher);
    expect(judged?.reason).toMatchObject({ kind: 'unsigned', from: 'host h1' });
    expect(sayReason(judged!.reason)).toMatch(
      /^rests on .*note\.started\.mailer, which is not signed/,
    );
    story.say({}, [NOTE.replace('.md', '.started.mailer')]);
    await story.pass(60_000);
    expect(replyOf(story, 'mailer')).toContain('answer');
  });

  it('a host whose key is removed while it works is taken for nobody from then on', async () => {
    const trust = { now: trusting('h0', 'h1') };
    const story = tellSigned(() => ({ kind: 'endless' }), trust);
    story.say({ [NOTE]: ask('opus') });
    await story.pass(8_000);
    const removed = aliasOf(story);
    const rest = ['h0', 'h1'].filter((alias) => alias !== removed);
    // The one whose key it is still knows itself.
    const other = story.hosts.find(({ name }) => name !== removed);
    Object.assign(other!.process!.dispatcher.doors, {
      trust: () => Promise.resolve(trusting(...rest)),
    });
    await story.pass(40_000);
    expect(story.world.runs.map(({ host }) => host)).toContain(rest[0]);
  });

  it('a run is held back at an answer, a plan or a decision that nobody known has signed', async () => {
    const marker = 'data/channels/general/wf.md';
    const steps =
      'steps:\n  a: { prompt: a, model: opus }\n  b: { ask: { title: "Ship?" }, needs: [a] }\n';
    for (const forged of ['answer', 'decision', 'plan'] as const) {
      const trust = { now: trusting('h0', 'h1') };
      const act = forged === 'answer' ? (): Act => ({ kind: 'endless' }) : answerIn(10);
      const story = tellSigned(act, trust);
      story.say({ [marker]: `---\nto: workflow\nfrom: ada\ntype: workflow\n${steps}---\n` });
      await story.pass(20_000);
      const paths = [...story.files().keys()];
      const root = paths.find((path) => path.endsWith('/RUN.json'))!.replace('RUN.json', '');
      const ask = paths.find((path) => path.endsWith('/ask.md')) ?? '';
      const files = {
        answer: [`${root}steps/a/one/task.re.opus.md`, '---\nfrom: opus\n---\nship it\n'],
        decision: [ask.replace('ask.md', 'decision.json'), '{"status":"approved"}\n'],
        plan: [`${root}plan/2.yaml`, 'steps: { x: { prompt: x, model: opus } }\n'],
      } as const;
      const [path, text] = files[forged];
      if (forged === 'answer') expect(paths).toContain(path.replace('.re.opus', ''));
      if (forged === 'decision') expect(ask).not.toBe('');
      story.say({ [path]: text });
      await story.pass(60_000);
      const before = story.files();
      const judged = judgeAllWork(story.hosts[0]!.process!.dispatcher);
      const held = judged.find(({ work }) => work.message.path === marker);
      expect(held?.reason, forged).toMatchObject({ kind: 'unsigned', path });
      await story.pass(60_000);
      expect([...story.files().keys()], forged).toEqual([...before.keys()]);
      expect([...before.keys()].filter((one) => one.endsWith('/COMPLETE'))).toEqual([]);
    }
  });

  describe('a reply that nobody known has signed', () => {
    const FORGED = '---\nfrom: opus\nre: note\nhost: h0\n---\nforged\n';
    const REPLY = NOTE.replace('.md', '.re.opus.md');
    const HELD: unknown = expect.objectContaining({ kind: 'unsigned' });
    const heldAt = (story: Story): readonly unknown[] =>
      story.hosts.map(
        ({ process }) =>
          judgeAllWork(process!.dispatcher).find(({ work }) => work.message.path === NOTE)?.reason,
      );

    it.each([
      ['opus', REPLY],
      ['mailer', REPLY.replace('opus', 'mailer')],
      ['workflow', REPLY.replace('opus', 'workflow')],
      ['opus', `${REPLY}/x.md`],
    ])('leaves a message to %s open, and holds it back: %s', async (model, path) => {
      const story = tellSigned(answerIn(100), { now: trusting('h0', 'h1') });
      await story.pass(2_000);
      pause(story, true);
      story.say({ [NOTE]: `---\nto: ${model}\nfrom: ada\ntype: ${TYPE[model]}\n---\n[[M1]]\n` });
      await story.pass(10_000);
      story.say({ [path]: FORGED });
      pause(story, false);
      await story.pass(100_000);
      expect(heldAt(story)).toEqual([HELD, HELD]);
      expect(story.world.runs).toEqual([]);
      expect(story.files().get(path)).toBe(FORGED);
      story.say({}, [path]);
      await story.pass(100_000);
      expect(story.files().get(REPLY.replace('opus', model))).toMatch(/answer|error: workflow/);
      if (model !== 'workflow') expect(story.world.runs).toHaveLength(1);
    });

    it('does not stop the agent that answers, whose own reply waits for its place', async () => {
      const story = tellSigned(answerIn(30_000), { now: trusting('h0', 'h1') });
      story.say({ [NOTE]: ask('opus, mailer') });
      await story.pass(20_000);
      expect(story.world.runs).toHaveLength(2);
      const forged = [REPLY, REPLY.replace('opus', 'mailer')];
      story.say(Object.fromEntries(forged.map((path) => [path, FORGED])));
      await story.pass(100_000);
      expect(story.world.runs.map(({ endedMs }) => endedMs !== null)).toEqual([true, true]);
      story.say({}, forged);
      await story.pass(60_000);
      expect(story.world.runs).toHaveLength(2);
      for (const model of ['opus', 'mailer']) expect(replyOf(story, model)).toContain('answer r');
    });

    it('is known to a host that was off, and to one that begins, and counts once let through', async () => {
      const trust = { now: trusting('h0', 'h1') };
      const story = tellSigned(answerIn(100), trust);
      await story.pass(5_000);
      const [off] = story.hosts;
      killProcess(story.world, off!, 'process');
      pause(story, true);
      story.say({ [NOTE]: ask('opus'), [REPLY]: FORGED });
      await story.pass(5_000);
      story.start(off!);
      await story.pass(60_000);
      const { index } = story.hosts[0]!.process!.dispatcher.mirror;
      expect([...index().forged.keys()]).toEqual([REPLY]);
      expect(heldAt(story)).toEqual([HELD, HELD]);
      const { oid } = index().forged.get(REPLY)!;
      trust.now = { ...trust.now, letThrough: new Set([standingKey({ path: REPLY, blob: oid })]) };
      await story.pass(60_000);
      expect(heldAt(story)).toEqual([undefined, undefined]);
      expect(story.world.runs).toEqual([]);
    });

    it('in the place of one that counted opens its message again, and starts nothing outside', async () => {
      const story = tellSigned(answerIn(100), { now: trusting('h0', 'h1') });
      story.say({ [NOTE]: ask('mailer') });
      await story.pass(30_000);
      const path = REPLY.replace('opus', 'mailer');
      const genuine = story.files().get(path)!;
      story.say({ [path]: FORGED });
      await story.pass(60_000);
      expect(heldAt(story)).toEqual([HELD, HELD]);
      story.say({ [path]: genuine });
      await story.pass(60_000);
      expect(story.world.runs).toHaveLength(1);
    });
  });
});
