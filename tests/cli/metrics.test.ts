import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { formatMetrics } from '../../src/base/prometheus.ts';
import { type Cli, letter, startCli } from '../support/cli.ts';
import { parsePrometheus } from '../support/prometheus.ts';

describe('the text format', () => {
  it('what is written is read again as it was, whatever the labels hold', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.string({ unit: 'binary' }), fc.double({ noNaN: true })), {
          minLength: 1,
          maxLength: 5,
        }),
        (pairs) => {
          const samples = pairs.map(([text, value], index) => ({
            labels: { index: String(index), text },
            value,
          }));
          const [read] = parsePrometheus(
            formatMetrics([{ name: 'a', type: 'gauge', help: 'a \\ b\nc', samples }]),
          );
          expect(read).toEqual({
            name: 'a',
            type: 'gauge',
            help: 'a \\ b\nc',
            samples: samples.map((one) => ({ ...one, value: one.value + 0 })),
          });
        },
      ),
    );
  });

  it.each([
    ['no line end', 'a 1'],
    ['the same value twice', '# TYPE a gauge\na{b="c"} 1\na{b="c"} 2\n'],
    ['a metric in two places', '# TYPE a gauge\na 1\n# TYPE b gauge\nb 1\na{c="d"} 1\n'],
    ['a quote that does not end', '# TYPE a gauge\na{b="c} 1\n'],
    ['a label twice', '# TYPE a gauge\na{b="c",b="d"} 1\n'],
    ['a name that is none', '# TYPE 1a gauge\n1a 1\n'],
    ['a value that is none', '# TYPE a gauge\na one\n'],
    ['a counter that falls below zero', '# TYPE a_total counter\na_total -1\n'],
  ])('the reader of this test refuses %s', (_, text) => {
    expect(() => parsePrometheus(text)).toThrow();
  });
});

describe('crosstalkd metrics', () => {
  let cli: Cli;
  beforeEach(async () => (cli = await startCli()));
  afterEach(() => cli.close());

  const read = async (): Promise<
    (name: string, labels?: Readonly<Record<string, string>>) => number | undefined
  > => {
    const { code, stdout, stderr } = await cli.run(['metrics']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const metrics = parsePrometheus(stdout);
    return (name, labels = {}) =>
      metrics
        .find((metric) => metric.name === `crosstalkd_${name}`)
        ?.samples.find((sample) =>
          Object.entries(labels).every(([key, value]) => sample.labels[key] === value),
        )?.value;
  };

  it('counts what is open and what was answered, reads only what is new, and never counts twice', async () => {
    cli.say({
      'data/channels/general/a.md': letter('echo', 'one'),
      'data/channels/general/b.md': letter('nobody', 'two'),
    });
    const before = await read();
    expect(before('work_open', { recipient: 'echo' })).toBe(1);
    expect(before('work_open', { recipient: 'nobody', state: 'unknown-name' })).toBe(1);
    expect(before('needs_person', { kind: 'unknown-name' })).toBe(1);
    expect(before('replies_total')).toBeUndefined();
    expect(before('dispatcher_up')).toBe(0);
    await cli.answer();
    const answered = { model: 'echo', host: 'mbp', outcome: 'answered' };
    expect((await read())('replies_total', answered)).toBe(1);
    // A person's merge puts the replies beside the first parents.
    cli.git(['commit', '-q', '--allow-empty', '-m', 'mine']);
    cli.git(['pull', '-q', '--no-rebase', '--no-edit']);
    cli.git(['push', '-q']);
    cli.say({ 'data/channels/general/c.md': letter('echo', 'three') });
    await cli.answer();
    const after = await read();
    expect(after('replies_total', answered)).toBe(2);
    expect(after('work_open', { recipient: 'echo' })).toBeUndefined();
    rmSync(
      join(
        cli.place,
        'state',
        readdirSync(join(cli.place, 'state')).find((name) => /^[0-9a-f]{16}$/.test(name)) ?? '',
        'totals',
      ),
    );
    expect((await read())('replies_total', answered)).toBe(2);
  });

  it('tells of the dispatcher that runs here', async () => {
    const running = cli.start(['run']);
    await running.until('models.loaded');
    const value = await read();
    expect(await running.stop()).toMatchObject({ code: 0 });
    expect(value('dispatcher_up')).toBe(1);
    expect(value('host_up', { host: 'mbp' })).toBe(1);
    expect(value('host_slots', { host: 'mbp' })).toBe(4);
    expect(value('model_served', { model: 'echo' })).toBe(1);
    expect((await read())('dispatcher_up')).toBe(0);
  });

  it('adds up the tokens and cost that replies report, but not what somebody else says in their form', async () => {
    const message = join(cli.place, 'message');
    writeFileSync(
      message,
      'opus → ada: yes\n\nCrosstalk-Tokens: 9 in, 9 out\n\nCrosstalk-Host: far\nCrosstalk-Attempt: 3\nCrosstalk-Tokens: 100 in, 20 out\nCrosstalk-Cost: 0.0125 USD\n',
    );
    const reply = (name: string, email: string, committer: string): void => {
      const identity = {
        'author.name': 'opus',
        'author.email': email,
        'committer.name': name,
        'committer.email': committer,
      };
      const settings = Object.entries(identity).flatMap(([key, value]) => [
        '-c',
        `${key}=${value}`,
      ]);
      cli.git([...settings, 'commit', '-q', '--allow-empty', '-F', message]);
    };
    reply('crosstalkd on far', 'opus@far.crosstalk', 'dispatcher@far.crosstalk');
    reply('crosstalkd on far', 'opus@far.crosstalk', 'dispatcher@far.crosstalk');
    reply('Mallory', 'opus@far.crosstalk', 'mallory@example.org');
    reply('crosstalkd on far', 'opus@near.crosstalk', 'dispatcher@far.crosstalk');
    cli.git(['push', '-q']);
    const value = await read();
    const labels = { model: 'opus', host: 'far' };
    expect(value('tokens_total', { ...labels, direction: 'in' })).toBe(200);
    expect(value('tokens_total', { ...labels, direction: 'out' })).toBe(40);
    expect(value('cost_usd_total', labels)).toBe(0.025);
    expect(value('attempts_repeated_total', labels)).toBe(4);
  });

  it('--out writes a file that a collector of another user can read, and leaves no other; an outage is a number too', async () => {
    const folder = join(cli.place, 'collector');
    mkdirSync(folder);
    const out = join(folder, 'crosstalkd.prom');
    expect(await cli.run(['metrics', '--out', out])).toMatchObject({ code: 0, stdout: '' });
    expect(statSync(out).mode & 0o777).toBe(0o644);
    renameSync(cli.remote, `${cli.remote}.away`);
    expect((await cli.run(['metrics', '--out', out])).code).toBe(4);
    const metrics = parsePrometheus(readFileSync(out, 'utf8'));
    expect(metrics.find(({ name }) => name === 'crosstalkd_remote_up')?.samples).toEqual([
      { labels: {}, value: 0 },
    ]);
    expect(readdirSync(folder)).toEqual(['crosstalkd.prom']);
    expect((await cli.run(['metrics', '--out', join(folder, 'no', 'such')])).code).toBe(2);
  });
});
