// The agent programs that tests/agents-real runs, name → package, as seen and written down by their
// adapters.

/** Those that CI runs. */
export const PROGRAMS = {
  claude: '@anthropic-ai/claude-code@2.1.329',
  codex: '@openai/codex@0.169.0',
  opencode: 'opencode-ai@1.18.33',
  pi: '@earendil-works/pi-coding-agent@0.74.2',
};

/** By hand: hundreds of megabytes more. */
export const MORE = {
  gemini: '@google/gemini-cli@0.61.0',
  qwen: '@qwen-code/qwen-code@0.15.10',
  copilot: '@github/copilot@1.0.102',
  droid: 'droid@0.215.0',
  'codex-acp': '@agentclientprotocol/codex-acp@2.6.0',
  'claude-agent-acp': '@agentclientprotocol/claude-agent-acp@0.101.0',
};
