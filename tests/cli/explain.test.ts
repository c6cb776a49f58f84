import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { formatBeat } from '../../src/protocol/beat.ts';
import { formatClaim } from '../../src/protocol/claim.ts';
import { claimKey, identityOf, parseMessagePath } from '../../src/protocol/paths.ts';
import { parseOid } from '../../src/base/ids.ts';
import { eventually } from '../support/eventually.ts';
import { type Cli, type Json, letter, listOf, startCli } from '../support/cli.ts';
import { fixIs } from '../support/fix.ts';

const MODELS = `models:
  echo: { adapter: command, command: [cat], effects: none }
  slow: { adapter: command, command: [sleep, "600"], effects: none, concurrency: 1 }
  broken: { adapter: command, command: ["false"], effects: none, attempts: 1 }
`;
const AT = 'data/channels/general';
const ULID = '01JD0000000000000000000000';

let cli: Cli;
beforeAll(async () => {
  cli = await startCli({ models: MODELS });
});
afterAll(() => cli.close());
// What a failed test planted would turn the next one red as well.
afterEach(() => unplant());

const why = async (what: string): Promise<Json> => (await cli.json(['why', what])).data;
const firstPart = async (what: string): Promise<Json> => listOf(await why(what), 'parts')[0] ?? {};

/** Puts a record at a ref of the remote, as a dispatcher does. */
function plant(ref: string, text: string): void {
  const tree = cli.git(['hash-object', '-t', 'tree', '-w', '/dev/null'], cli.remote);
  const commit = cli.git(
    ['-c', 'user.name=x', '-c', 'user.email=x@x', 'commit-tree', tree, '-m', text],
    cli.remote,
  );
  cli.git(['update-ref', ref, commit], cli.remote);
}

function keyOf(path: string, recipient: string): string {
  const file = parseMessagePath(path)!;
  return claimKey({ channel: file.channel, identity: identityOf(file), recipient });
}

const QUOTA = { kind: 'failed', class: 'usage-limit', detail: 'quota' } as const;

function plantBeat(
  alias: string,
  more: Readonly<Partial<Parameters<typeof formatBeat>[0]>> = {},
): void {
  const { instance = 'abcdef012345' } = more;
  const beat = {
    alias,
    instance,
    run: '0123456789abcdef',
    count: 1,
    version: '8.0.0',
    state: 'running',
    slots: 4,
    busy: 0,
    models: [],
    blocked: [],
    pollMs: null,
    wake: null,
    atMs: Date.now(),
  } as const;
  plant(`refs/crosstalk/hosts/${alias}.${instance}`, formatBeat({ ...beat, ...more }));
}

function plantClaim(
  path: string,
  recipient: string,
  holder: string | { readonly alias: string; readonly instance: string },
): void {
  const { alias, instance } =
    typeof holder === 'string' ? { alias: holder, instance: 'abcdef012345' } : holder;
  const blob = parseOid(cli.git(['rev-parse', `main:${path}`], cli.remote))!;
  const claim = {
    message: path,
    blob,
    recipient,
    alias,
    instance,
    run: '0123456789abcdef',
    attempt: 2,
    nonce: '0011223344556677',
    effects: 'none',
  } as const;
  plant(`refs/crosstalk/claims/${keyOf(path, recipient)}`, formatClaim(claim));
}

function unplant(): void {
  for (const ref of cli
    .git(['for-each-ref', '--format=%(refname)', 'refs/crosstalk'], cli.remote)
    .split('\n'))
    if (ref !== '') cli.git(['update-ref', '-d', ref], cli.remote);
}

describe('why a message stands where it stands', () => {
  it('nobody runs: names the host that could', async () => {
    cli.say({ [`${AT}/a.md`]: letter('echo', 'hi') });
    expect(await firstPart('a')).toMatchObject({
      name: 'echo',
      kind: 'nobody-serves',
      fix: fixIs('crosstalkd run'),
    });
    expect(await firstPart('a')).toMatchObject({
      says: expect.stringContaining('this host can serve it') as unknown,
    });
  });

  it('answered, failed, and answered by hand: by whom, where and which attempt', async () => {
    cli.say({
      [`${AT}/bad.md`]: letter('broken', 'hi'),
      [`${AT}/hand.md`]: letter('echo', 'hi'),
      [`${AT}/hand.re.echo.md`]: letter('grace', 'I did it'),
    });
    await cli.answer();
    expect(await firstPart('a')).toMatchObject({
      kind: 'answered',
      says: expect.stringMatching(/^answered .* ago on mbp, [\d.]+m?s$/) as unknown,
    });
    expect(await firstPart('bad')).toMatchObject({
      kind: 'answer-failed',
      fix: fixIs('crosstalkd retry bad'),
      says: expect.stringContaining('crash') as unknown,
    });
    expect(await firstPart('hand')).toMatchObject({
      kind: 'answered-by-hand',
      says: expect.stringContaining('by grace') as unknown,
    });
  });

  it('a reply says what it answers', async () => {
    expect(await why('a.re.echo')).toMatchObject({ kind: 'reply' });
    expect(await firstPart('a.re.echo')).toMatchObject({
      says: 'is the answer of echo to a',
      fix: fixIs('crosstalkd why a'),
    });
  });

  it('a re: that names nothing: why says so, and one that names a message by its id is its thread', async () => {
    cli.say({
      [`${AT}/topic.md`]: letter('jane', 'a topic'),
      [`${AT}/lost.md`]: letter('slow', 'continue', 're: topc\n'),
      [`${AT}/found.md`]: letter('slow', 'continue', 're: topic\n'),
    });
    const says = async (id: string): Promise<string> =>
      JSON.stringify(listOf(await why(id), 'parts').filter(({ kind }) => kind === 're-nothing'));
    expect(await says('lost')).toContain(`its re: names ${AT}/topc.md`);
    expect(await says('found')).toBe('[]');
  });

  it('an answer by hand that cannot be read: it closes the question, and why and status say so', async () => {
    cli.say({ [`${AT}/asked.md`]: letter('slow', 'well?') });
    cli.say({ [`${AT}/asked.re.slow.md`]: 'yes\n' });
    expect(await firstPart('asked')).toMatchObject({
      kind: 'unreadable-reply',
      says: expect.stringContaining(
        `is closed by ${AT}/asked.re.slow.md, which is not a message`,
      ) as unknown,
      fix: fixIs(/^git pull --rebase && git rm -r .*asked\.re\.slow\.md && git commit/),
    });
    expect(await firstPart('asked.re.slow')).toMatchObject({
      kind: 'rejected',
      says: expect.stringContaining('it closes asked for slow') as unknown,
    });
    const needs = listOf((await cli.json(['status'])).data, 'needs');
    expect(JSON.stringify(needs)).toContain('at this path it closes asked for slow');
    cli.say({ [`${AT}/asked.re.slow.md`]: letter('jane', 'yes', 're: asked\n') });
  });

  it('a file that is not a message: line, found, expected, and lint', async () => {
    cli.say({ [`${AT}/wrong.md`]: '---\nto: echo\npriority: high\n---\nx\n' });
    expect(await firstPart('wrong')).toMatchObject({
      kind: 'rejected',
      fix: fixIs(`crosstalkd lint ${AT}/wrong.md`),
      says: expect.stringContaining('line 3') as unknown,
    });
  });

  it('a file without a head is a note: why and lint say it is not a message, and it needs nobody', async () => {
    cli.say({ [`${AT}/note.md`]: 'Minutes of Monday\n' });
    expect(await firstPart('note')).toMatchObject({ kind: 'rejected' });
    expect((await cli.run(['lint', AT])).stdout).toContain(`${AT}/note.md:1: rejected`);
    const { data } = await cli.json(['status']);
    expect(JSON.stringify(data['needs'])).not.toContain('note.md');
    expect(JSON.stringify(data['rejected'])).toContain('note.md');
  });

  it('a copy of a message: its name says so, and the id is that of the message that counts', async () => {
    const [id, text] = ['01KAJ3V5QCXJ5M3G0Y9T8Z7WRA', letter('nobody-yet', 'x')];
    cli.say({ [`${AT}/a-${id}.md`]: text, [`${AT}/copy-${id}.md`]: text });
    expect(await firstPart(`copy-${id}`)).toMatchObject({
      kind: 'rejected',
      fix: fixIs(new RegExp(`^git pull --rebase && git rm ${AT}/copy-${id}.md && git commit`)),
    });
    expect(await firstPart(id)).toMatchObject({ kind: 'unknown-name' });
    expect((await cli.run(['cancel', id])).code).toBe(0);
  });

  it('a message that was never pushed: the command that sends it', async () => {
    mkdirSync(join(cli.clone, AT), { recursive: true });
    writeFileSync(join(cli.clone, AT, 'forgotten.md'), letter('echo', 'x'));
    expect((await cli.run(['why', 'forgotten'])).stderr).toContain(
      `crosstalkd send ${AT}/forgotten.md`,
    );
    rmSync(join(cli.clone, AT, 'forgotten.md'));
  });

  it('a name that nobody has: did you mean', async () => {
    cli.say({ [`${AT}/typo.md`]: letter('ehco', 'x') });
    expect(await firstPart('typo')).toMatchObject({
      name: 'ehco',
      kind: 'unknown-name',
      says: expect.stringContaining('did you mean "echo"?') as unknown,
    });
  });

  it('a person is not awaited', async () => {
    cli.say({ [`${AT}/to-person.md`]: letter('grace, echo', 'x') });
    const parts = listOf(await why('to-person'), 'parts');
    expect(parts.map(({ name, kind }) => `${String(name)} ${String(kind)}`)).toContain('grace own');
  });

  it('too old, too many hops, of a project that is not here, and a copy', async () => {
    cli.say({
      [`${AT}/old.md`]: letter('echo', 'x', 'timestamp: 2020-01-01T00:00:00Z\n'),
      [`${AT}/far.md`]: letter('echo', 'x', 'hops: 9\n'),
      [`${AT}/app.md`]: letter('echo', 'x', 'project: app\n'),
      [`${AT}/one-${ULID}.md`]: letter('echo', 'x'),
      [`${AT}/two-${ULID}.md`]: letter('echo', 'x'),
    });
    expect(await firstPart('old')).toMatchObject({
      kind: 'stale',
      fix: fixIs('crosstalkd retry old'),
    });
    expect(await firstPart('app')).toMatchObject({ kind: 'no-project', needs_person: true });
    expect(await firstPart('far')).toMatchObject({
      kind: 'hops',
      fix: fixIs('crosstalkd cancel far'),
    });
    expect(await firstPart(`${AT}/two-${ULID}.md`)).toMatchObject({
      kind: expect.stringMatching(/twin|rejected/) as unknown,
    });
  });

  it('a host that is not up', async () => {
    cli.say({ [`${AT}/pinned.md`]: letter('echo@attic', 'x') });
    expect(await firstPart('pinned')).toMatchObject({
      kind: 'pinned-away',
      says: 'waits for host "attic", which is not up',
    });
  });

  it('a model that waits for approval here', async () => {
    cli.say({
      'data/models.yaml': `${MODELS}  fresh: { adapter: command, command: [cat], effects: none }\n`,
      [`${AT}/new.md`]: letter('fresh', 'x'),
    });
    expect(await firstPart('new')).toMatchObject({
      kind: 'not-allowed',
      fix: fixIs('crosstalkd allow fresh'),
    });
    expect(await firstPart('fresh')).toMatchObject({ fix: fixIs('crosstalkd allow fresh') });
  });

  it('says that a host which takes only what is signed holds back what nobody has signed', async () => {
    const external = letter('echo', 'x').replace('---\n', '---\neffects: external\n');
    cli.say({ [`${AT}/bare.md`]: external, [`${AT}/kind.md`]: letter('echo', 'x') });
    plantBeat('beta', { models: ['echo'], requires: ['external'] });
    expect(await firstPart('bare')).toMatchObject({
      kind: 'unsigned',
      says: expect.stringContaining(
        'is not signed, and beta requires the signature of ',
      ) as unknown,
      fix: fixIs(`crosstalkd trust message ${AT}/bare.md   (on beta)`),
    });
    expect(await firstPart('kind')).toMatchObject({ kind: 'ready' });
    plantBeat('alpha', { models: ['echo'] });
    expect(await firstPart('bare')).toMatchObject({ kind: 'ready' });
    for (const id of ['bare', 'kind']) await cli.run(['cancel', id]);
  });

  it('says that two hosts have one name, where both were up a short while ago', async () => {
    plantBeat('twin');
    plantBeat('twin', { instance: 'fedcba543210' });
    const row = 'twin: 2 hosts have this name';
    expect((await cli.run(['status'])).stdout).toContain(row);
    for (const words of [['hosts'], ['why', 'twin']])
      expect((await cli.run(words)).stdout).toContain('2 hosts have this name');
    plantBeat('twin', { instance: 'fedcba543210', atMs: Date.now() - 2 * 3_600_000 });
    expect((await cli.run(['status'])).stdout).not.toContain(row);
    for (const instance of ['abcdef012345', 'fedcba543210'])
      cli.git(['update-ref', '-d', `refs/crosstalk/hosts/twin.${instance}`], cli.remote);
  });

  it('what this host left waits for its next dispatcher, which removes its beat of an older name', async () => {
    const once = ['run', '--once', '--only', 'echo'];
    const { stdout } = await cli.run(once);
    const instance = /"instance":"([0-9a-f]{12})"/.exec(stdout)?.[1] ?? '';
    cli.say({ [`${AT}/left.md`]: letter('echo', 'x') });
    plantClaim(`${AT}/left.md`, 'echo', { alias: 'attic', instance });
    plantBeat('attic', { instance });
    expect(await firstPart('left')).toMatchObject({
      kind: 'host-down',
      fix: fixIs('crosstalkd run'),
    });
    await cli.run(once);
    expect(cli.git(['for-each-ref', 'refs/crosstalk/hosts/attic*'], cli.remote)).toBe('');
  });

  it("other hosts' own reasons: does not serve, rests, paused, busy, and who would take it", async () => {
    cli.say({ [`${AT}/who.md`]: letter('echo', 'x') });
    plantBeat('alpha', { models: ['other'] });
    plantBeat('beta', {
      models: ['echo'],
      blocked: [{ model: 'echo', why: QUOTA, untilMs: Date.now() + 3_600_000 }],
    });
    plantBeat('gamma', { models: ['echo'], state: 'paused' });
    plantBeat('delta', { models: ['echo'], slots: 2 });
    for (const model of ['m1', 'm2']) plantClaim(`${AT}/a.md`, model, 'delta');
    const part = await firstPart('who');
    expect(part['kind']).toBe('parked');
    expect(
      (part['hosts'] as readonly Json[]).map(
        ({ host, says }) => `${String(host)}: ${String(says)}`,
      ),
    ).toEqual([
      'alpha: does not serve echo',
      expect.stringMatching(/^beta: echo rests for (59m|1h).*usage-limit: quota$/),
      'delta: all 2 slots are busy',
      'gamma: is paused',
    ]);
    // A host with room for other models may have none for this one.
    cli.say({ [`${AT}/next.md`]: letter('slow', 'x') });
    plantBeat('zeta', { models: ['slow'] });
    plantClaim(`${AT}/who.md`, 'slow', 'zeta');
    expect(await firstPart('next')).toMatchObject({
      kind: 'waiting',
      says: expect.stringContaining('slow runs 1 of 1 at a time') as unknown,
    });
    expect((await cli.run(['why', 'next'])).stdout).toContain('slow: no host takes it now');
    plantBeat('zeta', { models: ['slow'], state: 'paused' });
    expect(await firstPart('next')).toMatchObject({
      kind: 'paused',
      fix: fixIs('crosstalkd resume   (on zeta)'),
    });
    plantBeat('epsilon', { models: ['echo'] });
    expect(await firstPart('who')).toMatchObject({
      kind: 'ready',
      says: expect.stringContaining('epsilon takes it') as unknown,
    });
    expect(listOf((await cli.json(['hosts'])).data, 'hosts')).toHaveLength(6);
    expect(await why('beta')).toMatchObject({ kind: 'host' });
  });

  it('a claim whose holder beats, one whose holder is silent, and one that nobody can read', async () => {
    const path = `${AT}/who.md`;
    plantBeat('attic', { models: ['echo'] });
    plantClaim(path, 'echo', 'attic');
    expect(await firstPart('who')).toMatchObject({
      kind: 'running',
      says: expect.stringMatching(/^runs on attic, attempt 2; its last beat is/) as unknown,
    });
    plantBeat('attic', { models: ['echo'], atMs: Date.now() - 3_600_000 });
    expect(await firstPart('who')).toMatchObject({
      kind: 'holder-silent',
      fix: fixIs('crosstalkd run'),
    });
    expect((await cli.json(['hosts'])).data).toMatchObject({ health: 'degraded' });
    plant(`refs/crosstalk/claims/${keyOf(path, 'echo')}`, 'garbage \u001b[31m');
    expect(await firstPart('who')).toMatchObject({
      kind: 'claim-unreadable',
      says: expect.stringContaining('unreadable claim') as unknown,
      fix: fixIs('crosstalkd doctor --fix'),
    });
    const doctor = await cli.json(['doctor', '--fix']);
    expect(doctor.data['repaired']).toEqual([expect.stringContaining('refs/crosstalk/claims/')]);
    expect(await firstPart('who')).not.toMatchObject({ kind: 'claim-unreadable' });
  });

  it('the dispatcher here: runs it, and has no place for the next', async () => {
    // Both are there before it starts: a push of ours would race with its own.
    cli.say({
      [`${AT}/s1.md`]: letter('slow', 'x', 'priority: 9\n'),
      [`${AT}/s2.md`]: letter('slow', 'x'),
      [`${AT}/code.md`]: letter('echo', 'x', 'project: app\n'),
    });
    const host = cli.start(['run', '--interval', '0.2']);
    try {
      await eventually(
        () => firstPart('s1'),
        ({ kind, says }) => kind === 'running' && String(says).includes('has run for'),
      );
      await eventually(
        () => firstPart('s2'),
        ({ kind }) => kind === 'waiting',
      );
      expect(await firstPart('s1')).toMatchObject({
        kind: 'running',
        says: expect.stringMatching(/^runs on mbp \(this host\); its agent has run for/) as unknown,
      });
      expect(await firstPart('s2')).toMatchObject({
        says: 'mbp (this host): slow runs 1 of 1 at a time',
        fix: null,
      });
      expect(await firstPart('code')).toMatchObject({
        says: expect.stringContaining('mbp has no project "app" in its config.yaml') as unknown,
        fix: fixIs(new RegExp('put "projects: { app: <directory> }" into the config.yaml')),
      });
      expect(listOf((await cli.json(['status'])).data, 'running')).toHaveLength(1);
    } finally {
      await cli.run(['cancel', 'code']);
      await cli.run(['cancel', 's1']);
      await cli.run(['cancel', 's2']);
      await host.stop();
    }
  });

  it('what is not in the transport: a file never sent, a slip, nothing at all', async () => {
    mkdirSync(join(cli.clone, AT), { recursive: true });
    writeFileSync(join(cli.clone, AT, 'draft.md'), letter('echo', 'x'));
    const draft = await cli.run(['why', `${AT}/draft.md`]);
    expect(draft).toMatchObject({ code: 3 });
    expect(draft.stderr).toContain(`crosstalkd send ${AT}/draft.md`);
    expect((await cli.run(['why', 'echoo'])).stderr).toContain('did you mean "echo"?');
    expect((await cli.run(['why', 'general'])).stderr).toContain('crosstalkd log general');
    expect((await cli.run(['why', 'zzzzzz'])).code).toBe(3);
  });
});

describe('status', () => {
  it('says first how many things need a person, then each with its command', async () => {
    const { code, stdout } = await cli.run(['status']);
    expect(code).toBe(0);
    const [verdict] = stdout.split('\n');
    expect(verdict).toMatch(/^\d+ things need you/);
    for (const command of [
      'crosstalkd lint\n',
      'crosstalkd retry old',
      'crosstalkd allow fresh',
      'crosstalkd send -C',
    ])
      expect(stdout).toContain(command);
  });

  it('puts one object with ok, health and every need on one line with --json', async () => {
    const { data } = await cli.json(['status']);
    expect(data).toMatchObject({ ok: true, health: 'degraded', branch: 'main' });
    expect(listOf(data, 'rejected')).not.toHaveLength(0);
    const kinds = listOf(data, 'needs').map(({ kind }) => kind);
    expect(kinds).toEqual(
      expect.arrayContaining([
        'files-rejected',
        'unknown-name',
        'stale',
        'hops',
        'failure',
        'not-allowed',
        'unsent',
      ]),
    );
  });

  it('prints every setting with its origin', async () => {
    const { data } = await cli.json(['status', '--config'], { env: { CROSSTALK_LEASE: '30s' } });
    const lease = listOf(data, 'settings').find(({ key }) => key === 'lease');
    expect(lease).toMatchObject({ value: '30s', origin: 'CROSSTALK_LEASE' });
  });

  it('lets no control code through', async () => {
    cli.say({ [`${AT}/esc.md`]: letter('echo', 'x', 'from: "\\u001b[31mred"\n') });
    const { stdout, stderr } = await cli.run(['status']);
    expect(stdout + stderr).not.toContain('\u001b');
  });
});

it('says that all is well when nothing waits', async () => {
  const fresh = await startCli();
  try {
    expect((await fresh.run(['status'])).stdout).toMatch(/^All is well: nothing waits\./);
  } finally {
    fresh.close();
  }
});
