import { describeCli } from './harness.ts';

describeCli({
  name: 'qwen',
  entry: () => 'model: m',
  options: { 'auth-type': 'openai' },
  env: ({ url }) => ({ OPENAI_API_KEY: 'test-key-of-qwen', OPENAI_BASE_URL: `${url}/v1` }),
  sleepTool: {
    kind: 'tool',
    name: 'run_shell_command',
    input: { command: 'touch begun; exec tail -f /dev/null', description: 'wait', is_background: false },
  },
  knowsCost: false,
  // A limit and a server that is away it sits out for minutes.
  failures: ['auth', 'context'],
  slots: 3,
});
