// Every pattern of the product takes linear time, whatever text it is given: what others push,
// print or answer reaches most of them. `recheck` proves it by automata or looks for an attack;
// what it said of a pattern is kept until the pattern or the checker changes. A pattern is never
// made of strings at run time, so that all of them are seen here.
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { check } from 'recheck';
import ts from 'typescript';

const root = fileURLToPath(new URL('..', import.meta.url));
const cacheFile = join(root, 'node_modules/.cache/linear-patterns.json');
const { version } = createRequire(import.meta.url)('recheck/package.json');
const LIMIT_MS = 20_000;
/** Says in a comment on the line above why a pattern that is not proved is linear all the same. */
const BOUNDED = /\/\/ linear: \S/;

const patterns = readdirSync(join(root, 'src'), { recursive: true })
  .filter((name) => /\.tsx?$/.test(name))
  .flatMap((name) => patternsOf(join('src', name)));

const known = readKnown();
const failures = [];
for (const { at, text, made, bounded } of patterns) {
  if (made) failures.push(`${at}: a pattern made of strings; write it as a literal`);
  else if (!bounded && (await judge(text)) !== 'linear')
    failures.push(`${at}: ${known[keyOf(text)]}: ${text}`);
}
mkdirSync(join(root, 'node_modules/.cache'), { recursive: true });
writeFileSync(cacheFile, JSON.stringify(known));
console.log(failures.length === 0 ? `${patterns.length} patterns` : failures.join('\n'));
process.exit(failures.length === 0 ? 0 : 1);

function patternsOf(file) {
  const source = readFileSync(join(root, file), 'utf8');
  const lines = source.split('\n');
  const parsed = ts.createSourceFile(file, source, ts.ScriptTarget.Latest, true);
  const found = [];
  const visit = (node) => {
    const line = parsed.getLineAndCharacterOfPosition(node.getStart()).line;
    const at = `${file}:${line + 1}`;
    if (ts.isRegularExpressionLiteral(node))
      found.push({ at, text: node.text, bounded: BOUNDED.test(lines[line - 1] ?? '') });
    else if (
      (ts.isNewExpression(node) || ts.isCallExpression(node)) &&
      node.expression.getText() === 'RegExp'
    )
      found.push({ at, made: true });
    ts.forEachChild(node, visit);
  };
  visit(parsed);
  return found;
}

async function judge(text) {
  const key = keyOf(text);
  const [, pattern, flags] = /^\/([^]*)\/([a-z]*)$/.exec(text);
  known[key] ??= describe(await check(pattern, flags, { timeout: LIMIT_MS }));
  return known[key];
}

function describe({ status, complexity, error }) {
  if (status === 'safe') return 'linear';
  return status === 'vulnerable' ? complexity.summary : `not proved (${error.kind})`;
}

function keyOf(text) {
  return createHash('sha256').update(`${version} ${text}`).digest('hex').slice(0, 24);
}

function readKnown() {
  try {
    return JSON.parse(readFileSync(cacheFile, 'utf8'));
  } catch {
    return {};
  }
}
