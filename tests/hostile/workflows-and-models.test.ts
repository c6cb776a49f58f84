/**
 * FAULTS §5, cases 56, 57, 59, and hostile `data/models.yaml`: garbage in run channels and in the
 * list of models stops at the run or the entry it stands in.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { agentEntry, type Fleet, type Host, startFleet } from '../support/fleet.ts';
import {
  ask,
  askJson,
  eventsOf,
  expectPlain,
  oneMoreAnswer,
  untilHost,
} from '../support/hostile.ts';
import { createPlanter, type Planter } from '../support/plant.ts';

const GENERAL = 'data/channels/general';
const ODD = '\u001b]0;owned\u0007\u009b2J\u202e';

let fleet: Fleet;
let host: Host;
let planter: Planter;
beforeAll(async () => {
  const script = '#!/bin/sh\necho seen';
  fleet = await startFleet((place) => `models:\n${agentEntry('echo', { place, script })}`);
  planter = createPlanter(fleet.remote, fleet.env);
  host = fleet.start('a', ['--concurrency', '8']);
  await oneMoreAnswer(host, planter.write);
});
afterAll(() => fleet.close());

const mark = (): string => join(fleet.place, 'EXECUTED');
const marker = (name: string, head: string, body = 'run'): Readonly<Record<string, string>> => ({
  [`${GENERAL}/${name}.md`]: `---\nto: workflow\ntype: workflow\n${head}\n---\n${body}\n`,
});
const STEPS = 'steps:\n  make: { prompt: make it, model: echo }';
const textOf = (path: string): string => {
  try {
    return planter.git(['show', `main:${path}`]);
  } catch {
    return '';
  }
};
const routed = (name: string): string => textOf(`${GENERAL}/${name}.re.workflow.md`);

async function stillWell(): Promise<void> {
  for (let times = 0; times < 2; times += 1) await oneMoreAnswer(host, planter.write);
  expect(eventsOf(host, 'tick.broken', 'stderr', 'publish.broken', 'attempt.broken')).toEqual([]);
  expect(existsSync(mark())).toBe(false);
}

describe('a models.yaml that somebody pushed', () => {
  const evil = (): string => `{ adapter: command, command: [touch, ${mark()}], effects: none }`;
  const FILES: Readonly<Record<string, () => string>> = {
    'commands that nobody approved': () =>
      `models:\n  evil: ${evil()}\n  echo: ${evil()}\n  wrapped: { adapter: claude, wrapper: [touch, ${mark()}] }\n  programmed: { adapter: codex, command: [touch, ${mark()}] }\n`,
    'names that are paths, options and prototypes': () =>
      [
        '../x',
        '-rf',
        '__proto__',
        'constructor',
        'workflow',
        'all',
        `"${ODD.replaceAll('\\', '')}"`,
      ]
        .map((name) => `  ${name}: ${evil()}`)
        .reduce((text, line) => `${text}${line}\n`, 'models:\n'),
    'aliases that multiply': () =>
      `a: &a [x, x, x, x, x, x, x, x, x]\n${'b,c,d,e,f,g,h,i,j'
        .split(',')
        .map(
          (name, index) =>
            `${name}: &${name} [${Array(9)
              .fill(`*${'abcdefghij'.charAt(index)}`)
              .join(', ')}]`,
        )
        .join('\n')}\nmodels:\n  evil: { adapter: command, command: *j }\n`,
    'no YAML at all': () => `models: [\u0000{{{ ${ODD}`,
    'a tag that would run': () =>
      `models: !!js/function "function () { require('fs').writeFileSync('${mark()}', '') }"\n`,
    'a list too deep': () => `models: ${'['.repeat(20_000)}`,
    'ten thousand entries': () =>
      `models:\n${Array.from({ length: 10_000 }, (_, index) => `  m${index}: ${evil()}\n`).join('')}`,
    'one mebibyte of one word': () => `models: ${'x'.repeat(1_048_500)}`,
    'more than may be read': () => `models: ${'x'.repeat(2_000_000)}`,
    nothing: () => '',
  };

  it.each(Object.keys(FILES))('runs nothing and delays nobody: %s', async (name) => {
    planter.write({
      'data/models.yaml': FILES[name]?.() ?? '',
      [`${GENERAL}/to-evil-${Object.keys(FILES).indexOf(name)}.md`]:
        '---\nto: [evil, wrapped, programmed, m1]\nfrom: mallory\n---\nrun\n',
    });
    await stillWell();
    await ask(fleet, 'a', ['models']);
  });

  it('an entry that changes after it was approved is served no more until it is approved again', async () => {
    planter.write({
      'data/models.yaml': 'models:\n  tool: { adapter: command, command: [cat], effects: none }\n',
    });
    expect((await ask(fleet, 'a', ['allow', 'tool'])).code).toBe(0);
    planter.write({ [`${GENERAL}/first.md`]: '---\nto: tool\n---\nfirst\n' });
    await untilHost(host, () =>
      eventsOf(host, 'reply.published').some(({ message }) => message === `${GENERAL}/first.md`),
    );
    planter.write({
      'data/models.yaml': `models:\n  tool: ${evil()}\n`,
      [`${GENERAL}/second.md`]: '---\nto: tool\n---\nsecond\n',
    });
    await stillWell();
    expect(textOf(`${GENERAL}/second.re.tool.md`)).toBe('');
    const needs = (await askJson(fleet, 'a', ['status']))['needs'] as readonly {
      says: string;
      fix: { command: readonly string[] };
    }[];
    const { fix } = needs.find(({ says }) => says.startsWith('tool: changed')) ?? {};
    expect(fix?.command.slice(-2)).toEqual(['allow', 'tool']);
  });
});

describe('a run channel full of garbage', () => {
  const GARBAGE: Readonly<Record<string, string>> = {
    'RUN.json': `{"engine": 1, "run": "../../x", "marker": "/etc/passwd", "blob": "HEAD", "from": "${ODD.replaceAll(/[^ -~]/g, '')}", "atMs": 1e999, "hops": -1, "source": {}, "inputs": []}`,
    'PLAN.yaml': `a: &a [*a]\nsteps: !!js/function "x"\n${'['.repeat(5_000)}`,
    'plan/2.yaml': '\u0000\u0001',
    COMPLETE: `status: [${ODD}`,
    'ADMIT.json': '[]',
    CANCEL: ODD,
    'steps/make/one/task.md': '---\nto: [echo\n---\n',
    'steps/make/one/task.re.echo.md': `---\nfailed: perhaps\n---\n${ODD}`,
    'steps/../../x/one/task.md': 'x',
    'gates/g/approve': ODD,
    'budget/1.json': '{"v":',
  };

  it('is its own: the marker gets one answer, others continue, and nothing is written beside its channel', async () => {
    const before = planter.git(['ls-tree', '-r', '--name-only', 'main']).split('\n');
    for (const [name, content] of Object.entries(GARBAGE)) {
      const run = `garbage-${Object.keys(GARBAGE).indexOf(name)}`;
      const parts = `data/channels/${run}/${name}`.split('/');
      planter.plant(parts.slice(0, -1).join('/'), [
        { name: parts.at(-1) ?? '', oid: planter.blob(content) },
      ]);
      planter.write(marker(run, `child_channel: ${run}\n${STEPS}`));
    }
    planter.write(marker('good', `child_channel: good\n${STEPS}`));
    // A run that says it is complete, and does not say how it began, is one of an older program:
    // nobody answers it, and why says so.
    const ended = `garbage-${Object.keys(GARBAGE).indexOf('COMPLETE')}`;
    const names = [...Object.keys(GARBAGE).map((_, index) => `garbage-${index}`), 'good'].filter(
      (name) => name !== ended,
    );
    await untilHost(host, () => names.every((name) => routed(name) !== ''));
    expect(routed('good')).not.toContain('failed: true');
    expect((await ask(fleet, 'a', ['why', `${GENERAL}/${ended}.md`])).stdout).toContain(
      `was ended by an older program in ${ended}`,
    );
    expect(routed(ended)).toBe('');
    const added = planter
      .git(['ls-tree', '-r', '--name-only', 'main'])
      .split('\n')
      .filter((path) => !before.includes(path));
    expect(
      added.filter((path) => !/^data\/channels\/(garbage-\d+|good|general|neighbour)\//.test(path)),
    ).toEqual([]);
    await stillWell();
  });

  it('that comes while the run is under way ends at most that run', async () => {
    planter.write(marker('spoilt', `child_channel: spoilt\n${STEPS}`));
    await untilHost(
      host,
      () => textOf('data/channels/spoilt/RUN.json') !== '' || routed('spoilt') !== '',
    );
    planter.write({
      'data/channels/spoilt/PLAN.yaml': ODD,
      'data/channels/spoilt/RUN.json': '{}',
      'data/channels/spoilt/steps/make/one/task.2.md': ODD,
    });
    planter.write(marker('after', `child_channel: after\n${STEPS}`));
    await untilHost(host, () => routed('after') !== '');
    await stillWell();
  });
});

describe('a marker that is wrong', () => {
  const WRONG: Readonly<Record<string, string>> = {
    'its own channel': `child_channel: general\n${STEPS}`,
    'the channel of people': `child_channel: neighbour\n${STEPS}`,
    'a path as channel': `child_channel: ../../etc\n${STEPS}`,
    'steps that wait for each other':
      'steps:\n  a: { prompt: x, model: echo, needs: [b] }\n  b: { prompt: x, model: echo, needs: [a] }',
    'a model that nobody has': 'steps:\n  a: { prompt: x, model: nobody-at-all }',
    'a count beyond the cap': 'steps:\n  a: { prompt: x, model: echo, count: 1000000 }',
    'an expression that never ends': `steps:\n  a: { prompt: "\${{ ${'('.repeat(3_000)} }}", model: echo }`,
    'a fork of a commit that is two questions': `fork: { run: good, at: "HEAD\\nHEAD" }\n${STEPS}`,
    'a fork that is an option': `fork: { run: good, at: "--output=x" }\n${STEPS}`,
    'escape codes in every name': `name: "\\e[31m\\x9b2J"\nsteps:\n  "\\e[31m": { prompt: x, model: echo }`,
  };

  it('gets one failed reply, or is refused as a file, and never holds the host up', async () => {
    const names = Object.keys(WRONG).map((_, index) => `wrong-${index}`);
    for (const [index, head] of Object.values(WRONG).entries())
      planter.write(marker(`wrong-${index}`, head));
    await stillWell();
    const isSettled = (name: string): boolean =>
      routed(name) !== '' ||
      eventsOf(host, 'message.rejected').some(({ path }) => path === `${GENERAL}/${name}.md`);
    await untilHost(
      host,
      () => names.every((name) => isSettled(name) || name === 'wrong-4'),
      50_000,
    );
    for (const name of names) expectPlain(routed(name).replaceAll('\r', ''), name);
    await stillWell();
  });

  it('shows as text in every command, and the history keeps its promises', async () => {
    for (const args of [
      ['status'],
      ['log'],
      ['workflow', 'list'],
      ['why', 'wrong-9'],
      ['show', 'wrong-9'],
      ['models'],
      ['allow'],
    ])
      await ask(fleet, 'a', args);
    expect((await ask(fleet, 'a', ['verify'])).code).toBe(0);
    expect(readFileSync(fleet.env['RUN_LOG'] ?? '', 'utf8')).not.toContain('evil');
  });
});
