// Many hosts, many messages and a remote that takes one push a second, in virtual time: what one branch can carry, and what to do beyond.
//   node scripts/scale.mjs [--hosts 100] [--messages 10000] [--rate 5] [--concurrency 4] [--push-ms 1000] [--seed 1]
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const DEFAULTS = { hosts: '100', messages: '10000', rate: '5', concurrency: '4', 'push-ms': '1000', seed: '1' };
const { values } = parseArgs({
  options: Object.fromEntries(Object.entries(DEFAULTS).map(([name, value]) => [name, { type: 'string', default: value }])),
});
const options = {
  hosts: Number(values.hosts),
  messages: Number(values.messages),
  rate: Number(values.rate),
  concurrency: Number(values.concurrency),
  pushMs: Number(values['push-ms']),
  seed: Number(values.seed),
};
for (const [name, value] of Object.entries(options)) if (!(value > 0)) throw new Error(`--${name}: expected a number above 0`);

const { build } = await import('esbuild').catch(() => {
  throw new Error('the simulation needs the development dependencies: npm ci');
});
const root = fileURLToPath(new URL('..', import.meta.url));
const place = mkdtempSync(join(root, 'node_modules', '.scale-'));
try {
  const outfile = join(place, 'scale.mjs');
  const entry = join(root, 'tests', 'simulation', 'scale.ts');
  await build({
    absWorkingDir: root,
    entryPoints: [entry],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    packages: 'external',
    logLevel: 'error',
  });
  const { runScale } = await import(pathToFileURL(outfile).href);
  const startedMs = performance.now();
  const report = await runScale({
    ...options,
    onProgress: (answered, virtualMs) =>
      process.stderr.write(
        `${answered} answered after ${seconds(virtualMs)} of virtual time, ${seconds(performance.now() - startedMs)} of real time\n`,
      ),
  });
  print(report, performance.now() - startedMs);
  process.exitCode = report.unanswered === 0 && report.twice.length === 0 ? 0 : 1;
} finally {
  rmSync(place, { recursive: true, force: true });
}

function print(report, tookMs) {
  const { waitMs, pushes } = report;
  const lines = [
    ['hosts × agents', `${options.hosts} × ${options.concurrency}`],
    ['messages written', `${options.messages}, ${options.rate} a second`],
    ['the remote takes', `one push of the branch in ${options.pushMs} ms`],
    ['answered / not / twice', `${report.answered} / ${report.unanswered} / ${report.twice.length}`],
    ['replies a second', `${report.perSecond.toFixed(2)}, over ${seconds(report.virtualMs)}`],
    ['a finished answer waits', `p50 ${seconds(waitMs.p50)}, p95 ${seconds(waitMs.p95)}, longest ${seconds(waitMs.max)}`],
    ['the longest, in fair shares', `${report.fairShares.toFixed(2)} (1 = every host lands one push)`],
    [
      'pushes of the branch',
      `${pushes.landed} landed, ${pushes.lost} lost: ${pushes.perLanded.toFixed(2)} for each that landed, ${pushes.perReply.toFixed(2)} a reply`,
    ],
    ['replies in a push', report.repliesAPush.toFixed(1)],
    ['pushes of claims', `${report.claimPushes}`],
    ['looks at the remote', `${report.looksPerSecond.toFixed(0)} a second`],
  ];
  const width = Math.max(...lines.map(([name]) => name.length)) + 2;
  console.log(lines.map(([name, value]) => `${name.padEnd(width)}${value}`).join('\n'));
  console.log(
    `\n${seconds(tookMs)} of real time. When answers wait too long: several transports, each a branch of its own; \`crosstalkd run <dir> <dir> …\` serves them all from one host.`,
  );
}

function seconds(ms) {
  return ms >= 120_000 ? `${(ms / 60_000).toFixed(1)} min` : `${(ms / 1_000).toFixed(1)} s`;
}
