// A provider of language models on loopback, for anyone who looks at an agent program by hand: the
// endpoint of the tests, which speaks the forms of Anthropic, OpenAI (chat completions, responses)
// and Gemini. `node scripts/play-provider.mjs` prints its address and a line for each question.
// Words in a prompt steer the answer, as in tests/agents-real/questions.ts: [do:auth] 401,
// [do:rate] 429, [do:reset] 429 with a time, [do:quota], [do:broken] 500, [do:context], [do:cut];
// [do:describe] says how much arrived, [do:history] how many answers the program remembers.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const CODE = `export { startLlmEndpoint } from './tests/support/llm-endpoint.ts'; export { answer } from './tests/agents-real/questions.ts';`;

const { startLlmEndpoint, answer } = await load();
const endpoint = await startLlmEndpoint((question) => {
  const { path, model, key, user, tools } = question;
  const said = answer(question, { kind: 'text', text: 'no tool is called by hand' });
  const what = said.kind === 'text' ? said.text : JSON.stringify(said);
  console.log(
    `POST ${path}  model ${model}, key ${key === '' ? 'none' : 'given'}, ${tools.length} tools, ${user.length} characters → ${what}`,
  );
  return said;
});
console.log(`${endpoint.url}  (Ctrl-C ends it)`);

/** The tests' own modules, which are TypeScript. */
async function load() {
  const place = mkdtempSync(join(tmpdir(), 'crosstalk-provider-'));
  try {
    const outfile = join(place, 'provider.mjs');
    const stdin = { contents: CODE, resolveDir: ROOT, loader: 'ts' };
    await build({
      stdin,
      outfile,
      bundle: true,
      platform: 'node',
      format: 'esm',
      logLevel: 'error',
    });
    return await import(pathToFileURL(outfile).href);
  } finally {
    rmSync(place, { recursive: true });
  }
}
