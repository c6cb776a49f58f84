import { expect, test } from 'vitest';
import { buildAgentEnv, type AgentEnvParts } from '../../src/agents/agent-env.ts';

const parts: AgentEnvParts = {
  operator: {},
  names: [],
  adapter: {},
  extra: {},
  tmpDir: '/scratch',
  attemptId: 'a1',
};

test('only what is listed or named passes', () => {
  const operator = {
    PATH: '/bin',
    HOME: '/home/me',
    HTTPS_PROXY: 'http://proxy',
    MY_KEY: 'k',
    OTHER_KEY: 'o',
    NODE_OPTIONS: '--inspect',
    TERM: 'xterm',
  };
  expect(buildAgentEnv({ ...parts, operator, names: ['MY_KEY', 'NOT_SET'] })).toEqual({
    PATH: '/bin',
    HOME: '/home/me',
    LANG: 'C.UTF-8',
    HTTPS_PROXY: 'http://proxy',
    MY_KEY: 'k',
    TERM: 'dumb',
    NO_COLOR: '1',
    TMPDIR: '/scratch',
    CROSSTALK_RUN: 'a1',
  });
});

test('the operator wins over the adapter by naming a variable, and nobody over the marker', () => {
  const env = buildAgentEnv({
    ...parts,
    operator: { RETRIES: '9', QUIET: 'no' },
    names: ['RETRIES'],
    adapter: { RETRIES: '2', QUIET: 'yes' },
    extra: { CROSSTALK_RUN: 'other', TMPDIR: '/tmp', HOPS: '1' },
  });
  expect(env).toMatchObject({
    RETRIES: '9',
    QUIET: 'yes',
    HOPS: '1',
    CROSSTALK_RUN: 'a1',
    TMPDIR: '/scratch',
  });
});
