import { describeCli, NOBODY } from './harness.ts';

describeCli({
  name: 'pi',
  entry: (_, down) => `model: ${down ? 'down' : 'there'}/m`,
  files: ({ url }) => {
    const provider = (base: string) => ({
      baseUrl: `${base}/v1`,
      api: 'openai-completions',
      apiKey: 'OPENAI_API_KEY',
      models: [{ id: 'm', cost: { input: 3, output: 15, cacheRead: 0, cacheWrite: 0 } }],
    });
    return {
      '.pi/agent/models.json': JSON.stringify({
        providers: { there: provider(url), down: provider(NOBODY) },
      }),
    };
  },
  env: () => ({ OPENAI_API_KEY: 'test-key-of-pi' }),
  sleepTool: {
    kind: 'tool',
    name: 'bash',
    input: { command: 'touch begun; exec tail -f /dev/null' },
  },
  knowsCost: true,
});
