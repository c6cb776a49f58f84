// Many hosts, many messages and a remote that takes one push a second, in virtual time: what one
// branch can carry, and what to do beyond.
//   node scripts/scale.mjs [--hosts 100] [--messages 10000] [--rate 5] [--concurrency 4] [--push-ms
//   1000] [--seed 1] [--pace own|hosted] [--connect-ms 0]
// With `--pace hosted` the remote takes six pushes a minute and eight reads a second from all hosts
// together, and locks them out for a quarter of an hour when there are more.
import { parseArgs } from 'node:util';
import { HOSTED_LIMIT, withScale } from './load-scale.mjs';

const DEFAULTS = {
  hosts: '100',
  messages: '10000',
  rate: '5',
  concurrency: '4',
  'push-ms': '1000',
  seed: '1',
  pace: 'own',
  'connect-ms': '0',
};
/**
 * A wait for the branch that nobody minds, and by what part a run may stay behind the rate by
 * chance.
 */
const WAIT_MS = 10_000;
const SLACK = 0.2;
const { values } = parseArgs({
  options: Object.fromEntries(
    Object.entries(DEFAULTS).map(([name, value]) => [name, { type: 'string', default: value }]),
  ),
});
const options = {
  hosts: Number(values.hosts),
  messages: Number(values.messages),
  rate: Number(values.rate),
  concurrency: Number(values.concurrency),
  pushMs: Number(values['push-ms']),
  seed: Number(values.seed),
};
const pace = {
  transport: `pace: ${values.pace}\n`,
  connectMs: Number(values['connect-ms']),
  startMs: values.pace === 'own' ? 0 : 10_000,
  ...(values.pace === 'hosted' ? { limit: HOSTED_LIMIT } : {}),
};
for (const [name, value] of Object.entries(options))
  if (!(value > 0)) throw new Error(`--${name}: expected a number above 0`);

await withScale(async (runScale) => {
  const startedMs = performance.now();
  const report = await runScale({
    ...options,
    ...pace,
    onProgress: (answered, virtualMs) =>
      process.stderr.write(
        `${answered} answered after ${seconds(virtualMs)} of virtual time, ${seconds(performance.now() - startedMs)} of real time\n`,
      ),
  });
  print(report, performance.now() - startedMs);
  process.exitCode = report.unanswered === 0 && report.twice.length === 0 ? 0 : 1;
});

function print(report, tookMs) {
  const { waitMs, pushes } = report;
  const lines = [
    ['hosts × agents', `${options.hosts} × ${options.concurrency}`],
    ['messages written', `${options.messages}, ${options.rate} a second`],
    ['the remote takes', `one push of the branch in ${options.pushMs} ms`],
    [
      'answered / not / twice',
      `${report.answered} / ${report.unanswered} / ${report.twice.length}`,
    ],
    [
      'replies a second',
      `${report.perSecond.toFixed(2)} over ${seconds(report.virtualMs)}, ${report.steadyPerSecond.toFixed(2)} while messages came in`,
    ],
    [
      'a finished answer waits',
      `p50 ${seconds(waitMs.p50)}, p95 ${seconds(waitMs.p95)}, longest ${seconds(waitMs.max)}`,
    ],
    [
      'the longest, in fair shares',
      `${report.fairShares.toFixed(2)} (1 = every host lands one push)`,
    ],
    [
      'pushes of the branch',
      `${pushes.landed} landed, ${pushes.lost} lost: ${pushes.perLanded.toFixed(2)} for each that landed, ${pushes.perReply.toFixed(2)} a reply`,
    ],
    ['replies in a push', report.repliesAPush.toFixed(1)],
    ['pushes of claims', `${report.claimPushes}`],
    [
      'all pushes',
      `${report.allPushes.perReply.toFixed(2)} a reply, ${report.allPushes.perMinute.toFixed(1)} a minute (at most ${report.most.push} in one), ${report.lostPushes} lost`,
    ],
    [
      'reads of the remote',
      `${report.readsPerSecond.toFixed(1)} a second (at most ${report.most.read} in one)`,
    ],
    ['refused as too many', `${report.refused}`],
    [
      'from message to reply',
      `p50 ${seconds(report.answerMs.p50)}, p95 ${seconds(report.answerMs.p95)}, longest ${seconds(report.answerMs.max)}`,
    ],
  ];
  const width = Math.max(...lines.map(([name]) => name.length)) + 2;
  console.log(lines.map(([name, value]) => `${name.padEnd(width)}${value}`).join('\n'));
  console.log(`\n${seconds(tookMs)} of real time.\n${tellBeyond(report)}`);
}

/**
 * How many transports the rate asks for, and how many a short wait: what an answer waits for is the
 * hosts beside its own on the branch.
 */
function tellBeyond({ steadyPerSecond, waitMs }) {
  const forRate = Math.ceil(options.rate / steadyPerSecond - SLACK);
  const forWait = Math.min(options.hosts, Math.ceil(waitMs.p50 / WAIT_MS));
  const carried =
    forRate <= 1
      ? `This branch carries the ${options.rate} messages a second.`
      : `This branch carries ${steadyPerSecond.toFixed(1)} of ${options.rate} messages a second: the rate takes ${forRate} transports.`;
  const transports = Math.max(forRate, forWait);
  if (transports <= 1) return carried;
  const each = {
    hosts: Math.ceil(options.hosts / transports),
    rate: Number((options.rate / transports).toFixed(2)),
  };
  const command = `node scripts/scale.mjs --hosts ${each.hosts} --messages ${Math.ceil(each.rate * 300)} --rate ${each.rate}`;
  return [
    carried,
    `For a middle wait below ${seconds(WAIT_MS)}: ${transports} transports, each its own branch, with ${each.hosts} hosts on each. One of them: ${command}`,
    'A host can serve several of them: `crosstalkd run <dir> <dir> …`; with all hosts on every branch less is gained.',
  ].join('\n');
}

function seconds(ms) {
  return ms >= 120_000 ? `${(ms / 60_000).toFixed(1)} min` : `${(ms / 1_000).toFixed(1)} s`;
}
