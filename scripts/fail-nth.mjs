// Fail the Nth: one message is answered again and again by the real program with real git, and each
// time another one of its calls of the disk, of git or of the agent fails, is the last thing before
// a kill, or is never reached. Then the host starts again, and what is promised must hold.
//   node scripts/fail-nth.mjs [--sample] [--workers 2] [--only external/after/57]
// --sample takes each kind of call once instead of every call.
import { parseArgs } from 'node:util';
import { makeScene } from './fail-nth/scene.mjs';

const { values } = parseArgs({
  options: {
    sample: { type: 'boolean', default: false },
    workers: { type: 'string', default: '2' },
    only: { type: 'string' },
  },
});
const HOWS = ['error', 'before', 'after'];
/** A host that has answered before, and one whose disk is empty. */
const VARIANTS = [
  { effects: 'external', warm: true },
  { effects: 'none', warm: false },
];
/** Calls that change nothing: to be killed beside one is to be killed after the call before it. */
const READS =
  /^(readdir|readFile|stat|lstat|realpath|readFileSync|readdirSync|statSync|fstatSync|handle\.(stat|read|readFile|close)|git (version|ls-remote|rev-list))/;
/** After the last call that a run made, others may make a few more. */
const BEYOND = 5;

const counts = { replays: 0, hit: 0, hung: 0, seconds: performance.now() };
const problems = [];
if (values.only !== undefined) await runOnly(values.only);
else
  for (const variant of values.sample ? VARIANTS.slice(0, 1) : VARIANTS) await runVariant(variant);
counts.seconds = Math.round((performance.now() - counts.seconds) / 1_000);
for (const [name, value] of Object.entries({ ...counts, violations: problems.length }))
  console.log(`| ${name.padEnd(10)} | ${String(value).padEnd(8)} |`);
process.exit(problems.length === 0 && counts.hit > 0 ? 0 : 1);

async function runVariant(variant) {
  const workers = await Promise.all(
    Array.from({ length: Number(values.workers) }, () => makeScene(variant)),
  );
  try {
    const labels = await countCalls(workers[0]);
    const jobs = values.sample ? sampleOf(labels) : everyCall(labels);
    console.log(
      `${variant.effects}, ${variant.warm ? 'warm' : 'new'}: ${labels.length} calls, ${jobs.length} replays`,
    );
    await Promise.all(
      workers.map(async (scene) => {
        for (let job = jobs.shift(); job !== undefined; job = jobs.shift())
          await replay(scene, variant, job);
      }),
    );
  } finally {
    for (const scene of workers) scene.close();
  }
}

async function runOnly(only) {
  const [effects, how, n] = only.split('/');
  const variant = VARIANTS.find((candidate) => candidate.effects === effects);
  const scene = await makeScene(variant);
  try {
    await replay(scene, variant, { n: Number(n), how });
    console.log(scene.calls().join('\n'));
  } finally {
    scene.close();
  }
}

async function countCalls(scene) {
  scene.reset();
  await scene.live(0, 'error');
  return scene.calls().map((line) => line.replace(/^\d+ /, ''));
}

function everyCall(labels) {
  return Array.from({ length: labels.length + BEYOND }, (_, index) =>
    howsOf(labels[index] ?? '').map((how) => ({ n: index + 1, how })),
  ).flat();
}

/** Answers of the remote and of agents get lost; a disk that has written says so. */
function howsOf(label) {
  return /^(git (push|ls-remote|fetch-pack|upload-pack)|spawn) ?/.test(label)
    ? [...HOWS, 'lost']
    : HOWS;
}

/**
 * Every kind of call once: of the disk it fails and the next kind is the last before a kill, in
 * turn; git and agents do both, and what they say gets lost once. Reads of the disk, and all that a
 * kind of call can do, are left to the whole run. The same choice every time.
 */
function sampleOf(labels) {
  const kinds = [...new Set(labels)].filter((label) => !READS.test(label));
  return kinds.flatMap((label, index) => {
    // The last of its kind: most begin with the host, before there is anything to lose.
    const n = labels.lastIndexOf(label) + 1;
    const isStart = /^(git|spawn) /.test(label);
    const hows = isStart
      ? howsOf(label).filter((how) => how !== 'before')
      : [index % 2 === 0 ? 'error' : 'after'];
    return hows.map((how) => ({ n, how }));
  });
}

async function replay(scene, { effects }, { n, how }) {
  scene.reset();
  const first = await scene.live(n, how);
  const hit = scene.calls().find((line) => line.startsWith('hit '));
  counts.replays += 1;
  if (hit === undefined) return;
  counts.hit += 1;
  if (first.hung) counts.hung += 1;
  const drained = await scene.drain();
  const found = await scene.judge({ whole: !values.sample, how });
  if (first.hung) found.push('the troubled process hung');
  if (drained.hung || drained.code !== 0)
    found.push(`the drain ended with ${drained.hung ? 'a kill' : drained.code}`);
  if (found.length === 0) return;
  const problem = `${effects}/${how}/${n} ${hit.slice(4)}:\n  ${found.join('\n  ')}\n${indent(first.said)}\n  --\n${indent(drained.said)}`;
  problems.push(problem);
  // At once: a whole run takes long.
  console.log(problem);
}

function indent(text) {
  return text
    .trim()
    .split('\n')
    .slice(-14)
    .map((line) => `    ${line.slice(0, 240)}`)
    .join('\n');
}
