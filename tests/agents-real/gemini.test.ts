import { describeCli, NOBODY } from './harness.ts';

describeCli({
  name: 'gemini',
  entry: (_, down) =>
    `model: gemini-2.5-pro${down ? `, wrapper: [env, GOOGLE_GEMINI_BASE_URL=${NOBODY}]` : ''}`,
  // One attempt: how often it tries again is a setting, not an option.
  files: () => ({
    '.gemini/settings.json': JSON.stringify({
      security: { auth: { selectedType: 'gemini-api-key' } },
      general: { maxAttempts: 1 },
    }),
  }),
  env: ({ url }) => ({ GEMINI_API_KEY: 'test-key-of-gemini', GOOGLE_GEMINI_BASE_URL: url }),
  sleepTool: {
    kind: 'tool',
    name: 'run_shell_command',
    input: { command: 'touch begun; exec tail -f /dev/null', description: 'wait' },
  },
  needsTrust: true,
  knowsCost: false,
  slots: 3,
});
