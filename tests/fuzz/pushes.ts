/** Pushes that no honest tool makes, to a real remote with a real dispatcher and a neighbour. */
import { agentEntry, type Host, startFleet, untilTrue } from '../support/fleet.ts';
import { peakMiB } from '../support/hostile.ts';
import { createPlanter, type Planter, type RawEntry, type RawMode } from '../support/plant.ts';
import { createSeededRandom, type SeededRandom } from '../support/seeded-random.ts';
import { ALL, CORPUS } from './corpus.ts';
import { mutate } from './mutate.ts';

export interface PushFailure {
  /** The pushes that the dispatcher had seen, the last one when it failed. */
  readonly seeds: readonly string[];
  readonly why: string;
}

const ANSWER_MS = 60_000;
const STOP_MS = 20_000;
/** The most memory that the dispatcher may ever have had. */
const PEAK_MIB_MAX = 300;
const MODES: readonly RawMode[] = ['100644', '100755', '100664', '120000', '160000', '040000'];
export const NAMES = [
  ...['m.md', 'm.re.echo.md', 'm.started.echo', 'ARCHIVED', 'RUN.json', 'PLAN.yaml', 'CHANNEL.md'],
  ...['task.md', 'ask.md', 'approve', 'COMPLETE', 'A.md', 'a.md', 'é.md', 'e\u0301.md', ' .md'],
  ...['-rf.md', '\u001b[2J.md', '\u202edm.md', 'con.md', 'a\nb.md', 'a\\b.md', '*.md', ':x.md'],
];
/** Agents that the pushes may start are these few, and every answer is short. */
const ECHO = "process.stdout.write('echo: ' + prompt.length);";

/**
 * Makes the pushes of `seeds` one after the other. After each the dispatcher has to answer a
 * message beside it, and in the end to obey SIGTERM.
 */
export async function pushRound(
  seeds: readonly string[],
  onPush: () => void,
): Promise<PushFailure | null> {
  const fleet = await startFleet(
    (place) => `models:\n${agentEntry('echo', { place, script: ECHO })}`,
  );
  const made: string[] = [];
  const planter = createPlanter(fleet.remote, fleet.env);
  const host = fleet.start('mbp');
  try {
    for (const seed of seeds) {
      made.push(seed);
      push(planter, createSeededRandom(seed));
      await answerNeighbour(host, planter, seed);
      onPush();
    }
    const peak = peakMiB(host.pid);
    if (peak > PEAK_MIB_MAX) throw new Error(`it had ${peak.toFixed(0)} MiB`);
    host.kill('SIGTERM');
    await untilEnded(host);
    return null;
  } catch (error) {
    return {
      seeds: made,
      why: `${String(error)}\n${host.events
        .slice(-8)
        .map((each) => JSON.stringify(each).slice(0, 500))
        .join('\n')}`,
    };
  } finally {
    await fleet.close();
  }
}

async function answerNeighbour(host: Host, planter: Planter, seed: string): Promise<void> {
  const path = `data/channels/neighbour/${seed}.md`;
  planter.write({ [path]: '---\nto: echo\nfrom: ada\n---\nare you there?\n' });
  const isAnswered = (): boolean =>
    host.events.some(
      ({ event, message, failed }) =>
        event === 'reply.published' && message === path && failed === false,
    );
  await untilTrue(isAnswered, ANSWER_MS);
  const broken = host.events.find((each) =>
    /"INTERNAL"|TypeError|RangeError/.test(JSON.stringify(each)),
  );
  if (broken !== undefined) throw new Error(`it says ${JSON.stringify(broken).slice(0, 2_000)}`);
}

async function untilEnded(host: Host): Promise<void> {
  let code: number | null | undefined;
  void host.ended.then((ended) => (code = ended));
  await untilTrue(() => code !== undefined, STOP_MS);
  if (code !== 0) throw new Error(`SIGTERM ended it with ${String(code)}`);
}

type Push = (planter: Planter, random: SeededRandom) => void;

/**
 * Nothing here touches data/models.yaml, data/budgets.yaml or the control record: anyone who may
 * push may close a transport with those, as it should be.
 */
const PUSHES: readonly Push[] = [
  (planter, random) => {
    const entries = Array.from({ length: random.int(1, 6) }, () => oddEntry(planter, random));
    const distinct = new Map(entries.map((entry) => [Buffer.from(entry.name).toString(), entry]));
    planter.plant(random.pick(['', 'data', 'data/channels', channelOf(random)]), [
      ...distinct.values(),
    ]);
  },
  (planter, random) => {
    const folder = `${channelOf(random)}${'/d'.repeat(random.int(2, 80))}`;
    planter.plant(folder, [oddEntry(planter, random)]);
  },
  (planter, random) => {
    const files = Array.from({ length: random.int(1, 8) }, (_, at) => [
      `${channelOf(random)}/2026/11/21/06402012${at}Z-x.md`,
      mutated(random, random.chance(0.5) ? CORPUS.plans : CORPUS.messages),
    ]);
    planter.write(Object.fromEntries(files) as Readonly<Record<string, Buffer>>);
  },
  (planter, random) => {
    const text = mutated(random, CORPUS.records).toString('latin1').replaceAll('\0', '');
    const oid = random.pick([
      () => planter.record(text),
      () => planter.blob(text),
      () => planter.tree([oddEntry(planter, random)]),
    ])();
    const name = random.pick([
      `claims/${random.hex(20)}`,
      `hosts/mbp.${random.hex(8)}`,
      `hosts/${'x'.repeat(random.int(1, 200))}`,
      `${random.hex(4)}/a/b`,
    ]);
    planter.git(['update-ref', `refs/crosstalk/${name}`, oid]);
  },
  (planter, random) => {
    const text = mutated(random, CORPUS.commits).toString('latin1').replaceAll('\0', '');
    const tip = planter.git(['rev-parse', 'refs/heads/main']);
    const args = ['commit-tree', '-p', tip, '-F', '-', `${tip}^{tree}`];
    planter.git(['update-ref', 'refs/heads/main', planter.git(args, text), tip]);
  },
];

function push(planter: Planter, random: SeededRandom): void {
  for (let left = random.int(1, 3); left > 0; left -= 1) random.pick(PUSHES)(planter, random);
}

export function channelOf(random: SeededRandom): string {
  return `data/channels/${random.pick(['fuzz', 'Fuzz', 'run-fuzz', 'f z', '.fuzz', 'neighbour/x'])}`;
}

/** An entry whose object is of the kind that its mode says: another breaks the remote itself. */
function oddEntry(planter: Planter, random: SeededRandom): RawEntry {
  const mode = random.pick(MODES);
  const name = random.chance(0.7)
    ? random.pick(NAMES)
    : Buffer.concat([mutatedName(random), Buffer.from(random.pick(['.md', '', '.re.echo.md']))]);
  if (mode === '160000') return { name, mode, oid: random.hex(20) };
  const content = mutated(random, random.pick([CORPUS.messages, CORPUS.plans, ALL]));
  const oid = planter.blob(content);
  return mode === '040000'
    ? { name, mode, oid: planter.tree([{ name: random.pick(NAMES), oid }]) }
    : { name, mode, oid };
}

function mutatedName(random: SeededRandom): Buffer {
  const bytes = mutate(Buffer.from(random.pick(NAMES)), random, ALL);
  const allowed = bytes.filter((byte) => byte !== 0 && byte !== 0x2f);
  return Buffer.concat([Buffer.from('x'), allowed.subarray(0, random.pick([8, 255, 4_000]))]);
}

/** Mutated, and asking the model that is there: anyone who is asked by nobody is never run. */
export function mutated(random: SeededRandom, corpus: readonly Buffer[]): Buffer {
  const bytes = mutate(random.pick(corpus), random, ALL).toString('latin1');
  return Buffer.from(bytes.replace(/\b(opus|gpt|gemini|sonnet|ci)\b/g, 'echo'), 'latin1');
}
