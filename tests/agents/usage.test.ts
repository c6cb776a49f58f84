/** What an agent used, however it is told. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { usageOfAttempt } from '../../src/agents/session-totals.ts';
import { createSessionUsage } from '../../src/local/session-usage.ts';
import { decodeMessage } from '../../src/protocol/message.ts';
import { composeReply, NO_RUN } from '../../src/protocol/reply.ts';
import { checkedUsage } from '../../src/protocol/usage.ts';
import { entryOf, useAttempts } from '../support/agents/attempts.ts';

const { attempt, run } = useAttempts();
const NONE = { tokensIn: null, tokensOut: null, costUsd: null };

describe('what is told in $CROSSTALK_USAGE', () => {
  const telling = (text: string, script = 'echo hi') =>
    entryOf({ command: ['sh', '-c', `printf %s '${text}' > "$CROSSTALK_USAGE"; ${script}`] });
  test('is the usage, the session and the model of a command', async () => {
    const told = '{"tokens_in":5,"tokens_out":2,"cost_usd":0.01,"session":"s-1","model":"m 2"}';
    expect(await run(attempt(telling(told)))).toMatchObject({
      kind: 'answered',
      session: 's-1',
      agent: 'command m 2',
      usage: { tokensIn: 5, tokensOut: 2, costUsd: 0.01 },
    });
  });

  test('counts when the command fails', async () => {
    expect(await run(attempt(telling('{"cost_usd":3}', 'exit 1')))).toMatchObject({
      kind: 'failed',
      usage: { costUsd: 3 },
    });
  });

  test.each([
    ['no JSON', 'tokens: 5'],
    ['a list', '[5]'],
    [
      'figures that cannot be',
      '{"tokens_in":-5,"tokens_out":"seven","cost_usd":1e300,"session":"-x"}',
    ],
  ])('is nothing when it is %s', async (_, told) => {
    expect(await run(attempt(telling(told)))).toMatchObject({
      kind: 'answered',
      session: null,
      agent: null,
      usage: NONE,
    });
  });

  test.each([
    ['lines', '{"cost_usd":0.25}\n{"cost_usd":0.5,"tokens_in":3}\n'],
    ['a list', '[{"cost_usd":0.25},{"cost_usd":0.5,"tokens_in":3}]'],
    ['texts', '{"cost_usd":"0.75","tokens_in":" 3 "}'],
    ['Python', '{"cost_usd": 0.75, "tokens_in": 3, "tokens_out": NaN}'],
    ['Windows', '\uFEFF{"cost_usd":0.75,\r\n"tokens_in":3}\r\n'],
    ['one part that cannot be', '{"cost_usd":0.75,"tokens_in":3}\n{"cost_usd":-5}'],
  ])('counts as a whole in the form of %s', async (_, told) => {
    expect(await run(attempt(telling(told)))).toMatchObject({
      usage: { ...NONE, costUsd: 0.75, tokensIn: 3 },
    });
  });

  test('is added up over thousands of calls that each cost less than the smallest amount', async () => {
    const line = '{"cost_usd":0.00000025,"tokens_in":1}';
    const script = `yes '${line}' | head -n 4000 > "$CROSSTALK_USAGE"; echo hi`;
    expect(await run(attempt(telling('', script)))).toMatchObject({
      usage: { costUsd: 0.001, tokensIn: 4_000 },
    });
  });

  test('is what stands in the whole lines of its first mebibyte', async () => {
    const script = `yes '{"tokens_in":1}' | head -n 70000 > "$CROSSTALK_USAGE"; echo hi`;
    expect(await run(attempt(telling('', script)))).toMatchObject({
      usage: { tokensIn: 65_536 },
    });
  });

  test('is not read through a link', async () => {
    const script = `rm -f "$CROSSTALK_USAGE"; ln -s /etc/hostname "$CROSSTALK_USAGE"; echo hi`;
    expect(await run(attempt(telling('', script)))).toMatchObject({ usage: NONE });
  });

  test('continues with the session that it named', async () => {
    const entry = entryOf({ command: ['sh', '-c', 'echo "it is $CROSSTALK_SESSION"'] });
    expect(await run(attempt(entry, { session: 's-1' }))).toMatchObject({ text: 'it is s-1' });
  });
});

describe('a figure that is told', () => {
  test.each<readonly [number, number | null]>([
    [0.01, 0.01],
    [1e-7, 0],
    [-5, null],
    [1e300, null],
    [Number.NaN, null],
    [Number.POSITIVE_INFINITY, null],
    [1 / 3, 0.333333],
  ])('as a cost of %d is %d', (costUsd, expected) => {
    expect(checkedUsage({ ...NONE, costUsd }).costUsd).toBe(expected);
  });

  test('never makes a reply that its readers reject', () => {
    const figure = fc.option(fc.oneof(fc.double(), fc.integer(), fc.constantFrom(1e-7, -0, 1e21)));
    fc.assert(
      fc.property(fc.tuple(figure, figure, figure), fc.string(), (figures, agent) => {
        const [tokensIn, tokensOut, costUsd] = figures;
        const { content } = composeReply({
          ...NO_RUN,
          ...{ message: 'data/channels/general/a.md', channel: 'general', asker: 'ada' },
          ...{ recipient: 'opus', host: 'mbp', attempt: 1, atMs: 0, hops: 0, body: 'hi' },
          ...{ failure: null, tokensIn, tokensOut, costUsd, agent, session: agent },
        });
        expect(decodeMessage(Buffer.from(content)).kind).toBe('message');
      }),
    );
  });
});

describe('what is told as the sum of a session', () => {
  const places: string[] = [];
  afterEach(() => {
    for (const place of places.splice(0)) rmSync(place, { recursive: true, force: true });
  });
  const file = (): string => {
    const place = mkdtempSync(join(tmpdir(), 'usage-'));
    places.push(place);
    return join(place, 'session-usage.json');
  };
  const told = (costUsd: number, resumed: string | null) => ({
    ...{ usage: { ...NONE, tokensIn: 3 }, total: { ...NONE, session: 's', costUsd }, resumed },
  });

  test('is the difference to what was known, also after a restart', async () => {
    const path = file();
    const first = createSessionUsage(path);
    const costs = [
      await usageOfAttempt(told(0.5, null), first),
      await usageOfAttempt(told(0.75, 's'), first),
      await usageOfAttempt(told(2, 's'), createSessionUsage(path)),
    ];
    expect(costs.map(({ costUsd }) => costUsd)).toEqual([0.5, 0.25, 1.25]);
    expect(costs[0]?.tokensIn).toBe(3);
  });

  test('is not told of a session that was begun elsewhere, and is known from then on', async () => {
    const totals = createSessionUsage(file());
    expect((await usageOfAttempt(told(5, 's'), totals)).costUsd).toBeNull();
    expect((await usageOfAttempt(told(6, 's'), totals)).costUsd).toBe(1);
  });

  test('is kept for the newest sessions only, and a damaged file is an empty one', async () => {
    const path = file();
    writeFileSync(path, '{"a":');
    const totals = createSessionUsage(path, 2);
    for (const session of ['a', 'b', 'c']) await totals.write(session, { ...NONE, costUsd: 1 });
    expect([await totals.read('a'), await totals.read('c')]).toEqual([
      null,
      { ...NONE, costUsd: 1 },
    ]);
    expect(readFileSync(path, 'utf8')).toContain('"c"');
  });
});

describe('a program that cannot be started is told by its first line', () => {
  const script = (text: string): readonly string[] => {
    const path = join(mkdtempSync(join(tmpdir(), 'script-')), 'agent');
    writeFileSync(path, text, { mode: 0o755 });
    return [path];
  };
  test.each([
    ['CRLF', '#!/bin/sh\r\necho hi\r\n', 'ends with CRLF'],
    ['a missing interpreter', '#!/opt/nowhere/python9\n', 'the interpreter /opt/nowhere/python9'],
    ['one that is not on the PATH', '#!/usr/bin/env python9\n', 'the interpreter python9'],
    ['CRLF after env', '#!/usr/bin/env sh\r\necho hi\r\n', 'ends with CRLF'],
  ])('%s', async (_, text, words) => {
    const outcome = await run(attempt(entryOf({ command: script(text) })));
    expect(outcome).toMatchObject({ kind: 'failed' });
    expect(outcome.kind === 'failed' && outcome.detail).toContain(words);
  });
});
