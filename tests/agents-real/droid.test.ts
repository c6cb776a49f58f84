import { describeCli } from './harness.ts';

describeCli({
  name: 'droid',
  entry: () => 'model: "custom:x-0"',
  files: ({ url }) => {
    const model = {
      model: 'm',
      id: 'custom:x-0',
      displayName: 'x',
      baseUrl: `${url}/v1`,
      apiKey: '${DROID_TEST_KEY}',
    };
    const more = { provider: 'generic-chat-completion-api', maxOutputTokens: 8_192 };
    return { '.factory/settings.json': JSON.stringify({ customModels: [{ ...model, ...more }] }) };
  },
  env: () => ({ DROID_TEST_KEY: 'test-key-of-droid' }),
  sleepTool: null,
  knowsCost: false,
  sessions: false,
  // Every failure is "Exec failed": it cannot be told why.
  failures: ['auth'],
  classes: { auth: ['crash', 'auth'] },
  slots: 3,
});
