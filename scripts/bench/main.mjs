// What the product costs beside what raw git costs, measured in the same run:
//   npm run bench [-- --large] [--quick] [--only version,reply,…] [--sizes 1k,10k] [--json FILE]
//   [--plot FILE.svg] [--from FILE.json,…] `--from` adds rows of earlier runs to the picture,
//   `--large` a million messages and sixteen hosts; `--quick` measures each once, to see that it
//   can be measured: its numbers say nothing.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { drawPlot } from './plot.mjs';
import { beQuick, few } from './measure.mjs';
import { makeRemote } from './repository.mjs';
import { measureHosts } from './rows/hosts.mjs';
import { measureRace } from './rows/race.mjs';
import { measurePaces } from './rows/pace.mjs';
import { measureProcessorTime } from './rows/processor.mjs';
import { measureReplies } from './rows/reply.mjs';
import { measureReading } from './rows/read.mjs';
import { measureStarts, measureVersion } from './rows/start.mjs';
import { startSsh } from './ssh-server.mjs';
import { measureWakes } from './rows/wake.mjs';
import { measureWorkflows } from './rows/workflow.mjs';
import { formatTable } from './table.mjs';

const { values } = parseArgs({
  options: {
    large: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    sizes: { type: 'string' },
    json: { type: 'string' },
    plot: { type: 'string' },
    from: { type: 'string' },
  },
});
const sizes =
  values.sizes?.split(',').map(parseSize) ??
  (values.large ? [1_000, 10_000, 100_000, 1_000_000] : [1_000, 10_000, 100_000]);
const small = Math.min(...sizes);
const hostCounts = values.quick ? [2] : values.large ? [2, 4, 8, 16] : [2, 4, 8];
const readSizes = values.quick ? [small] : [20_000, ...(sizes.includes(100_000) ? [100_000] : [])];
// Targets are for an idle machine with two processors; a machine that does other things is shown,
// so that nobody reads too much into a number.
const startedMs = performance.now();
const place = mkdtempSync(join(tmpdir(), 'crosstalk-bench-'));
const children = [];
/** Replies a second of one host, in this run. */
let oneHost = null;
const results = [];
/**
 * What is measured, in this order: the sizes of a group (null = it has none) and the rows of one of
 * them.
 */
const GROUPS = [
  { name: 'version', sizes: [null], rows: async () => [await measureVersion()] },
  {
    name: 'reply',
    sizes,
    rows: async (count) =>
      measureReplies({ place, base: await remote(count), label: String(count) }),
  },
  {
    name: 'start',
    sizes,
    rows: async (count) => measureStarts({ place, base: await remote(count), count }),
  },
  { name: 'http', sizes: [small], rows: httpRows },
  { name: 'ssh', sizes: [small], rows: sshRows },
  {
    name: 'read',
    sizes: readSizes,
    rows: async (count) => measureReading({ place, base: await remote(count), count }),
  },
  {
    name: 'race',
    sizes: [small],
    rows: async (count) => measureRace({ place, base: await remote(count) }),
  },
  {
    name: 'wake',
    sizes: [small],
    rows: async (count) => measureWakes({ place, base: await remote(count) }),
  },
  { name: 'workflow', sizes: [null], rows: () => measureWorkflows({ place }) },
  {
    name: 'processor',
    sizes: [small],
    rows: async (count) => measureProcessorTime({ place, base: await remote(count) }),
  },
  { name: 'pace', sizes: [null], rows: measurePaces },
  { name: 'throughput', sizes: [small], rows: throughputRows },
  ...hostCounts.map((hosts) => ({ name: 'hosts', sizes: [small], rows: () => hostRows(hosts) })),
];
const names = [...new Set(GROUPS.map(({ name }) => name))];
const only = values.only?.split(',').filter((name) => name !== 'none') ?? names;
const unknown = only.filter((name) => !names.includes(name));
if (unknown.length > 0) fail(`no group of rows "${unknown[0]}"; there are: ${names.join(', ')}`);
if (values.quick) beQuick();

try {
  for (const group of GROUPS.filter(({ name }) => only.includes(name)))
    for (const size of group.sizes) await measure(group, size);
} finally {
  for (const child of children) child.kill();
  rmSync(place, { recursive: true, force: true });
}

const missed = results.filter(({ ok }) => !ok);
const report = {
  at: new Date().toISOString(),
  seconds: Math.round((performance.now() - startedMs) / 1000),
  processors: cpus().length,
  load: loadavg().map((value) => Number(value.toFixed(2))),
  node: process.versions.node,
  results,
};
console.log(formatTable(results));
console.log(
  `\n${report.seconds} s on ${report.processors} processors, load average ${report.load.join(' ')}.`,
);
console.log(
  missed.length === 0
    ? 'Every target is met.'
    : `Missed: ${missed.map(({ row, size }) => `${row}${size === null ? '' : ` (${size})`}`).join('; ')}.`,
);
mkdirSync(fileURLToPath(new URL('../../bench-results', import.meta.url)), { recursive: true });
const file =
  values.json ??
  fileURLToPath(
    new URL(`../../bench-results/${report.at.replace(/[:.]/g, '-')}.json`, import.meta.url),
  );
writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`);
const earlier =
  values.from?.split(',').flatMap((name) => JSON.parse(readFileSync(name, 'utf8')).results) ?? [];
if (values.plot !== undefined)
  writeFileSync(
    values.plot,
    drawPlot(
      [...results, ...earlier],
      `${cpus().length} processors, load average ${report.load[0]}`,
    ),
  );
process.exitCode = missed.length === 0 ? 0 : 1;

/**
 * One group that breaks must not take with it what the others have measured: it is a row that
 * misses.
 */
async function measure({ name, rows }, size) {
  const measured = await rows(size).catch((error) => {
    console.error(error);
    return [
      {
        row: `${name}: not measured`,
        unit: '',
        target: String(error.message).split('\n')[0],
        ok: false,
      },
    ];
  });
  for (const row of measured) {
    results.push({ size, ...row });
    process.stderr.write(`${row.ok ? 'ok  ' : 'miss'} ${size ?? ''} ${row.row}\n`);
  }
}

function remote(count) {
  return makeRemote(place, count);
}

async function httpRows(count) {
  const base = await remote(count);
  const child = spawn(
    process.execPath,
    [fileURLToPath(new URL('http-server.mjs', import.meta.url)), place],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  children.push(child);
  const [port] = await once(child.stdout, 'data');
  const serve = (path) => `http://127.0.0.1:${String(port).trim()}/${basename(path)}`;
  const rows = await measureReplies({ place, base, label: `http-${count}`, serve });
  return rows.map((row) => ({ ...row, row: `http: ${row.row}` }));
}

async function sshRows(count) {
  const ssh = await startSsh(place);
  if (ssh === null)
    return [{ row: 'ssh: no sshd on this machine', unit: '', target: '', ok: true }];
  children.push(ssh.child);
  const base = await remote(count);
  const serve = (path) => `${ssh.url}${path}`;
  const rows = [];
  const ways = [
    ['ssh', ssh.command],
    ['ssh, one connection', ssh.shared],
  ];
  for (const [name, command] of values.quick ? ways.slice(1) : ways) {
    process.env.GIT_SSH_COMMAND = command;
    const measured = await measureReplies({
      place,
      base,
      label: `${name.replace(/\W+/g, '-')}-${count}`,
      serve,
    });
    rows.push(...measured.map((row) => ({ ...row, row: `${name}: ${row.row}` })));
  }
  delete process.env.GIT_SSH_COMMAND;
  return rows;
}

async function throughputRows(size) {
  const count = few(1_000);
  const told = await measureHosts({ place, base: await remote(size), hosts: 1, count });
  oneHost = told.perSecond;
  return [
    {
      row: `${count.toLocaleString('en')} messages, 1 host, concurrency 16`,
      unit: '/s',
      ours: told.perSecond,
      target: '≥ 50 /s',
      ok: told.perSecond >= 50,
      detail: told,
    },
    {
      row: '… lost + run twice',
      unit: '',
      ours: told.lost + told.duplicates,
      target: '0',
      ok: told.lost + told.duplicates === 0,
    },
  ];
}

async function hostRows(hosts) {
  const count = few(values.large ? 1_000 : 400);
  const told = await measureHosts({ place, base: await remote(small), hosts, count });
  const name = `${count} messages, ${hosts} hosts`;
  oneHost ??= (await measureHosts({ place, base: await remote(small), hosts: 1, count })).perSecond;
  const needed = hosts > 8 ? 0 : 20;
  return [
    {
      row: name,
      unit: '/s',
      ours: told.perSecond,
      target: needed === 0 ? '' : `≥ ${needed} /s`,
      ok: told.perSecond >= needed,
      detail: told,
    },
    {
      row: '… part of what one host reaches',
      unit: '',
      ours: told.perSecond / oneHost,
      target: hosts === 8 ? '≥ 0.6' : '',
      ok: hosts !== 8 || told.perSecond / oneHost >= 0.6,
    },
    {
      row: '… lost + run twice',
      unit: '',
      ours: told.lost + told.duplicates,
      target: '0',
      ok: told.lost + told.duplicates === 0,
    },
    {
      row: '… pushes of the branch a landed commit',
      unit: '',
      ours: told.branchPushes / count,
      target: hosts > 8 ? '≤ 2' : '',
      ok: hosts <= 8 || told.branchPushes / count <= 2,
    },
    {
      row: '… pushes of the branch a landed one',
      unit: '',
      ours: told.branchPushesPerLanded,
      target: '',
      ok: true,
    },
    { row: '… waiting, p50', unit: 'ms', ours: told.p50, target: '', ok: true },
    { row: '… waiting, p95', unit: 'ms', ours: told.p95, target: '', ok: true },
    {
      row: '… pushes a reply, claims included',
      unit: '',
      ours: told.pushesPerReply,
      target: '',
      ok: true,
    },
    { row: '… pushes that lost', unit: '', ours: told.retries, target: '', ok: true },
    { row: '… reads of the remote', unit: '/s', ours: told.readsPerSecond, target: '', ok: true },
    {
      row: '… longest wait of an answer, in fair shares',
      unit: '',
      ours: told.fairShares,
      target: hosts > 8 ? '≤ 2' : '',
      ok: hosts <= 8 || told.fairShares <= 2,
    },
  ];
}

function parseSize(text) {
  const match = /^(\d+)([km]?)$/.exec(text.trim());
  if (match === null) fail(`"${text}" is not a size: expected 500, 10k or 1m`);
  return Number(match[1]) * { '': 1, k: 1_000, m: 1_000_000 }[match[2]];
}

function fail(why) {
  console.error(`bench: ${why}`);
  process.exit(2);
}
