import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseOid } from '../../src/base/ids.ts';
import { hasUnsafe } from '../../src/base/plain-text.ts';
import { formatClaim, parseClaim } from '../../src/protocol/claim.ts';
import { decodeMessage } from '../../src/protocol/message.ts';
import { decodeModels } from '../../src/protocol/decode-models.ts';
import { composeQuestion, readPermission } from '../../src/protocol/question.ts';

const claim = {
  message: 'data/channels/general/m.md',
  blob: parseOid('a'.repeat(40))!,
  recipient: 'opus',
  alias: 'mbp',
  instance: 'b'.repeat(12),
  run: 'c'.repeat(16),
  attempt: 2,
  nonce: 'd'.repeat(16),
  effects: 'external',
  asks: 'data/channels/general/q.md',
} as const;
const compose = (title: string, input: string | null, directory = '/srv/shop') =>
  composeQuestion({
    ...{ asked: { title, kind: 'execute', input }, claim, path: claim.asks, directory },
    ...{ message: claim.message, channel: 'general', hops: 0, people: ['ada', 'bob'] },
    ...{ atMs: 0, untilMs: 60_000 },
  });

describe('a question', () => {
  it('is a message whose fields an agent cannot set', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (title, input) => {
        const question = compose(title, input, input);
        const [file] = question?.writes ?? [];
        const read = decodeMessage(Buffer.from(file?.content ?? ''));
        if (read.kind !== 'message') throw new Error(JSON.stringify(read.rejection));
        const { fields, body } = read.message;
        expect(fields).toMatchObject({
          ...{ from: 'opus', asks: 'permission', asksUntilMs: 60_000, wait: true, hops: 1 },
          ...{ to: [{ name: 'ada' }, { name: 'bob' }], re: [claim.message], failed: false },
        });
        expect(hasUnsafe(body.replaceAll('\n', ''))).toBe(false);
        expect(question?.message.split('\n')[0]?.length).toBeLessThanOrEqual(200);
        expect(question?.message.match(/^Crosstalk-/gm)).toHaveLength(4);
      }),
      { numRuns: 300 },
    );
  });

  it('is shown whole: one that is too long to read is not asked', () => {
    expect(compose('x', 'y'.repeat(16_000))?.writes[0]?.content).toContain('y'.repeat(16_000));
    expect(compose('x', 'y'.repeat(16_384))).toBeNull();
    expect(compose('z'.repeat(20_000), null)).toBeNull();
    // A title alone is shown whole as well.
    expect(compose('t'.repeat(2_000), null)?.writes[0]?.content).toContain('t'.repeat(2_000));
  });

  it('is named by the claim of its agent', () => {
    expect(parseClaim(formatClaim(claim))).toEqual(claim);
    expect(parseClaim(formatClaim({ ...claim, asks: '../x' }))).not.toHaveProperty('asks');
  });
});

describe('permissions: of an entry', () => {
  const read = (permissions: string, effects = 'external') =>
    decodeModels(
      `models:\n  opus: { adapter: acp, effects: ${effects}, permissions: ${permissions} }\n`,
    );
  const minute = 60_000;

  it.each([
    ['ask', { ask: [], timeoutMs: 30 * minute, hold: 'slot' }],
    ['{}', { ask: [], timeoutMs: 30 * minute, hold: 'slot' }],
    ['{ ask: ada, timeout: 1h }', { ask: ['ada'], timeoutMs: 60 * minute, hold: 'slot' }],
    ['{ ask: [ada, bob], hold: free }', { ask: ['ada', 'bob'], hold: 'free' }],
  ])('%s', (written, expected) => {
    expect(read(written).models.get('opus')?.permissions).toMatchObject(expected);
  });

  it.each([
    ['always', 'always'],
    ['{ ask: [Ada!] }', 'ask:'],
    ['{ timeout: soon }', 'timeout:'],
    ['{ timeout: 8d }', 'timeout:'],
    ['{ hold: ever }', 'hold:'],
    ['{ allow: [rm] }', 'unknown key "allow"'],
  ])('%s is refused, saying what is wrong', (written, found) => {
    const { models, problems } = read(written);
    expect(models.size).toBe(0);
    expect(problems[0]?.found).toContain(found);
    expect(problems[0]?.line).toBe(2);
  });

  it('requires effects outside', () => {
    expect(read('ask', 'none').problems[0]?.expected).toContain('effects: external');
  });
});

describe('an answer', () => {
  it.each([
    ['approve', 'approve'],
    ['Yes, continue', 'approve'],
    ['---\nto: opus\n---\nok\n', 'approve'],
    ['deny', 'deny'],
    ['---\nto: opus\nfrom: ada\n---\n\n> yes\n\nno\n', 'deny'],
    ['', null],
    ['approved-by-eve? never', 'approve'],
    ['I do not approve', null],
    ['---\nto: opus\nhops: 1\n---\napprove\n', null],
  ])('%j says %s', (text, says) => {
    expect(readPermission(text)).toBe(says);
  });
});
