import { describeCli, NOBODY } from './harness.ts';

describeCli({
  name: 'claude',
  entry: (_, down) =>
    `model: sonnet${down ? `, wrapper: [env, ANTHROPIC_BASE_URL=${NOBODY}]` : ''}`,
  env: ({ url }) => ({
    ANTHROPIC_API_KEY: 'test-key-of-claude',
    ANTHROPIC_BASE_URL: url,
    IS_SANDBOX: '1',
  }),
  sleepTool: {
    kind: 'tool',
    name: 'Bash',
    input: {
      command: 'touch begun; exec tail -f /dev/null',
      description: 'wait',
      timeout: 600_000,
    },
  },
  ignoresCheckout: true,
  knowsCost: true,
});
