import { describeCli } from './harness.ts';

describeCli({
  name: 'copilot',
  entry: () => 'model: m',
  env: ({ url }) => ({
    COPILOT_OFFLINE: 'true',
    COPILOT_PROVIDER_BASE_URL: `${url}/v1`,
    COPILOT_PROVIDER_API_KEY: 'test-key-of-copilot',
    COPILOT_MODEL: 'm',
  }),
  sleepTool: null,
  knowsCost: false,
  knowsTokens: false,
  failures: ['auth', 'context', 'cut'],
  slots: 3,
});
