/**
 * A fleet for workflows: agents that do what their prompt says, markers, and the files of a run as
 * a person's clone shows them.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import { agentEntry, type Fleet, startFleet, untilTrue } from './fleet.ts';

export const GENERAL = 'data/channels/general';

/**
 * An agent whose prompt tells it, line by line, what to do: `HOLD name` waits until the test calls
 * `release(name)`, `FLAKY n` fails the first n times in this folder, `NEEDS name` fails until the
 * test has called `release(name)`, `EXIT n` ends with that status, `SAY text` (as often as it
 * stands there) is the answer.
 */
const OBEDIENT = `
const { existsSync, readFileSync } = await import('node:fs');
const text = prompt.replace(/<\\/?data-[^>]*>/g, '');
const lines = (word) => [...text.matchAll(new RegExp('^' + word + ' (.*)$', 'gm'))].map(([, rest]) => rest);
for (const name of lines('HOLD')) while (!existsSync(process.env.RUN_LOG + '.' + name)) await new Promise((next) => setTimeout(next, 50));
const folder = process.env.CROSSTALK_MESSAGE.replace(/[^/]+$/, '');
const times = readFileSync(process.env.RUN_LOG, 'utf8').split('\\n').filter((line) => line.includes(' ' + folder)).length;
if (lines('NEEDS').some((name) => !existsSync(process.env.RUN_LOG + '.' + name))) process.exit(3);
if (lines('FLAKY').some((limit) => times <= Number(limit))) process.exit(3);
for (const code of lines('EXIT')) process.exit(Number(code));
console.log(lines('SAY').join('\\n') || 'done');
`;

export interface WorkflowFleet extends Fleet {
  readonly read: (path: string) => string;
  readonly stands: (path: string) => boolean;
  /** Paths below a folder of the clone. */
  readonly files: (folder: string) => readonly string[];
  /** Publishes a marker that opens the run `name`. */
  readonly open: (name: string, head: string, body?: string) => void;
  /** The routed reply of a marker, when it stands. */
  readonly routed: (name: string, limitMs?: number) => Promise<string>;
  /** Names of the transitions of a run, oldest first. */
  readonly transitions: (run: string) => readonly string[];
  /** Agents that were started for a run, as `model path`. */
  readonly startsIn: (run: string) => readonly string[];
  /**
   * Waits until these hosts are seen by the others. Before that a plan for what only they serve is
   * refused.
   */
  readonly present: (...aliases: readonly string[]) => Promise<void>;
  /** Lets agents continue that HOLD. */
  readonly release: (name: string) => void;
  /** A command of the fleet's person. */
  readonly person: (...args: readonly string[]) => ReturnType<Fleet['run']>;
  /** The same with --json: code and what was printed. */
  readonly json: (
    ...args: readonly string[]
  ) => Promise<{ code: number | null; data: Readonly<Record<string, unknown>> }>;
}

/**
 * Models by name: null = an obedient agent, else the text of a script. All of them are named in the
 * transport.
 */
export type Scripts = Readonly<Record<string, string | null>>;

/** A fleet whose hosts serve the models given. `keys` overrides the settings of single entries. */
export async function startWorkflowFleet(
  scripts: Scripts,
  options: {
    readonly env?: Readonly<Record<string, string>>;
    readonly keys?: Readonly<Record<string, string>>;
  } = {},
): Promise<WorkflowFleet> {
  const keysOf = (name: string): string =>
    options.keys?.[name] ?? 'effects: none, concurrency: 8, attempts: 1';
  const entries = (place: string): readonly string[] =>
    Object.entries(scripts).map(([name, script]) =>
      agentEntry(name, { place, script: script ?? OBEDIENT, keys: keysOf(name) }),
    );
  const fleet = await startFleet((place) => `models:\n${entries(place).join('')}`, options.env);
  const names = Object.keys(scripts).map(
    (name) => `  ${name}: { adapter: command, command: [cat] }\n`,
  );
  fleet.say({ 'data/models.yaml': `models:\n${names.join('')}` });
  const read = (path: string): string => readFileSync(join(fleet.clone, path), 'utf8');
  const stands = (path: string): boolean => {
    try {
      return read(path) !== '';
    } catch {
      return false;
    }
  };
  const person: WorkflowFleet['person'] = (...args) =>
    fleet.run([...args, '-C', fleet.clone, '--state', join(fleet.place, 'state-person')]);
  return {
    ...fleet,
    read,
    stands,
    person,
    files: (folder) =>
      readdirSync(join(fleet.clone, folder), { recursive: true }).map(String).sort(),
    open: (name, head, body = '') =>
      fleet.say({ [`${GENERAL}/${name}.md`]: markerText(`child_channel: ${name}\n${head}`, body) }),
    routed: async (name, limitMs) => {
      await fleet.untilPulled(() => stands(`${GENERAL}/${name}.re.workflow.md`), limitMs);
      return read(`${GENERAL}/${name}.re.workflow.md`);
    },
    transitions: (run) => {
      const format = '--format=%(trailers:key=Crosstalk-Transition,valueonly,separator=)';
      const all = fleet.git('log', '--reverse', `--grep=^Crosstalk-Run: ${run}$`, format);
      return all.split('\n').filter((name) => name !== '');
    },
    startsIn: (run) => fleet.agentRuns().filter((line) => line.includes(` data/channels/${run}/`)),
    present: (...aliases) =>
      untilTrue(() => {
        const beats = fleet.git('ls-remote', 'origin', 'refs/crosstalk/hosts/*');
        return aliases.every((alias) => beats.includes(`refs/crosstalk/hosts/${alias}.`));
      }),
    release: (name) => writeFileSync(`${fleet.env['RUN_LOG'] ?? ''}.${name}`, ''),
    json: async (...args) => {
      const { code, stdout } = await person(...args, '--json');
      return { code, data: JSON.parse(stdout) as Record<string, unknown> };
    },
  };
}

/** Makes fleets of which each is closed after the test that made it. */
export function fleetsOfTests(): typeof startWorkflowFleet {
  const fleets: WorkflowFleet[] = [];
  afterEach(async () => {
    for (const fleet of fleets.splice(0)) await fleet.close();
  });
  return async (...asked) => {
    const fleet = await startWorkflowFleet(...asked);
    fleets.push(fleet);
    return fleet;
  };
}

/** The file of a marker. */
export function markerText(head: string, body = ''): string {
  return `---\nto: workflow\nfrom: maintainer\ntype: workflow\n${head}\n---\n${body}\n`;
}

/** The most tasks below a folder that were open at any commit of the branch. */
export function mostOpen({ git }: Pick<Fleet, 'git'>, folder: string): number {
  const log = git(
    'log',
    '--reverse',
    '--first-parent',
    '--format=%x00',
    '--name-status',
    '--no-renames',
    '--',
    folder,
  );
  let [open, most] = [0, 0];
  for (const commit of log.split('\0')) {
    for (const line of commit.split('\n')) {
      if (!line.startsWith('A\t')) continue;
      if (/\.re\.[^/]+\.md$/.test(line)) open -= 1;
      else if (/\/task[^/]*\.md$/.test(line)) open += 1;
    }
    most = Math.max(most, open);
  }
  return most;
}
