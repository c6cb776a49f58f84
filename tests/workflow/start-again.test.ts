/** What acts outside is started again by a person alone: every way in which a run could do it. */
import { describe, expect, test } from 'vitest';
import { decideAfterFailure } from '../../src/protocol/failure-policy.ts';
import { startedPath } from '../../src/protocol/paths.ts';
import { mayStartAgain } from '../../src/protocol/start-again.ts';
import { drive, type Say, type World, world } from './drive.ts';

/** A run whose model `ci` acts outside: each of its starts is marked before it says something. */
function acting(steps: string, say: Say): World {
  const at = world(`steps:\n${steps}`);
  at.answer = ({ path, to }) => {
    at.files.set(startedPath(path, to), '{}');
    return say;
  };
  return at;
}

const SCHEMA = 'schema: {type: object, required: [ok], properties: {ok: {type: boolean}}}';

describe('a step that acts outside', () => {
  test.each<[string, string, Say]>([
    ['gives an answer that does not fit', `model: ci, prompt: x, ${SCHEMA}`, 'no json'],
    ['has other models to ask', `model: [ci, opus], prompt: x, ${SCHEMA}`, 'no json'],
    ['is to be retried', 'model: ci, prompt: x, retry: {max: 3}', { failed: 'crash' }],
    [
      'is to be retried for its class',
      'model: ci, prompt: x, retry: {max: 3, on: [host-lost]}',
      { failed: 'host-lost' },
    ],
    [
      'is in a loop',
      `model: ci, prompt: x, ${SCHEMA}, repeat: {until: "\${{ steps.ship.json.ok }}", max: 3}`,
      '{"ok": false}',
    ],
  ])('and %s is asked once, and the run says that a person decides', (_, step, say) => {
    const at = acting(`  ship: {${step}}`, say);
    const reply = drive(at);
    expect(at.asked).toHaveLength(1);
    expect(reply).toContain('a person decides');
  });

  test('is asked again when its program was not there', () => {
    const at = acting('  ship: {model: [ci, opus], prompt: x}', { failed: 'missing' });
    drive(at);
    expect(at.asked.map(({ to }) => to)).toEqual(['ci', 'opus']);
  });

  test('may be asked again when it changes nothing but its own branch', () => {
    expect(mayStartAgain({ isOutside: true, failure: 'host-lost', isRepeatable: true })).toBe(true);
  });
});

test.each(['crash', 'timeout', 'rate-limit', 'context', 'idle', 'usage-limit', 'auth', 'empty'])(
  'an attempt that acts outside and ends with %s is the last on its own',
  (failure) => {
    const failed = { failure, attempt: 1, attemptsMax: 3, invocation: 1, isToldAtOnce: false };
    expect(
      decideAfterFailure({ ...failed, effects: 'external', hasFallback: true, resetInMs: null }),
    ).toEqual({ kind: 'reply-failed' });
  },
);
