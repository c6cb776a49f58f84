import { describeCli, NOBODY } from './harness.ts';

describeCli({
  name: 'codex',
  entry: () => 'model: m',
  args: ({ url }, down) => {
    const provider = `{name="x",base_url="${down ? NOBODY : url}/v1",env_key="OPENAI_API_KEY",wire_api="responses",request_max_retries=0,stream_max_retries=0}`;
    return ['-c', 'model_provider=x', '-c', `model_providers.x=${provider}`];
  },
  // Its operator has worked in both and trusts them.
  files: ({ home }) => ({
    '.codex/config.toml': ['planted', 'opened']
      .map((name) => `[projects."${home}/${name}"]\ntrust_level = "trusted"\n`)
      .join(''),
  }),
  env: () => ({ OPENAI_API_KEY: 'test-key-of-codex' }),
  sleepTool: {
    kind: 'tool',
    name: 'exec_command',
    input: { cmd: 'touch begun; exec sleep 3012', yield_time_ms: 30_000 },
  },
  ignoresCheckout: true,
  knowsCost: false,
});
