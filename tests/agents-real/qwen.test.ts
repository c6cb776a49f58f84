import { describeCli, NOBODY } from './harness.ts';

describeCli({
  name: 'qwen',
  entry: (_, down) => `model: m${down ? `, wrapper: [env, "OPENAI_BASE_URL=${NOBODY}/v1"]` : ''}`,
  options: { 'auth-type': 'openai' },
  env: ({ url }) => ({ OPENAI_API_KEY: 'test-key-of-qwen', OPENAI_BASE_URL: `${url}/v1` }),
  sleepTool: {
    kind: 'tool',
    name: 'run_shell_command',
    input: {
      command: 'touch begun; exec tail -f /dev/null',
      description: 'wait',
      is_background: false,
    },
  },
  knowsCost: false,
  slots: 3,
  // A limit it sits out to the end of its time, a server that fails for two minutes, and half an
  // answer it takes for a whole one.
  failures: ['auth', 'context', 'down'],
});
