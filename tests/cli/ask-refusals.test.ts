/** What `ask` refuses, before anything is published. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Cli, letter, startCli } from '../support/cli.ts';

const AGENT = {
  CROSSTALK_RUN: 'a',
  CROSSTALK_MESSAGE: 'data/channels/general/hello.md',
  CROSSTALK_MODEL: 'echo',
  CROSSTALK_HOPS: '1',
  CROSSTALK_SEND: 'all',
};

let cli: Cli;
let before: string;

beforeAll(async () => {
  cli = await startCli();
  cli.say({ 'data/channels/general/hello.md': letter('echo', 'go') });
  before = cli.git(['rev-parse', 'main'], cli.remote);
});
afterAll(() => cli.close());

const refusals: readonly (readonly [
  what: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  code: number,
  says: string,
])[] = [
  ['a person', ['-m', 'Which?'], {}, 2, 'ask is for agents, inside an attempt'],
  ['an empty question', ['-m', ' '], AGENT, 2, 'the question has 0 characters'],
  ['a long one', ['-m', 'x'.repeat(64_001)], AGENT, 2, 'the question has 64001 characters'],
  ['a model', ['--to', 'echo', '-m', 'Which?'], AGENT, 1, '"echo" is not a person'],
  ['the dispatcher', ['--to', 'workflow', '-m', 'Which?'], AGENT, 1, 'is not a person'],
  [
    'an agent too far from a person',
    ['-m', 'Which?'],
    { ...AGENT, CROSSTALK_HOPS: '9999' },
    1,
    'this would be hop 9999',
  ],
  [
    'an agent that may not send',
    ['-m', 'Which?'],
    { ...AGENT, CROSSTALK_SEND: '' },
    1,
    'may not send messages',
  ],
  [
    'an agent that may ask others only',
    ['-m', 'Which?'],
    { ...AGENT, CROSSTALK_SEND: 'gpt' },
    1,
    'may send to gpt only, and not to',
  ],
  [
    'a person whom nobody here knows',
    ['--to', 'zoe', '-m', 'Which?'],
    AGENT,
    2,
    '"zoe" is neither',
  ],
];
it.each(refusals.map(([what, ...row]) => [what, row] as const))('refuses %s', async (_, row) => {
  const [args, env, code, says] = row;
  const ended = await cli.run(['ask', ...args], { env });
  expect([ended.code, ended.stderr]).toEqual([code, expect.stringContaining(says)]);
  expect(cli.git(['rev-parse', 'main'], cli.remote)).toBe(before);
});
