// Rows of workflows: a fold of a large run after one more answer, and a look of a dispatcher at
// twenty open runs, alone and beside ten thousand ended ones.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { ulid } from 'ulid';
import { decodeMessage } from '../../../build/protocol/message.js';
import { newMessagePath, replyPath } from '../../../build/protocol/paths.js';
import { advanceWorkflows } from '../../../build/dispatcher/advance-workflow.js';
import { tick } from '../../../build/dispatcher/tick.js';
import { nextTransition } from '../../../build/workflow/run/engine.js';
import { createFoldMemo } from '../../../build/workflow/run/fold-memo.js';
import { runChannel } from '../../../build/workflow/language/marker.js';
import { openHost } from '../host.mjs';
import { alternate, few } from '../measure.mjs';
import { git, MODELS_TEXT } from '../repository.mjs';

const TASKS = 1_000;
const OPEN_RUNS = 20;
const ENDED_RUNS = 10_000;
const START_MS = Date.parse('2026-01-01T00:00:00Z');
const SHORT = 'model: echo\nsteps:\n  a: { prompt: "say a" }';
const WAITS = `${SHORT}\n  agree: { needs: [a], ask: { title: "Good?" } }`;

/** The rows. `place`: a folder for what they make. */
export async function measureWorkflows({ place }) {
  return [await foldRow(), ...(await tickRows(place))];
}

/** Half of a thousand tasks are answered; one more answer arrives. */
async function foldRow() {
  const tasks = few(TASKS);
  const items = JSON.stringify(
    Array.from({ length: tasks }, (_, n) => ({ id: `t${n}`, title: `Ticket ${n}` })),
  );
  const run = createRun(
    `model: echo\nmax-parallel: 16\nsteps:\n  build: { each: ${items}, prompt: "Do \${{ item.title }}" }`,
    START_MS,
  );
  for (let count = 0; count < tasks / 2; count += 1) {
    run.settle();
    run.answerOne();
  }
  run.settle();
  const memo = createFoldMemo();
  run.next(memo);
  const time = await alternate(9, {
    floor: () => void run.next(undefined),
    ours: async () => {
      run.settle();
      run.answerOne();
      const startedMs = performance.now();
      run.next(memo);
      return performance.now() - startedMs;
    },
  });
  return {
    row: `fold of ${tasks.toLocaleString('en')} tasks after one answer`,
    unit: 'ms',
    ...time,
    target: '≤ 0.3 × all of it again',
    ok: time.ratio <= 0.3,
  };
}

async function tickRows(place) {
  const ended = few(ENDED_RUNS);
  const [alone, beside] = [
    await openAt(place, { name: 'open-runs', ended: 0 }),
    await openAt(place, { name: 'ended-runs', ended }),
  ];
  try {
    const time = (act) =>
      alternate(15, { floor: () => act(alone), ours: () => act(beside), warmUp: 2 });
    const [asked, told] = [await time(askAll), await time(tellOne)];
    const row = (name, of) => ({
      row: name,
      unit: 'ms',
      ...of,
      target: '≤ 1.2 × without ended runs',
      ok: of.ratio <= 1.2,
    });
    const name = `${OPEN_RUNS} open runs beside ${ended.toLocaleString('en')} ended ones`;
    return [row(`${name}: all asked again`, asked), row(`${name}: tick after a commit`, told)];
  } finally {
    await alone.host.close();
    await beside.host.close();
  }
}

/** As after two quiet seconds, when waits and timeouts may have come due. */
async function askAll({ host: { dispatcher } }) {
  dispatcher.state.workflows.runs.clear();
  const startedMs = performance.now();
  await advanceWorkflows(dispatcher);
  return performance.now() - startedMs;
}

/**
 * A person said something in one of the runs: the branch is fetched, its change read, and every run
 * looked at.
 */
async function tellOne(at) {
  const { dispatcher } = at.host;
  at.said += 1;
  const path = `data/channels/${at.run}/note-${at.said}.md`;
  const text = `---\nto: maintainer\nfrom: ada\ntimestamp: "2026-02-01T00:00:00Z"\n---\nNote ${at.said}\n`;
  await fastImport(at.url, [
    commit(Date.now(), 'note', 'from refs/heads/main^0\n'),
    file(path, text),
  ]);
  dispatcher.state.workflows.runs.clear();
  const startedMs = performance.now();
  await tick(dispatcher);
  return performance.now() - startedMs;
}

async function openAt(place, { name, ended }) {
  const url = join(place, `${name}.git`);
  git(url, ['init', '--quiet', '--bare', '--initial-branch=main']);
  git(url, ['config', 'gc.auto', '0']);
  const open = Array.from({ length: OPEN_RUNS }, (_, n) => finished(WAITS, START_MS + n));
  await fastImport(url, history(open, ended));
  const host = await openHost({ place: join(place, name), alias: name, url });
  await tick(host.dispatcher);
  await tick(host.dispatcher);
  return { host, url, run: open[0].name, said: 0 };
}

function* history(open, ended) {
  yield commit(START_MS, 'Make the transport', '');
  yield file('CROSSTALK-VERSION', '7\n');
  yield file('data/models.yaml', MODELS_TEXT);
  for (const run of open) for (const [path, text] of run.files) yield file(path, text);
  // One is made by the engine, the others are the same under their own names.
  const model = finished(SHORT, START_MS - 1);
  for (let n = 0; n < ended; n += 1)
    for (const [path, text] of renamed(model, ulid(START_MS - 1))) yield file(path, text);
}

function renamed({ files, id }, newId) {
  const own = (text) =>
    text.replaceAll(id, newId).replaceAll(id.toLowerCase(), newId.toLowerCase());
  return [...files].map(([path, text]) => [own(path), own(text)]);
}

/** A run as far as it comes on its own. */
function finished(yaml, atMs) {
  const run = createRun(yaml, atMs);
  do run.settle();
  while (run.answerOne());
  return run;
}

/** A run in memory: the engine's transitions, and answers of an agent. */
function createRun(yaml, atMs) {
  const id = ulid(atMs);
  const path = newMessagePath('general', atMs, id);
  const text = `---\nto: workflow\nfrom: maintainer\ntype: workflow\ntimestamp: "${new Date(atMs).toISOString()}"\n${yaml}\n---\n`;
  const { message } = decodeMessage(Buffer.from(text));
  const name = runChannel(path, message);
  const root = `data/channels/${name}/`;
  const files = new Map([[path, text]]);
  const open = [];
  let answered = 0;
  const next = (memo) => {
    const marker = {
      path,
      blob: 'b'.repeat(40),
      message,
      from: 'maintainer',
      timestampMs: atMs,
      reply: files.get(replyPath(path, 'workflow')) ?? null,
    };
    const own = new Map([...files].filter(([each]) => each.startsWith(root)));
    return nextTransition({ run: name, marker, files: own, lookUp: LOOK_UP, nowMs: atMs }, memo);
  };
  const memo = createFoldMemo();
  return {
    id,
    name,
    files,
    next,
    settle: () => {
      for (let transition = next(memo); transition !== null; transition = next(memo))
        for (const { path: added, content } of transition.files) {
          files.set(added, content);
          if (added.endsWith('/task.md')) open.push(added);
        }
    },
    answerOne: () => {
      const task = open.shift();
      if (task === undefined) return false;
      answered += 1;
      const time = new Date(atMs + answered * 1_000).toISOString();
      files.set(
        replyPath(task, 'echo'),
        `---\nto: workflow\nfrom: echo\nre: ${task}\ntimestamp: "${time}"\nmodel: echo\nhost: bench\nattempt: 1\n---\nAnswer ${answered}. ${'It is done. '.repeat(20)}\n`,
      );
      return true;
    },
  };
}

const LOOK_UP = {
  savedWorkflow: () => null,
  schemaFile: () => null,
  models: ['echo'],
  served: new Map([['echo', ['bench']]]),
  otherRuns: [],
  cached: () => null,
  runFiles: () => null,
  author: () => null,
};

async function fastImport(gitDir, pieces) {
  const child = spawn('git', [`--git-dir=${gitDir}`, 'fast-import', '--quiet', '--done'], {
    stdio: ['pipe', 'inherit', 'inherit'],
  });
  const exited = once(child, 'exit');
  for (const piece of pieces) if (!child.stdin.write(piece)) await once(child.stdin, 'drain');
  child.stdin.end('done\n');
  const [code] = await exited;
  if (code !== 0) throw new Error(`git fast-import ended with ${code}`);
}

function commit(atMs, subject, from) {
  const seconds = Math.floor(atMs / 1000);
  return `commit refs/heads/main\ncommitter Maintainer <maintainer@example.com> ${seconds} +0000\ndata ${Buffer.byteLength(subject)}\n${subject}\n${from}`;
}

function file(path, content) {
  return `M 100644 inline ${path}\ndata ${Buffer.byteLength(content)}\n${content}\n`;
}
