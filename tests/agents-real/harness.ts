/**
 * One suite of promises for every real agent program: the built dispatcher runs the program, the
 * program asks an endpoint on loopback, and what the transport says afterwards is what counts. All
 * messages that need not wait for each other go out at once.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { byCodeUnit } from '../../src/base/order.ts';
import { type Fleet, type Host, type HostEvent, startFleet, untilTrue } from '../support/fleet.ts';
import {
  type Answer,
  type LlmEndpoint,
  type Question,
  startLlmEndpoint,
} from '../support/llm-endpoint.ts';
import { RESET_S } from '../support/llm/answer.ts';
import { type HostileProject, plantProject } from './hostile-checkout.ts';
import {
  answer,
  type Cases,
  CLASSES,
  eachAlone,
  FIRST,
  firstMessages,
  GENERAL,
  SECRET,
  together,
  TOKENS,
} from './questions.ts';

/** What differs from program to program. */
export interface Cli {
  readonly name: string;
  /**
   * Keys of its entry besides `adapter` and `command`, in YAML's flow form; `down`: at an address
   * where nobody listens.
   */
  readonly entry: (at: Place, down: boolean) => string;
  /** Keys of its entry's `options:`. */
  readonly options?: Readonly<Record<string, string>>;
  /** What it is started with before the adapter's own arguments. */
  readonly args?: (at: Place, down: boolean) => readonly string[];
  /** Files below HOME, and more environment. */
  readonly files?: (at: Place) => Readonly<Record<string, string>>;
  readonly env: (at: Place) => Readonly<Record<string, string>>;
  /**
   * The call of its shell tool, which makes a file `begun` and then never ends; null = it is not
   * tried.
   */
  readonly sleepTool: Extract<Answer, { kind: 'tool' }> | null;
  /** How each failure ends, where it is not the usual class. */
  readonly classes?: Readonly<Record<string, readonly string[]>>;
  readonly knowsCost: boolean;
  /** False: it does not say how many tokens it used. */
  readonly knowsTokens?: boolean;
  /** False: no session is continued. */
  readonly sessions?: boolean;
  /** False: it does not pass on when a limit ends. */
  readonly knowsReset?: boolean;
  /** It works in directories only that its operator trusts. */
  readonly needsTrust?: boolean;
  /** False: no switch keeps it from running what a checkout carries, so it is not started there. */
  readonly ignoresCheckout?: boolean;
  /** How many run at once, where each takes much of the machine. */
  readonly slots?: number;
  /** The failures that are tried, where all of them would take too long. */
  readonly failures?: readonly string[];
  /** How long it may take to have a tool at work; all of this is waited for. */
  readonly toolLimit?: string;
}

export interface Place {
  readonly url: string;
  /** HOME of the programs. */
  readonly home: string;
}

/**
 * Whether each case is its own message. Otherwise every promise is kept in fewer starts: a
 * start of some programs takes seconds.
 */
const ASKS_EACH_ALONE = process.env['CROSSTALK_AGENTS_ALL'] === '1';

/**
 * An address at which nobody listens: the kernel gives this port to nobody, and clients do not
 * refuse it as they do low ones.
 */
export const NOBODY = 'http://127.0.0.1:65535';

const cache = process.env['CROSSTALK_CLIS'] ?? join(homedir(), '.cache', 'crosstalk-clis');

/** The newest installed program of that name, or null. scripts/install-clis.mjs puts it there. */
export function findInstalled(name: string): string | null {
  const places = existsSync(cache)
    ? readdirSync(cache).filter(
        // Not those of a program whose name begins in the same way.
        (entry) => /^\d[^-]*$/.test(entry.slice(name.length + 1)) && entry.startsWith(`${name}-`),
      )
    : [];
  const paths = places
    .sort(byCodeUnit)
    .map((entry) => join(cache, entry, 'node_modules', '.bin', name));
  return paths.findLast((path) => existsSync(path)) ?? null;
}

/**
 * Runs the suite for one program; all of it is skipped, and counted as skipped, when the program
 * could not be installed.
 */
export function describeCli(cli: Cli): void {
  const program = findInstalled(cli.name);
  describe.skipIf(program === null)(`${cli.name} through crosstalkd`, () =>
    suite(cli, program ?? ''),
  );
}

interface Stage {
  readonly endpoint: LlmEndpoint;
  readonly fleet: Fleet;
  readonly host: Host;
  readonly cases: Cases;
  readonly hostile: HostileProject;
}

function suite(cli: Cli, program: string): void {
  const stage = {} as { -readonly [K in keyof Stage]: Stage[K] };
  beforeAll(async () => {
    stage.endpoint = await startLlmEndpoint((question) =>
      answer(question, cli.sleepTool ?? { kind: 'text', text: 'no tool' }),
    );
    stage.fleet = await startFleet('models: {}\n', cli.env({ url: stage.endpoint.url, home: '' }));
    const { fleet } = stage;
    const where: Place = { url: stage.endpoint.url, home: fleet.place };
    for (const [path, text] of Object.entries({
      ...cli.files?.(where),
      'secret.txt': SECRET,
      'project/readme.md': 'a project',
    })) {
      mkdirSync(dirname(join(fleet.place, path)), { recursive: true });
      writeFileSync(join(fleet.place, path), text);
    }
    writeFileSync(
      join(fleet.place, 'config', 'models.yaml'),
      composeModels(cli, { program, at: where }),
    );
    stage.hostile = plantProject(fleet.place);
    const { project, opened } = stage.hostile;
    writeFileSync(
      join(fleet.place, 'config', 'config.yaml'),
      `projects: { planted: ${project}, opened: ${opened} }\n`,
    );
    stage.cases = (ASKS_EACH_ALONE ? eachAlone : together)(fleet.place);
    const { [FIRST]: first = '', ...others } = firstMessages(stage.cases, failuresOf(cli));
    stage.host = fleet.start('only', ['--concurrency', String(cli.slots ?? 4)]);
    // Alone: in a new HOME some programs make their database, and two at once stumble over each
    // other.
    fleet.say({ [FIRST]: first });
    await stage.host.until(({ event }) => event === 'attempt.ended');
    fleet.say(others);
  });
  afterAll(async () => {
    await stage.fleet.close();
    await stage.endpoint.close();
  });

  const replyTo = async (message: string, model: string): Promise<string> => {
    const path = join(stage.fleet.clone, GENERAL, `${message}.re.${model}.md`);
    await stage.fleet.untilPulled(() => existsSync(path), 200_000);
    return readFileSync(path, 'utf8');
  };
  const ended = (message: string): Promise<HostEvent> =>
    stage.host.until(
      ({ event, message: path }) =>
        event === 'attempt.ended' && path === `${GENERAL}/${message}.md`,
    );
  const questionsOf = (word: string): readonly Question[] =>
    stage.endpoint.questions.filter(({ user }) => user.includes(word));

  test('answers, and the reply says what was used', async () => {
    const reply = await replyTo('text', 'main');
    expect(reply).toMatch(/^It says: /m);
    expect(/^tokens_in: [1-9]\d*$/m.test(reply)).toBe(cli.knowsTokens !== false);
    expect(reply.includes(`tokens_out: ${TOKENS[1]}`)).toBe(cli.knowsTokens !== false);
    expect(reply).toMatch(new RegExp(`^agent: ${cli.name}`, 'm'));
    expect(/^cost_usd: 0\.\d+$/m.test(reply)).toBe(cli.knowsCost);
  });

  test('has the persona of the message before it', async () => {
    expect(await replyTo(stage.cases.shownBy.persona, 'main')).toContain('persona true');
  });

  test('gets a message of 300 kB whole', async () => {
    expect(await replyTo(stage.cases.shownBy.big, 'main')).toContain('3000 markers');
  });

  test.skipIf(cli.sessions === false)(
    'continues its session when the thread continues, and starts over on another host',
    async () => {
      const first = await replyTo('text', 'main');
      expect(first).toMatch(/^session: \S+$/m);
      stage.fleet.say({
        [`${GENERAL}/more.md`]: `---\nto: main\nre: ${GENERAL}/text.re.main.md\n---\n${stage.cases.more}\n`,
      });
      // What the program itself remembers comes before what the dispatcher tells it of the thread.
      expect(await replyTo('more', 'main')).toMatch(/own answers before: [1-9]/);
      const other = stage.fleet.start('other', ['--only', 'main']);
      stage.fleet.say({
        [`${GENERAL}/there.md`]: `---\nto: main@other\nre: ${GENERAL}/text.re.main.md\n---\nAnd there? [do:history]\n`,
      });
      expect(await replyTo('there', 'main')).toContain('own answers before: 0');
      // It is told of the thread instead.
      expect(questionsOf('And there?')[0]?.user).toContain('It says: ');
      other.kill('SIGTERM');
      await other.ended;
    },
  );

  test.each(failuresOf(cli))('fails with its own class: %s', async (failure) => {
    const { how, reason } = await ended(failure);
    expect(cli.classes?.[failure] ?? CLASSES[failure], String(reason)).toContain(how);
  });

  test.skipIf(!failuresOf(cli).includes('reset') || cli.knowsReset === false)(
    'rests until the limit ends',
    async () => {
      const parked = await stage.host.until(
        ({ event, model }) => event === 'model.parked' && model === 'fails-reset',
      );
      expect(Number(parked['for_ms'])).toBeGreaterThan((RESET_S - 300) * 1_000);
      expect(Number(parked['for_ms'])).toBeLessThanOrEqual((RESET_S + 60) * 1_000);
    },
  );

  test.skipIf(!(cli.classes?.['auth'] ?? CLASSES['auth'] ?? []).every((name) => name === 'auth'))(
    'is parked on this host when its key is refused',
    async () => {
      const parked = await stage.host.until(
        ({ event, model }) => event === 'model.parked' && model === 'fails-auth',
      );
      expect(parked['reason']).toMatch(/^auth: /);
    },
  );

  test('sees hostile text as text: no file of the host goes out, nothing is taken for a command', async () => {
    const { mention, command, flag } = stage.cases.shownBy;
    for (const name of [mention, command])
      expect(await replyTo(name, 'main')).toContain('It says: still here');
    await replyTo(flag, 'main');
    for (const text of ['/quit [do:', '--version [do:', 'secret.txt'])
      expect(questionsOf(text)).not.toEqual([]);
    for (const { raw } of stage.endpoint.questions) {
      expect(raw.includes(SECRET)).toBe(false);
      expect(raw.includes('root:x:0')).toBe(false);
    }
  });

  test('runs nothing that a checkout carries, unless the operator trusts it', async () => {
    const to = (model: string, project: string, more = ''): string =>
      `---\nto: ${model}\nproject: ${project}\n${more}---\nLook around.\n`;
    const topic = 'isolate: worktree\nbranch: topic\n';
    stage.fleet.say({
      [`${GENERAL}/visit.md`]: to('main', 'planted', topic),
      [`${GENERAL}/change.md`]: to('changes', 'planted', topic),
      [`${GENERAL}/beside.md`]: to('main', 'opened'),
    });
    expect(await replyTo('visit', 'main')).toContain('It says: hello');
    expect(await replyTo('change', 'changes')).toContain('It says: hello');
    expect(await replyTo('beside', 'main')).toContain(
      cli.ignoresCheckout === true ? 'It says: hello' : 'trust-checkout: true',
    );
    expect(stage.hostile.marks()).toEqual([]);
    stage.fleet.say({ [`${GENERAL}/trust.md`]: to('trusts', 'opened') });
    await replyTo('trust', 'trusts');
    expect(stage.hostile.marks()).not.toEqual([]);
  });

  test.skipIf(cli.sleepTool === null)(
    'leaves nothing behind when its time is up with a tool at work',
    async () => {
      const { how, reason } = await ended('tool');
      expect(['timeout', 'idle'], String(reason)).toContain(how);
      expect(existsSync(join(stage.fleet.place, 'project', 'begun'))).toBe(true);
      await replyTo('tool', 'writes');
      expect(sleepers(stage.fleet.place, 'CROSSTALK_MODEL=writes')).toEqual([]);
    },
  );

  test('leaves no process and no temporary file when all is done', async () => {
    stage.host.kill('SIGTERM');
    await stage.host.ended;
    expect(sleepers(stage.fleet.place)).toEqual([]);
    const states = join(stage.fleet.place, 'state-only');
    const scratch = readdirSync(states).flatMap((name) => {
      const folder = join(states, name, 'scratch');
      return existsSync(folder) ? readdirSync(folder) : [];
    });
    expect(scratch).toEqual([]);
    await untilTrue(() => stage.fleet.git('ls-remote', 'origin', 'refs/crosstalk/claims/*') === '');
  });
}

/**
 * A limit whose end is told shows what one without it shows, so only those who ask for each alone
 * try both.
 */
function failuresOf(cli: Cli): readonly string[] {
  const all = cli.failures ?? Object.keys(CLASSES);
  return ASKS_EACH_ALONE || !all.includes('reset')
    ? all
    : all.filter((failure) => failure !== 'rate');
}

function composeModels(
  cli: Cli,
  { program, at }: { readonly program: string; readonly at: Place },
): string {
  const entry = (
    name: string,
    more: string,
    { down = false, mode = {} }: { readonly down?: boolean; readonly mode?: object } = {},
  ): string => {
    const command = JSON.stringify([program, ...(cli.args?.(at, down) ?? [])]);
    const env = Object.keys(cli.env(at)).join(', ');
    const options = JSON.stringify({ ...cli.options, ...mode });
    return `  ${name}: { adapter: ${cli.name}, command: ${command}, env: [${env}], ${cli.entry(at, down)}, options: ${options}, ${more} }\n`;
  };
  // External, so that each is tried once and no more.
  const failing = failuresOf(cli).map((failure) =>
    entry(`fails-${failure}`, 'timeout: 120s, effects: external', { down: failure === 'down' }),
  );
  return [
    'models:\n',
    entry('main', 'timeout: 120s, concurrency: 2'),
    entry('changes', 'timeout: 120s, effects: external', { mode: { mode: 'write' } }),
    entry('trusts', 'timeout: 120s, effects: external, trust-checkout: true'),
    entry(
      'writes',
      `timeout: ${cli.toolLimit ?? '25s'}, effects: external, cwd: ${join(at.home, 'project')}, trust-checkout: ${cli.needsTrust === true || cli.ignoresCheckout !== true}`,
      { mode: { mode: 'write' } },
    ),
    ...failing,
  ].join('');
}

/** What agents of this fleet have started and is still there, told by its environment. */
function sleepers(place: string, mark = 'CROSSTALK_RUN='): readonly string[] {
  return readdirSync('/proc').flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return [];
    try {
      const environ = readFileSync(`/proc/${pid}/environ`, 'utf8');
      if (!environ.includes(place) || !environ.includes(mark)) return [];
      const state = readFileSync(`/proc/${pid}/stat`, 'utf8');
      if (/\) Z /.test(state)) return [];
      return [readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')];
    } catch {
      return [];
    }
  });
}
