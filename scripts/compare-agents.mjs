// Compares the two ways to run one agent program, by its own adapter and over ACP: what a first
// answer takes, how much memory its processes have at most, and what is reported tokens, cost, the
// session and a refused key. Programs as scripts/install-clis.mjs installs them; those that are not
// there are left out. `node scripts/compare-agents.mjs [name …]` prints a table in markdown.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const CLIS = process.env.CROSSTALK_CLIS ?? join(homedir(), '.cache', 'crosstalk-clis');
const CODE = `
export { startLlmEndpoint } from './tests/support/llm-endpoint.ts';
export { createAgents } from './src/agents/run-agents.ts';
export { ADAPTERS } from './src/agents/adapters.ts';
export { systemClock } from './src/base/clock.ts';
export { decodeModels } from './src/protocol/decode-models.ts';`;
const RUNS = 3;
const SAMPLE_MS = 100;

/** `bridge`: another program that speaks ACP for it. */
const PROGRAMS = {
  claude: {
    acp: [],
    bridge: 'claude-agent-acp',
    both: { model: 'sonnet' },
    env: (url) => ({ ANTHROPIC_API_KEY: 'test-key', ANTHROPIC_BASE_URL: url, IS_SANDBOX: '1' }),
  },
  codex: {
    acp: [],
    bridge: 'codex-acp',
    env: () => ({ OPENAI_API_KEY: 'test-key' }),
    files: (url) => ({
      '.codex/config.toml': `model = "m"
model_provider = "x"
[model_providers.x]
name = "x"
base_url = "${url}/v1"
env_key = "OPENAI_API_KEY"
wire_api = "responses"
request_max_retries = 0
stream_max_retries = 0
`,
    }),
  },
  opencode: {
    acp: ['acp'],
    cli: { model: 'there/m' },
    env: () => ({ OPENAI_API_KEY: 'test-key' }),
    files: (url) => ({
      '.config/opencode/opencode.json': {
        model: 'there/m',
        provider: {
          there: {
            npm: '@ai-sdk/openai-compatible',
            options: { baseURL: `${url}/v1`, apiKey: '{env:OPENAI_API_KEY}' },
            models: {
              m: { limit: { context: 100_000, output: 8_000 }, cost: { input: 3, output: 15 } },
            },
          },
        },
      },
    }),
  },
  gemini: {
    acp: ['--acp'],
    both: { model: 'gemini-2.5-pro' },
    env: (url) => ({ GEMINI_API_KEY: 'test-key', GOOGLE_GEMINI_BASE_URL: url }),
    files: () => ({
      '.gemini/settings.json': {
        security: { auth: { selectedType: 'gemini-api-key' } },
        general: { maxAttempts: 1 },
      },
    }),
  },
  qwen: {
    acp: ['--acp', '--auth-type', 'openai'],
    cli: { model: 'm', options: { 'auth-type': 'openai' } },
    env: (url) => ({
      ...{ OPENAI_API_KEY: 'test-key', OPENAI_BASE_URL: `${url}/v1`, OPENAI_MODEL: 'm' },
    }),
  },
  copilot: {
    acp: ['--acp'],
    env: (url) => ({
      ...{ COPILOT_OFFLINE: 'true', COPILOT_PROVIDER_BASE_URL: `${url}/v1`, COPILOT_MODEL: 'm' },
      COPILOT_PROVIDER_API_KEY: 'test-key',
    }),
  },
};

const parts = await load();
const wanted = process.argv.slice(2);
console.log('| program | by | first answer s | peak MB | tokens | cost | session | 401 |');
console.log('|---|---|---|---|---|---|---|---|');
for (const [name, program] of Object.entries(PROGRAMS)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  for (const by of [name, 'acp']) {
    const path = find(by === 'acp' ? (program.bridge ?? name) : name);
    if (path !== null) console.log(`| ${name} | ${await measure(by, { path, program })} |`);
  }
}

/** The cells of one row. */
async function measure(by, { path, program }) {
  const place = mkdtempSync(join(tmpdir(), 'compare-'));
  let status = 200;
  const endpoint = await parts.startLlmEndpoint(() =>
    status === 200
      ? { kind: 'text', text: 'It says: hello', tokens: [1_000, 70] }
      : { kind: 'error', status },
  );
  try {
    const { url } = endpoint;
    for (const [file, value] of Object.entries(program.files?.(url) ?? {})) {
      mkdirSync(dirname(join(place, file)), { recursive: true });
      writeFileSync(join(place, file), typeof value === 'string' ? value : JSON.stringify(value));
    }
    const env = program.env(url);
    const own = by === 'acp' ? {} : program.cli;
    const entry = entryOf({
      ...{ adapter: by, command: [path, ...(by === 'acp' ? program.acp : [])] },
      ...{ env: Object.keys(env), timeout: '90s', ...program.both, ...own },
    });
    const operatorEnv = { PATH: process.env.PATH, HOME: place, ...env };
    const agents = parts.createAgents({
      ...{ clock: parts.systemClock, operatorEnv, adapters: parts.ADAPTERS },
    });
    const runs = [];
    for (let n = 0; n < RUNS; n += 1) runs.push(await run(agents, { entry, place, n }));
    status = 401;
    const refused = await run(agents, { entry, place, n: RUNS });
    return describe(by, runs, refused);
  } finally {
    await endpoint.close();
    rmSync(place, { recursive: true, force: true });
  }
}

async function run(agents, { entry, place, n }) {
  const attemptId = `compare-${process.pid}-${n}`;
  const directory = join(place, `attempt-${n}`);
  mkdirSync(directory);
  let [firstMs, peak] = [null, 0];
  const startedMs = performance.now();
  const timer = setInterval(() => (peak = Math.max(peak, residentMb(attemptId))), SAMPLE_MS);
  const outcome = await agents.run({
    ...{ attemptId, entry, directory, prompt: 'Message:\nhello', message: 'hello', persona: null },
    ...{ session: null, extraEnv: {}, signal: new AbortController().signal },
    onStarted: () => Promise.resolve(),
    onOutput: () => (firstMs ??= performance.now() - startedMs),
  });
  clearInterval(timer);
  return { outcome, firstMs: firstMs ?? performance.now() - startedMs, peak };
}

function describe(by, runs, refused) {
  const answered = runs.filter(({ outcome }) => outcome.kind === 'answered');
  const last = answered.at(-1)?.outcome;
  if (last === undefined) return `${by} | failed: ${runs[0].outcome.class} | | | | | `;
  const first = middle(answered.map(({ firstMs }) => firstMs / 1_000)).toFixed(1);
  const { usage, session } = last;
  const said = refused.outcome.kind === 'failed' ? refused.outcome.class : refused.outcome.kind;
  const yes = (is) => (is ? 'yes' : 'no');
  return [
    ...[by, first, Math.round(Math.max(...runs.map(({ peak }) => peak)))],
    ...[yes(usage.tokensOut !== null), yes(usage.costUsd !== null), yes(session !== null), said],
  ].join(' | ');
}

function middle(values) {
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
}

/** Memory of everything that carries the mark of an attempt. */
function residentMb(attemptId) {
  let pages = 0;
  for (const pid of readdirSync('/proc'))
    try {
      if (/^\d+$/.test(pid) && readFileSync(`/proc/${pid}/environ`, 'utf8').includes(attemptId))
        pages += Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]);
    } catch {
      // It has ended, or is somebody else's.
    }
  return (pages * 4_096) / 1_048_576;
}

function entryOf(written) {
  const { models, problems } = parts.decodeModels(JSON.stringify({ models: { tried: written } }));
  const entry = models.get('tried');
  if (entry === undefined) throw new Error(JSON.stringify(problems));
  return entry;
}

function find(name) {
  const folders = existsSync(CLIS)
    ? readdirSync(CLIS).filter((one) => new RegExp(`^${name}-\\d[^-]*$`).test(one))
    : [];
  const paths = folders.sort().map((one) => join(CLIS, one, 'node_modules', '.bin', name));
  return paths.findLast((path) => existsSync(path)) ?? null;
}

/** The program's and the tests' own modules, which are TypeScript. */
async function load() {
  const place = mkdtempSync(join(ROOT, 'node_modules', '.compare-'));
  try {
    const outfile = join(place, 'parts.mjs');
    const stdin = { contents: CODE, resolveDir: ROOT, loader: 'ts' };
    await build({
      ...{ stdin, outfile, bundle: true, platform: 'node', format: 'esm', logLevel: 'error' },
      packages: 'external',
    });
    return await import(pathToFileURL(outfile).href);
  } finally {
    rmSync(place, { recursive: true });
  }
}
