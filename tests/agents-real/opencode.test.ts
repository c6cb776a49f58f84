import { describeCli, NOBODY } from './harness.ts';

describeCli({
  name: 'opencode',
  entry: (_, down) => `model: ${down ? 'down' : 'there'}/m`,
  files: ({ url }) => {
    const provider = (base: string) => ({
      npm: '@ai-sdk/openai-compatible',
      options: { baseURL: `${base}/v1`, apiKey: '{env:OPENAI_API_KEY}' },
      models: { m: { limit: { context: 100_000, output: 8_000 }, cost: { input: 3, output: 15 } } },
    });
    return {
      '.config/opencode/opencode.json': JSON.stringify({
        provider: { there: provider(url), down: provider(NOBODY) },
      }),
    };
  },
  env: () => ({ OPENAI_API_KEY: 'test-key-of-opencode' }),
  sleepTool: {
    kind: 'tool',
    name: 'bash',
    input: { command: 'touch begun; exec tail -f /dev/null', description: 'wait' },
  },
  knowsCost: true,
  // A start takes it some seconds of the processor.
  toolLimit: '50s',
  // A cut stream it begins again without a word.
  classes: { cut: ['unavailable', 'timeout'] },
});
