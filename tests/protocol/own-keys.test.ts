/** Only what somebody wrote exists: names that every object has mean nothing by themselves. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildAgentEnv } from '../../src/agents/agent-env.ts';
import { ownValue } from '../../src/base/own-value.ts';
import { decodeConfig } from '../../src/local/decode-config.ts';
import { parseBeat } from '../../src/protocol/beat.ts';
import { decodeBudgets } from '../../src/protocol/budgets.ts';
import { parseClaim } from '../../src/protocol/claim.ts';
import { decodeModels } from '../../src/protocol/decode-models.ts';
import { decideAfterFailure, parkTime } from '../../src/protocol/failure-policy.ts';
import { decodeMessage } from '../../src/protocol/message.ts';
import { decodeTransport } from '../../src/protocol/pace.ts';
import { checkWorkflow } from '../../src/workflow/language/check.ts';
import { evaluateTemplate, parseTemplate } from '../../src/workflow/language/template.ts';

const NAMES = ['toString', 'constructor', '__proto__', 'hasOwnProperty', 'valueOf'] as const;
const NOBODY = { models: null, served: new Map(), savedWorkflow: () => null };

it('a value is found under own keys alone', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.integer()), fc.string(), (of, key) => {
      const value = ownValue(of, key);
      return Object.keys(of).includes(key) ? value === of[key] : value === undefined;
    }),
  );
});

describe.each(NAMES)('%s', (name) => {
  it('in front matter it is an unknown field', () => {
    const read = decodeMessage(Buffer.from(`---\nto: opus\n${name}: x\n---\nhi\n`));
    expect(read).toMatchObject({ kind: 'message' });
    const alone = decodeMessage(Buffer.from(`---\n${name}:\n  to: opus\n---\nhi\n`));
    expect(alone).toMatchObject({ kind: 'rejected', rejection: { found: 'no "to:"' } });
  });

  it('it is not a key of a model, budget, pace or setting', () => {
    const model = `models:\n  opus:\n    adapter: command\n    command: [cat]\n    ${name}: x\n`;
    expect(decodeModels(model).problems).toHaveLength(1);
    const inherited = `models:\n  opus:\n    ${name}: { adapter: command, command: [cat] }\n`;
    expect([...decodeModels(inherited).models.keys()]).toEqual([]);
    expect(decodeBudgets(`${name}: 1\n`).budgets).toBeNull();
    expect(decodeTransport(`pace:\n  ${name}: 5\n`).problems).not.toHaveLength(0);
    const file = { path: '/c', text: `${name}: 1\n` };
    expect(decodeConfig({ file, env: {}, flags: {}, hostname: 'h' })).toMatchObject({
      kind: 'refused',
    });
  });

  it('in a record of another host it has no effect', () => {
    const record = `{"v":1,${JSON.stringify(name)}:{"alias":"mbp","state":"running"}}`;
    expect(parseBeat(record)).toBeNull();
    expect(parseClaim(record)).toBeNull();
  });

  it('it is neither a variable of the operator nor a class of failure', () => {
    const parts = { operator: { PATH: '/bin' }, adapter: {}, extra: {}, tmpDir: '/t' };
    const env = buildAgentEnv({ ...parts, names: [name], attemptId: 'a' });
    expect(Object.hasOwn(env, name)).toBe(false);
    expect(parkTime(name, { resetInMs: null, inARow: 0 })).toBeNull();
    const failed = { failure: name, effects: 'none', attempt: 1, attemptsMax: 3 } as const;
    const more = { invocation: 1, hasFallback: false, isToldAtOnce: false, resetInMs: null };
    expect(decideAfterFailure({ ...failed, ...more })).toEqual({ kind: 'reply-failed' });
  });

  it('it is neither an input, a step nor a field of an answer', () => {
    const told = (expression: string): string =>
      checkWorkflow(
        `---\nmodel: opus\ninputs: { goal: { type: string } }\nsteps:\n  a: { prompt: "\${{ ${expression} }}" }\n---\n`,
        { ...NOBODY, schemaFile: () => null },
      )
        .errors.map(({ message }) => message)
        .join();
    expect(told(`inputs.${name}`)).not.toBe('');
    expect(told(`steps.${name}.text`)).not.toBe('');
    const template = parseTemplate(`\${{ inputs.${name} }}`);
    expect(evaluateTemplate(template, new Map([['inputs', {}]]))).toBeNull();
  });
});
