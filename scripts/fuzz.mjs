// Mutates what strangers push for as long as it is let; ends at the first thing that does not hold.
//   node scripts/fuzz.mjs [--seconds 600] [--first 1] [--seed read-123 | --seed push-1,push-2]
import { randomInt } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '600' },
    first: { type: 'string' },
    seed: { type: 'string' },
  },
});
const seconds = Number(values.seconds);
if (!(seconds > 0)) throw new Error('--seconds: expected a number above 0');
const first = values.first === undefined ? randomInt(2 ** 40) : Number(values.first);
if (!Number.isSafeInteger(first)) throw new Error('--first: expected a whole number');
const seeds = values.seed?.split(',') ?? [];
if (!seeds.every((seed) => /^(read|push|memory)-\d+$/.test(seed)))
  throw new Error(
    '--seed: expected read-<number>, or push-<number> or memory-<number> and more after commas',
  );

/** The seed makes the whole input again. */
const SHOWN_BYTES = 300;

const { build } = await import('esbuild').catch(() => {
  throw new Error('the fuzzer needs the development dependencies: npm ci');
});
const root = fileURLToPath(new URL('..', import.meta.url));
// Two levels below the root, as the sources of the tests are: their own paths lead to the same.
const place = mkdtempSync(join(root, 'node_modules', '.fuzz-'));
try {
  const outfile = join(place, 'fuzz.mjs');
  await build({
    absWorkingDir: root,
    entryPoints: [join(root, 'tests', 'fuzz', 'fuzz.ts')],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    sourcemap: 'inline',
    logLevel: 'error',
  });
  process.setSourceMapsEnabled(true);
  const { runFuzz, replay } = await import(pathToFileURL(outfile).href);
  const startedMs = performance.now();
  const report = seeds.length > 0 ? await replay(seeds) : await runFuzz({ seconds, first });
  print(report, (performance.now() - startedMs) / 1_000);
  process.exitCode = report.failure === null ? 0 : 1;
} finally {
  rmSync(place, { recursive: true, force: true });
}

function print({ counts, slowest, failure }, tookSeconds) {
  const all = [...counts.values()].reduce((sum, count) => sum + count, 0);
  for (const [name, count] of [...counts].sort()) console.log(`${name.padEnd(20)}${count}`);
  console.log(
    `${all} cases in ${tookSeconds.toFixed(0)} s; the slowest took ${slowest.cpuMs.toFixed(0)} ms of processor time (${slowest.seed})`,
  );
  if (failure === null) return;
  const { seed, what, why, input } = failure;
  console.log(`\nFAILED: ${what}\n${why}`);
  if (input !== null) {
    const shown = Buffer.from(input.subarray(0, SHOWN_BYTES)).toString('base64');
    console.log(`input (base64, ${input.length} bytes in all): ${shown}`);
  }
  console.log(`again: node scripts/fuzz.mjs --seed ${seed}`);
}
