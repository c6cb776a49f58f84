/**
 * People around workflow runs: they start them, answer gates, pause, cancel, retry, raise budgets,
 * send events; late, twice, or to the wrong run.
 */
import { encodeTime } from 'ulid';
import { newMessagePath } from '../../src/protocol/paths.ts';
import { BEGINNING_MS } from '../support/manual-clock.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import { commitAs, filesNow } from './people.ts';
import { drawsOf } from './plan.ts';
import type { World } from './world.ts';
import { followedText, MARKERS } from './workflows.ts';

/** Starts the seed's runs and then looks after them until the end. */
export async function playRuns(world: World): Promise<void> {
  if (world.plan.markers.length === 0) return;
  const random = drawsOf(world.plan, 'runs');
  void startRuns(world);
  const care: Care = {
    world,
    random,
    paused: new Map(),
    signalled: new Set(),
    asked: new Set(),
    tip: null,
    count: 0,
  };
  for (; !world.isOver();) {
    await world.scheduler.wait(null, random.int(3_000, 12_000), 'timer').done;
    lookAfter(care);
  }
}

async function startRuns(world: World): Promise<void> {
  const random = drawsOf(world.plan, 'markers');
  // Runs of a group come close together, or they would not meet.
  const window = world.plan.markers.includes('group') ? 30_000 : world.plan.faultsUntilMs * 0.6;
  for (const [index, name] of world.plan.markers.entries()) {
    await world.scheduler.wait(null, (random.next() * window) / world.plan.markers.length, 'timer')
      .done;
    const number = 100 + index;
    const atMs = BEGINNING_MS + number * 1_000;
    const path = random.chance(0.5)
      ? newMessagePath('general', atMs, `${encodeTime(atMs)}${String(number).padStart(16, '0')}`)
      : `data/channels/general/wf-${number}.md`;
    const stamp = new Date(BEGINNING_MS + world.scheduler.nowMs()).toISOString();
    const head = MARKERS[name]?.(random) ?? '';
    const content = `---\nto: workflow\nfrom: ${random.pick(['ada', 'grace'])}\ntype: workflow\ntimestamp: "${stamp}"\n${head}\n---\nPlease do it.\n`;
    put(world, `starts ${name} by ${path}`, [{ path, content }]);
    world.count(`people start ${name}`);
  }
}

interface Care {
  readonly world: World;
  readonly random: SeededRandom;
  /** Run → when somebody will let it continue. */
  readonly paused: Map<string, number>;
  readonly signalled: Set<string>;
  /** Budget holds that were answered. */
  readonly asked: Set<string>;
  tip: string | null;
  count: number;
}

function lookAfter(care: Care): void {
  const { world, random } = care;
  const calm = world.scheduler.nowMs() >= world.plan.faultsUntilMs;
  const files = filesNow(world);
  if (!calm && world.plan.markers.includes('followed') && random.chance(0.12)) {
    care.count += 1;
    const path = 'data/workflows/followed.md';
    put(world, 'edits the saved workflow', [{ path, content: followedText(care.count) }]);
  }
  for (const [path, text] of files) {
    const run = /^data\/channels\/([^/]+)\/RUN\.json$/.exec(path)?.[1];
    if (run === undefined || files.has(`data/channels/${run}/COMPLETE`)) continue;
    careFor(care, { run, files, calm, from: /"from": "(\w+)"/.exec(text)?.[1] ?? 'ada' });
  }
}

interface OpenRun {
  readonly run: string;
  readonly files: ReadonlyMap<string, string>;
  readonly calm: boolean;
  readonly from: string;
}

function careFor(care: Care, open: OpenRun): void {
  const { world, random } = care;
  const root = `data/channels/${open.run}/`;
  const plan = open.files.get(`${root}PLAN.yaml`) ?? '';
  answerGates(care, open);
  for (const path of open.files.keys()) {
    if (
      !path.startsWith(`${root}budget/`) ||
      care.asked.has(path) ||
      !(open.calm || random.chance(0.3))
    )
      continue;
    care.asked.add(path);
    control(care, open, { keys: 'op: budget\nagents: 9' });
  }
  if (
    plan.includes('event: go') &&
    !care.signalled.has(open.run) &&
    (open.calm || random.chance(0.2))
  ) {
    care.signalled.add(open.run);
    control(care, open, { keys: 'op: signal\nevent: go' });
  }
  const until = care.paused.get(open.run);
  if (until !== undefined && (open.calm || world.scheduler.nowMs() >= until)) {
    care.paused.delete(open.run);
    control(care, open, { keys: 'op: resume' });
  }
  if (open.calm || !random.chance(0.25)) return;
  meddle(care, open);
}

/** What people ask of a run out of the blue. */
function meddle(care: Care, open: OpenRun): void {
  const { world, random } = care;
  const kind = random.pick([
    'pause',
    'retry',
    'retry',
    'amend',
    'amend-unsafe',
    'cancel',
    'mark',
    'say',
    'nonsense',
  ] as const);
  world.count(`people ${kind} run`);
  if (kind === 'pause')
    care.paused.set(open.run, world.scheduler.nowMs() + random.int(5_000, 40_000));
  if (kind === 'say') message(care, open, { keys: 'to: ada', body: 'just talking' });
  else if (kind === 'mark') {
    if (random.chance(0.2))
      put(world, `cancels ${open.run}`, [
        { path: `data/channels/${open.run}/CANCEL`, content: 'enough\n' },
      ]);
  } else if (kind !== 'cancel' || random.chance(0.5)) control(care, open, ASKED[kind]);
}

const ASKED = {
  pause: { keys: 'op: pause' },
  retry: { keys: 'op: retry' },
  amend: { keys: 'op: amend', body: '```yaml\nmax-parallel: 2\n```' },
  'amend-unsafe': {
    keys: 'op: amend',
    body: '```yaml\nsteps:\n  other: { prompt: other, model: opus }\n```',
  },
  nonsense: { keys: 'op: retreat' },
  cancel: { keys: 'op: cancel' },
} as const;

function answerGates(care: Care, { run, files, calm, from }: OpenRun): void {
  const { world, random } = care;
  const root = `data/channels/${run}/gates/`;
  for (const path of files.keys()) {
    if (!path.startsWith(root) || !path.endsWith('/ask.md')) continue;
    const folder = path.slice(0, -'ask.md'.length);
    if (files.has(`${folder}decision.json`) || care.asked.has(path)) continue;
    const choose = folder.includes('/choose');
    if (!calm && !random.chance(choose ? 0.1 : 0.35)) continue;
    const says = choose
      ? random.pick(['left', 'right', 'neither'])
      : random.chance(0.6)
        ? 'approve'
        : 'deny';
    // Who said something that counts for nothing says it again.
    if (says !== 'neither') care.asked.add(path);
    if (!choose && from === 'ada' && random.chance(0.4))
      put(world, `puts ${folder}${says}`, [{ path: `${folder}${says}`, content: 'by hand\n' }]);
    else message(care, { run, from }, { keys: `to: workflow\nre: ${path}`, body: says });
  }
}

interface Said {
  readonly keys: string;
  readonly body?: string;
}

function control(care: Care, open: OpenRun, said: Said): void {
  care.world.count(`people ${said.keys.split('\n')[0] ?? ''}`);
  message(care, open, { ...said, keys: `to: workflow\n${said.keys}` });
}

function message(
  care: Care,
  { run, from }: Pick<OpenRun, 'run' | 'from'>,
  { keys, body = 'please' }: Said,
): void {
  care.count += 1;
  const path = `data/channels/${run}/said-${String(care.count)}.md`;
  const stamp = new Date(BEGINNING_MS + care.world.scheduler.nowMs()).toISOString();
  put(care.world, `says in ${run}: ${keys.replaceAll('\n', ', ')}`, [
    { path, content: `---\nfrom: ${from}\n${keys}\ntimestamp: "${stamp}"\n---\n${body}\n` },
  ]);
}

function put(
  world: World,
  what: string,
  writes: readonly { readonly path: string; readonly content: string }[],
): void {
  world.scheduler.trace(`people ${what}`);
  commitAs(world, { writes, message: what });
}
