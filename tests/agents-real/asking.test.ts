/**
 * Real agents that ask before they act: over ACP, and claude by its permission prompt tool. A
 * person allows one command and denies another, in git.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFailed, test } from 'vitest';
import { type Fleet, type Host, startFleet } from '../support/fleet.ts';
import { type Answer, type LlmEndpoint, startLlmEndpoint } from '../support/llm-endpoint.ts';
import { findInstalled } from './harness.ts';
import { GENERAL, SECRET } from './questions.ts';

interface Asking {
  readonly name: string;
  readonly adapter: string;
  /** After the program. */
  readonly args: readonly string[];
  readonly model?: string;
  readonly env: (url: string) => Readonly<Record<string, string>>;
  readonly files?: (url: string) => Readonly<Record<string, object | string>>;
  /** `session-mode` of its entry. */
  readonly mode?: string;
  /** The call of its shell tool. */
  readonly tool: (command: string) => Answer;
}

const shell =
  (name: string, more: object = {}) =>
  (command: string): Answer => ({
    kind: 'tool',
    name,
    input: { command, description: 'make it', ...more },
  });

const PROGRAMS: readonly Asking[] = [
  {
    ...{ name: 'claude', adapter: 'claude', args: [], model: 'sonnet', tool: shell('Bash') },
    env: (url) => ({ ANTHROPIC_API_KEY: 'k-of-claude', ANTHROPIC_BASE_URL: url }),
  },
  {
    ...{ name: 'claude-agent-acp', adapter: 'acp', args: [], model: 'sonnet' },
    tool: shell('Bash'),
    env: (url) => ({ ANTHROPIC_API_KEY: 'k-of-claude', ANTHROPIC_BASE_URL: url }),
  },
  {
    ...{ name: 'codex-acp', adapter: 'acp', args: [], mode: 'workspace-write' },
    tool: (command) => ({
      kind: 'tool',
      name: 'exec_command',
      input: { cmd: command, sandbox_permissions: 'require_escalated', justification: 'make it' },
    }),
    env: () => ({ OPENAI_API_KEY: 'k-of-codex' }),
    files: (url) => ({
      '.codex/config.toml': `model = "m"
model_provider = "x"
[model_providers.x]
name = "x"
base_url = "${url}/v1"
env_key = "OPENAI_API_KEY"
wire_api = "responses"
`,
    }),
  },
  {
    ...{ name: 'opencode', adapter: 'acp', args: ['acp'], tool: shell('bash') },
    env: () => ({ OPENAI_API_KEY: 'k-of-opencode' }),
    files: (url) => ({
      '.config/opencode/opencode.json': {
        model: 'there/m',
        permission: { bash: 'ask' },
        provider: {
          there: {
            npm: '@ai-sdk/openai-compatible',
            options: { baseURL: `${url}/v1`, apiKey: '{env:OPENAI_API_KEY}' },
            models: { m: { limit: { context: 100_000, output: 8_000 } } },
          },
        },
      },
    }),
  },
  {
    ...{ name: 'gemini', adapter: 'acp', args: ['--acp'], model: 'gemini-2.5-pro' },
    tool: shell('run_shell_command'),
    env: (url) => ({ GEMINI_API_KEY: 'k-of-gemini', GOOGLE_GEMINI_BASE_URL: url }),
    files: () => ({
      '.gemini/settings.json': { security: { auth: { selectedType: 'gemini-api-key' } } },
    }),
  },
  {
    ...{ name: 'qwen', adapter: 'acp', args: ['--acp', '--auth-type', 'openai'] },
    tool: shell('run_shell_command', { is_background: false }),
    env: (url) => ({
      ...{ OPENAI_API_KEY: 'k-of-qwen', OPENAI_BASE_URL: `${url}/v1`, OPENAI_MODEL: 'm' },
    }),
  },
  {
    ...{ name: 'copilot', adapter: 'acp', args: ['--acp'], tool: shell('bash') },
    env: (url) => ({
      ...{ COPILOT_OFFLINE: 'true', COPILOT_PROVIDER_BASE_URL: `${url}/v1`, COPILOT_MODEL: 'm' },
      COPILOT_PROVIDER_API_KEY: 'k-of-copilot',
    }),
  },
];

describe.each(PROGRAMS)('$name by $adapter', (asking) => {
  const program = findInstalled(asking.name);
  let endpoint: LlmEndpoint;
  let fleet: Fleet;
  let host: Host;
  const made = (word: string): string => join(fleet.place, 'project', `made-${word}`);
  beforeAll(async () => {
    if (program === null) return;
    endpoint = await startLlmEndpoint((question) => {
      const word = /\[do:(yes|no)\]/.exec(question.user)?.[1];
      if (word === undefined || question.toolResult !== null)
        return { kind: 'text', text: `It says: ${question.toolResult ?? 'hello'}` };
      return asking.tool(`touch ${made(word)}`);
    });
    const { url } = endpoint;
    fleet = await startFleet('models: {}\n', asking.env(url));
    for (const [path, value] of Object.entries(asking.files?.(url) ?? {})) {
      mkdirSync(dirname(join(fleet.place, path)), { recursive: true });
      writeFileSync(
        join(fleet.place, path),
        typeof value === 'string' ? value : JSON.stringify(value),
      );
    }
    // A repository of its own: what stands above it is nobody's checkout.
    fleet.git('init', '-q', join(fleet.place, 'project'));
    const entry = {
      ...{ adapter: asking.adapter, command: [program, ...asking.args], timeout: '120s' },
      ...{ env: Object.keys(asking.env(url)), effects: 'external', permissions: 'ask' },
      ...{ cwd: join(fleet.place, 'project'), model: asking.model },
      ...(asking.mode === undefined ? {} : { options: { 'session-mode': asking.mode } }),
    };
    writeFileSync(
      join(fleet.place, 'config', 'models.yaml'),
      JSON.stringify({ models: { main: entry } }),
    );
    host = fleet.start('only');
  });
  afterAll(async () => {
    if (program === null) return;
    await fleet.close();
    await endpoint.close();
  });

  test.skipIf(program === null)('is given no file that a message names by @', async () => {
    writeFileSync(join(fleet.place, 'secret.txt'), SECRET);
    const names = [`@${join(fleet.place, 'secret.txt')}`, '@../secret.txt', '@"../secret.txt"'];
    fleet.say({ [`${GENERAL}/at.md`]: `---\nto: main\n---\n${names.join(' ')}\n${names[1]}\n` });
    const reply = join(fleet.clone, GENERAL, 'at.re.main.md');
    await fleet.untilPulled(() => existsSync(reply), 120_000);
    expect(endpoint.questions.some(({ user }) => user.includes('@../secret.txt'))).toBe(true);
    expect(JSON.stringify(endpoint.questions)).not.toContain(SECRET);
  });

  test.skipIf(program === null).each([
    ['yes', 'approve'],
    ['no', 'deny'],
  ])('asks, and does it only when it is allowed: %s', async (word, answer) => {
    onTestFailed(() => void process.stderr.write(JSON.stringify(host.events.slice(-8), null, 1)));
    fleet.say({ [`${GENERAL}/${word}.md`]: `---\nto: main\n---\nUse your shell. [do:${word}]\n` });
    const { question } = await host.until(
      ({ event, message }) =>
        (event === 'question.asked' || event === 'attempt.ended') &&
        message === `${GENERAL}/${word}.md`,
    );
    expect(question).toBeTypeOf('string');
    const path = String(question);
    await fleet.untilPulled(() => existsSync(join(fleet.clone, path)));
    expect(readFileSync(join(fleet.clone, path), 'utf8')).toContain(`touch ${made(word)}`);
    expect(existsSync(made(word))).toBe(false);
    const said = await fleet.run(['answer', path, answer, '-C', fleet.clone]);
    expect(said, said.stderr).toMatchObject({ code: 0 });
    const reply = join(fleet.clone, GENERAL, `${word}.re.main.md`);
    await fleet.untilPulled(() => existsSync(reply), 120_000);
    expect(existsSync(made(word))).toBe(word === 'yes');
    if (word === 'yes') expect(readFileSync(reply, 'utf8')).toContain('It says: ');
  });
});
