import { readFileSync, renameSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { type Cli, type Json, letter, listOf, type Running, startCli } from '../support/cli.ts';
import { fixIs } from '../support/fix.ts';

const MODELS = `models:
  echo: { adapter: command, command: [cat], effects: none }
  slow: { adapter: command, command: [sleep, "600"], effects: none, concurrency: 2 }
  broken: { adapter: command, command: ["false"], effects: none, attempts: 1 }
`;

let cli: Cli;
let running: Running[] = [];

beforeAll(async () => {
  cli = await startCli({ models: MODELS });
});
afterEach(async () => {
  await Promise.all(running.map((one) => one.stop()));
  running = [];
});
afterAll(() => cli.close());

async function startRun(...args: readonly string[]): Promise<Running> {
  const started = cli.start(['run', '--interval', '0.2', ...args]);
  running.push(started);
  await started.until('"models.loaded"');
  return started;
}

const status = async (): Promise<Json> => (await cli.json(['status'])).data;
const stateHere = (data: Json): unknown => (data['here'] as Json | null)?.['state'];
const send = async (to: string, text: string): Promise<string> =>
  String((await cli.json(['send', '--to', to, '-m', text])).data['id']);
const kindOf = async (id: string): Promise<string> =>
  String(listOf((await cli.json(['why', id])).data, 'parts')[0]?.['kind']);
const remoteRefs = (): string =>
  cli.git(['for-each-ref', '--format=%(refname)', 'refs/crosstalk'], cli.remote);

describe('without a dispatcher', () => {
  it.each(['pause', 'resume', 'drain', 'stop'])(
    '%s says that none runs here and exits 3',
    async (op) => {
      const ended = await cli.run([op]);
      expect(ended.code).toBe(3);
      expect(ended.stderr).toContain('no dispatcher runs here; nothing to');
    },
  );

  it('resume --all exits 3 when nobody has paused all hosts', async () => {
    expect((await cli.run(['resume', '--all'])).code).toBe(3);
  });

  it('drain --all exits 3 when no host is up', async () => {
    expect((await cli.run(['drain', '--all'])).code).toBe(3);
  });
});

describe('a running dispatcher', () => {
  it('takes nothing while paused, and continues after resume', async () => {
    await startRun();
    expect((await cli.json(['pause'])).data).toMatchObject({
      told: 'mbp is paused until crosstalkd resume',
      host: { alias: 'mbp', state: 'paused', paused_here: true },
    });
    const id = await send('echo', 'while paused');
    const why = await eventually(
      () => cli.json(['why', id]),
      ({ data }) => listOf(data, 'parts')[0]?.['kind'] === 'paused',
    );
    expect(listOf(why.data, 'parts')[0]).toMatchObject({
      name: 'echo',
      fix: fixIs('crosstalkd resume'),
    });
    const paused = await status();
    expect(paused).toMatchObject({ ok: true, health: 'degraded' });
    expect(listOf(paused, 'needs').map(({ kind }) => kind)).toContain('paused-here');
    expect(await cli.run(['resume'])).toMatchObject({ code: 0, stdout: 'mbp takes work again\n' });
    await eventually(
      () => kindOf(id),
      (kind) => kind === 'answered',
    );
  });

  it('obeys an order to all hosts until it is taken back', async () => {
    await startRun();
    const told = await cli.run(['pause', '--all']);
    expect(told).toMatchObject({ code: 0 });
    await eventually(status, (data) => stateHere(data) === 'paused');
    expect(listOf(await status(), 'needs')[0]).toMatchObject({
      kind: 'all-paused',
      fix: fixIs('crosstalkd resume --all'),
    });
    expect((await cli.run(['resume'])).stdout).toContain('stays paused: ada has paused all hosts');
    expect((await cli.run(['resume', '--all'])).code).toBe(0);
    await eventually(status, (data) => stateHere(data) === 'running');
  });

  it('ends by drain when its agents are done, and by stop within the grace', async () => {
    const first = await startRun();
    expect((await cli.run(['drain'])).stdout).toContain('ends when it is done');
    await first.until('"dispatcher.ended"');
    running = [];
    await startRun();
    expect(await cli.run(['stop'])).toMatchObject({ code: 0, stdout: 'mbp has stopped\n' });
    expect((await cli.run(['stop'])).code).toBe(3);
  });

  it('ends by stop --all on every host that is up, and one that starts later is not meant', async () => {
    const other = await startRun('--alias', 'mini', '--state', `${cli.place}/state-mini`);
    const here = await startRun();
    await eventually(
      () => cli.json(['hosts']),
      ({ data }) => listOf(data, 'hosts').length === 2,
    );
    expect((await cli.run(['stop', '--all'])).stdout).toContain('2 hosts end');
    await Promise.all([other.until('"dispatcher.ended"'), here.until('"dispatcher.ended"')]);
    running = [];
    await startRun();
    const id = await send('echo', 'after the order');
    await eventually(
      () => kindOf(id),
      (kind) => kind === 'answered',
    );
  });

  it('keeps a second one out: exit 5, naming the holder and the way', async () => {
    await startRun();
    const second = await cli.run(['run', '--once']);
    expect(second.code).toBe(5);
    expect(second.stderr).toMatch(/HELD_BY_ANOTHER.*process \d+/);
  });

  it('writes what it does to its log file, one JSON object a line', async () => {
    const { data } = await cli.json(['status', '--config']);
    const lines = readFileSync(`${String(data['state'])}/log.jsonl`, 'utf8')
      .trimEnd()
      .split('\n');
    const events = lines.map((line) => (JSON.parse(line) as Json)['event']);
    expect(events).toEqual(
      expect.arrayContaining([
        'dispatcher.started',
        'host.paused',
        'reply.published',
        'dispatcher.ended',
      ]),
    );
  });
});

describe('cancel', () => {
  it('ends the agent that runs, closes the message for good, and takes the claim away in the same push', async () => {
    const host = await startRun();
    const id = await send('slow', 'take your time');
    await host.until('"attempt.started"');
    const why = await cli.json(['why', id]);
    expect(listOf(why.data, 'parts')[0]).toMatchObject({
      kind: 'running',
      fix: fixIs(`crosstalkd cancel ${id}`),
    });
    const cancelled = await cli.json(['cancel', id]);
    expect(cancelled).toMatchObject({ code: 0, data: { ok: true, cancelled: ['slow'] } });
    expect(remoteRefs()).not.toContain('/claims/');
    await host.until('"attempt.stopped"');
    expect(await kindOf(id)).toBe('cancelled');
    expect((await cli.run(['cancel', id])).code).toBe(3);
    expect(cli.git(['log', '-1', '--format=%an|%s', 'main'], cli.remote)).toBe(
      'Ada|slow ✗ ada: cancelled by ada',
    );
  });

  it('closes only those named with --to', async () => {
    const { data } = await cli.json(['send', '--to', 'echo,slow', '-m', 'both']);
    const id = String(data['id']);
    expect((await cli.json(['cancel', id, '--to', 'slow'])).data).toMatchObject({
      cancelled: ['slow'],
    });
    const parts = listOf((await cli.json(['why', id])).data, 'parts');
    expect(parts.map(({ name, kind }) => `${String(name)} ${String(kind)}`)).toEqual([
      'echo nobody-serves',
      'slow cancelled',
    ]);
    await cli.run(['cancel', id]);
  });
});

describe('retry', () => {
  it('asks those who failed again, closes the old message, and refuses to do it twice', async () => {
    const id = await send('broken', 'once more');
    await cli.answer();
    expect(await kindOf(id)).toBe('answer-failed');
    expect(listOf(await status(), 'failed').map((one) => one['id'])).toContain(id);
    const retried = await cli.json(['retry', id]);
    expect(retried).toMatchObject({ code: 0, data: { ok: true, to: ['broken'] } });
    const text = cli.git(['show', `main:${String(retried.data['path'])}`], cli.remote);
    expect(text).toContain(`retries: ${String(retried.data['retries'])}`);
    expect(text).toContain('once more');
    const again = await cli.run(['retry', id]);
    expect(again.code).toBe(1);
    expect(again.stderr).toContain(`crosstalkd why ${String(retried.data['id'])}`);
    expect(listOf(await status(), 'failed').map((one) => one['id'])).not.toContain(id);
    await cli.run(['cancel', String(retried.data['id'])]);
  });

  it('takes along what a message says beside its text, wherever the new one stands', async () => {
    cli.say({
      'data/channels/general/talk/chart.txt': 'a chart',
      'data/channels/general/talk/look.md': letter(
        'broken',
        'look at it',
        'files: [chart.txt]\neffects: external\ntimeout_minutes: 3\n',
      ),
    });
    await cli.answer();
    const { data } = await cli.json(['retry', 'talk/look']);
    const text = cli.git(['show', `main:${String(data['path'])}`], cli.remote);
    expect(text).toContain('data/channels/general/talk/chart.txt');
    expect(text).toContain('effects: external');
    expect(text).toContain('timeout_minutes: 3');
    await cli.answer();
    const [part] = listOf((await cli.json(['why', String(data['id'])])).data, 'parts');
    expect(part?.['says']).not.toContain('attachment');
    await cli.run(['cancel', String(data['id'])]);
  });

  it('asks a message again that is too old to run on its own', async () => {
    cli.say({
      'data/channels/general/old.md': letter(
        'echo',
        'from long ago',
        'timestamp: 2020-01-01T00:00:00Z\n',
      ),
    });
    expect(await kindOf('old')).toBe('stale');
    const { code, data } = await cli.json(['retry', 'old']);
    expect(code).toBe(0);
    expect(listOf((await cli.json(['why', 'old'])).data, 'parts')[0]).toMatchObject({
      kind: 'retried',
    });
    await cli.answer();
    expect(await kindOf(String(data['id']))).toBe('answered');
  });

  it('refuses what is still awaited and what was answered, with the command that helps', async () => {
    const id = await send('echo', 'open');
    const open = await cli.run(['retry', id]);
    expect(open).toMatchObject({ code: 1 });
    expect(open.stderr).toContain(`crosstalkd cancel ${id}`);
    await cli.answer();
    const answered = await cli.run(['retry', id]);
    expect(answered).toMatchObject({ code: 1 });
    expect(answered.stderr).toContain('everybody asked has answered');
  });
});

describe('unreachable', () => {
  it('run --once and the commands that act exit 4, status tells what it knows', async () => {
    const away = `${cli.remote}.away`;
    renameSync(cli.remote, away);
    try {
      expect((await cli.run(['run', '--once', '--interval', '0.1'])).code).toBe(4);
      expect((await cli.run(['cancel', 'old'])).code).toBe(4);
      const seen = await cli.json(['status']);
      expect(seen).toMatchObject({ code: 4, data: { ok: false, health: 'unreachable' } });
      expect(listOf(seen.data, 'needs')[0]).toMatchObject({ kind: 'outage' });
      expect((await cli.run(['doctor'])).code).toBe(4);
    } finally {
      renameSync(away, cli.remote);
    }
  });
});
