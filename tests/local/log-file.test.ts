import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock, type Clock } from '../../src/base/clock.ts';
import type { CrosstalkError } from '../../src/base/errors.ts';
import { createLog } from '../../src/base/log.ts';
import { formatLogLine, openLogFile } from '../../src/local/log-file.ts';
import { tempDirectory } from './run-child.ts';

const clock: Clock = { ...systemClock, wallMs: () => Date.UTC(2026, 10, 21, 6, 40) };

async function open(bytesMax = 1_000_000) {
  const directory = await tempDirectory();
  const path = join(directory, 'log.jsonl');
  const problems: CrosstalkError[] = [];
  const file = openLogFile(path, {
    bytesMax,
    clock,
    onProblem: (problem) => problems.push(problem),
  });
  onTestFinished(() => file.close());
  return { directory, path, problems, file, log: createLog((record) => file.write(record)) };
}

describe('the log file', () => {
  it('is one JSON object a line: time, level, event, fields', async () => {
    const { path, log } = await open();
    log.status('message.claimed', { key: 'k', models: ['opus'], slots: 2, cost: null });
    log.alert('history.rewritten', { fix: 'crosstalkd accept-rewrite' });
    expect(await readFile(path, 'utf8')).toBe(
      '{"at":"2026-11-21T06:40:00.000Z","level":"status","event":"message.claimed","key":"k","models":["opus"],"slots":2,"cost":null}\n' +
        '{"at":"2026-11-21T06:40:00.000Z","level":"alert","event":"history.rewritten","fix":"crosstalkd accept-rewrite"}\n',
    );
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it('stays readable line by line, whatever a name holds, and shows no control character', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary', maxLength: 50 }),
          fc.constant('\u001b[2J\u009b\u202e\u2028\ud800'),
        ),
        (name) => {
          const line = formatLogLine({ level: 'status', event: 'x.y', fields: { name } }, 1);
          expect(line).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e]/u);
          expect((JSON.parse(line) as { name: string }).name).toBe(name);
        },
      ),
    );
  });

  it('a field cannot pass for the event, and a long one is cut', () => {
    const line = formatLogLine(
      {
        level: 'status',
        event: 'x.y',
        fields: { event: 'z', at: 'never', long: 'x'.repeat(9_000) },
      },
      1,
    );
    expect(JSON.parse(line)).toMatchObject({
      at: '1970-01-01T00:00:00.001Z',
      event: 'x.y',
      _event: 'z',
      _at: 'never',
    });
    expect(line.length).toBeLessThan(2_200);
  });

  it('is rotated at its size, keeps three older files, and never cuts a line', async () => {
    const { directory, log } = await open(500);
    for (let index = 0; index < 60; index += 1) log.status('tick.done', { index });
    const names = (await readdir(directory)).sort();
    expect(names).toEqual(['log.jsonl', 'log.jsonl.1', 'log.jsonl.2', 'log.jsonl.3']);
    const indexes: number[] = [];
    for (const name of [...names].reverse()) {
      const text = await readFile(join(directory, name), 'utf8');
      expect(text.length).toBeLessThanOrEqual(500);
      for (const line of text.trimEnd().split('\n'))
        indexes.push((JSON.parse(line) as { index: number }).index);
    }
    expect(indexes).toEqual(indexes.map((_, at) => 60 - indexes.length + at));
  });

  it('counts what an earlier process wrote', async () => {
    const { directory, path, log } = await open(500);
    await writeFile(path, `${'x'.repeat(480)}\n`);
    log.status('tick.done');
    expect((await readdir(directory)).sort()).toEqual(['log.jsonl', 'log.jsonl.1']);
  });

  it('that cannot be written tells it once, continues, and writes again when it can', async () => {
    const { path, log, problems } = await open();
    await mkdir(path);
    log.status('a.b');
    log.status('a.c');
    expect(problems).toMatchObject([
      { code: 'STATE_UNUSABLE', message: expect.stringContaining(path) as string },
    ]);
    await rm(path, { recursive: true });
    log.status('a.d');
    expect(await readFile(path, 'utf8')).toContain('"event":"a.d"');
    expect(problems).toHaveLength(1);
  });

  it('takes nothing after it was closed', async () => {
    const { directory, file } = await open();
    file.close();
    file.write({ level: 'status', event: 'a.b', fields: {} });
    expect(await readdir(directory)).toEqual([]);
  });
});
