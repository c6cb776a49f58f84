/** docs/workflow-language.md against the decoders: keys, ranges, words, examples, functions. */
import { describe, expect, it } from 'vitest';
import { checkWorkflow } from '../../src/workflow/language/check.ts';
import { FUNCTIONS } from '../../src/workflow/language/expression-check.ts';
import { KEYS } from '../../src/workflow/language/keys.ts';
import { blocksOf, codesIn, readPage, tableAt } from './page.ts';

const page = readPage('docs/workflow-language.md');
const sections = page.split(/^(?=## [A-Z])/m);
const examples = blocksOf(page).filter(({ info }) => info.startsWith('yaml '));

/** The words before the tables, and what of a workflow with `key: value` in that place. */
const PLACES: Readonly<Record<string, (line: string) => string>> = {
  run: (line) => `${line}\nsteps: { a: { model: opus, prompt: x } }`,
  defaults: (line) => `defaults: { ${line} }\nsteps: { a: { model: opus, prompt: x } }`,
  input: (line) => `inputs: { x: { ${line} } }\nsteps: { a: { model: opus, prompt: x } }`,
  value: (line) => `steps: { a: { value: x, ${line} } }`,
  prompt: (line) => `steps: { a: { model: opus, prompt: x, ${line} } }`,
  'fan-out': (line) => `steps: { a: { model: opus, prompt: x, ${line} } }`,
  structured: (line) => `steps: { a: { model: opus, prompt: x, ${line} } }`,
  worktree: (line) => `steps: { a: { model: opus, project: p, prompt: x, ${line} } }`,
  join: (line) =>
    `steps: { a: { models: [opus, gpt], prompt: x, join: { model: opus, ${line} } } }`,
  retry: (line) => `steps: { a: { model: opus, prompt: x, retry: { ${line} } } }`,
  repeat: (line) => `steps: { a: { model: opus, prompt: x, repeat: { until: true, ${line} } } }`,
  ask: (line) => `steps: { a: { ask: { ${line} } } }`,
  onDeny: (line) =>
    `steps: { a: { model: opus, prompt: x }, b: { needs: [a], ask: { on-deny: { rework: a, ${line} } } } }`,
  budget: (line) => `budget: { ${line} }\nsteps: { a: { model: opus, prompt: x } }`,
  concurrency: (line) =>
    `concurrency: { group: g, ${line} }\nsteps: { a: { model: opus, prompt: x } }`,
  on: (line) => `on: { schedule: "0 9 * * 1", ${line} }\nsteps: { a: { model: opus, prompt: x } }`,
  marker: (line) => line,
  compile: (line) => line,
  fork: (line) => line,
  check: (line) => line,
  uses: (line) => line,
  group: (line) => line,
  wait: (line) => line,
  waitMessage: (line) => line,
};

/** Tables that tell more about some keys of another mapping. */
const PARTS = ['fan-out', 'structured', 'worktree'];
/** Mappings whose keys the page tells elsewhere: beside `value`, and beside the budget of a run. */
const REPEATED = ['askStep', 'waitStep', 'stepBudget'];

const names = [...page.matchAll(/^<!-- keys: (\S+) -->$/gm)].map(([, name]) => name ?? '');
const rows = names.flatMap((name) =>
  tableAt(page, `keys: ${name}`).map(([keys = '', value = '', , meaning = '']) => ({
    name,
    keys: codesIn(keys),
    value,
    meaning,
  })),
);

function problemsOf(name: string, line: string): readonly string[] {
  const text = `---\nname: x\n${PLACES[name]?.(line) ?? ''}\n---\n`;
  return check(text).map(({ message }) => message);
}

function check(text: string): ReturnType<typeof checkWorkflow>['errors'] {
  return checkWorkflow(text, {
    models: null,
    served: new Map(),
    savedWorkflow: () =>
      '---\nname: several\ninputs: { question: { type: string } }\n' +
      'steps: { ask: { model: opus, prompt: "${{ inputs.question }}" } }\n---\n',
    schemaFile: () => null,
  }).errors;
}

describe('keys', () => {
  it('each mapping that the decoders know has a table', () => {
    const told: Record<string, readonly string[]> = Object.fromEntries(
      names
        .filter((name) => !PARTS.includes(name))
        .map((name) => [
          name,
          rows.flatMap((row) => (row.name === name ? row.keys : [])).toSorted(),
        ]),
    );
    const { joinVote, joinBest, ...direct } = KEYS;
    const expected = Object.entries({
      ...direct,
      join: [...new Set([...direct.join, ...joinVote, ...joinBest])],
    }).filter(([name]) => !REPEATED.includes(name));
    expect(told).toEqual(
      Object.fromEntries(expected.map(([name, keys]) => [name, [...keys].toSorted()])),
    );
  });

  it('parts name keys of a prompt', () => {
    for (const { name, keys } of rows.filter((row) => PARTS.includes(row.name)))
      for (const key of keys) expect(KEYS.prompt, name).toContain(key);
  });

  it.each(rows.map((row) => [`${row.name}: ${row.keys.join(' ')}`, row] as const))(
    '%s is explained and stands in an example',
    (_, { name, keys, meaning, value }) => {
      expect(meaning === '' && value === '').toBe(false);
      const section = sections.find((text) => text.includes(`<!-- keys: ${name} -->`)) ?? '';
      const shown = blocksOf(section)
        .filter(({ info }) => info.startsWith('yaml '))
        .map(({ text }) => text)
        .join('\n');
      // A row that points to another section has its example there.
      if (/\]\(#/.test(meaning) && value === '') return;
      for (const key of keys)
        expect(shown, key).toMatch(new RegExp(`(^|[ {])${key}:|## ${key}`, 'm'));
    },
  );
});

describe('values', () => {
  const ranged = rows.flatMap(({ name, keys, value }) => {
    const [, low, high] = /^(-?\d+) … (\d+)/.exec(value) ?? [];
    return low === undefined || high === undefined ? [] : [{ name, keys, low, high }];
  });

  it.each(ranged)('$name $keys takes $low to $high', ({ name, keys: [key = ''], low, high }) => {
    for (const good of [low, high])
      expect(
        problemsOf(name, `${key}: ${good}`).filter((each) => each.includes('must be')),
      ).toEqual([]);
    for (const bad of [Number(low) - 1, Number(high) + 1])
      expect(problemsOf(name, `${key}: ${String(bad)}`).join()).toContain('must be');
  });

  const closed = rows.filter(({ value }) => /^`[a-z-]+`(, `[a-z-]+`)+$/.test(value));

  it.each(closed)('$name $keys takes $value', ({ name, keys: [key = ''], value }) => {
    for (const word of codesIn(value))
      expect(
        problemsOf(name, `${key}: ${word}`).filter((each) => each.includes('must be')),
      ).toEqual([]);
    const [refusal = ''] = problemsOf(name, `${key}: nonsense`);
    for (const word of codesIn(value)) expect(refusal).toContain(word);
  });
});

describe('examples', () => {
  it.each(examples.map(({ line, text }) => [line, `${text}\n`] as const))(
    'line %i has no error',
    (_, text) => {
      expect(check(text)).toEqual([]);
    },
  );
});

it('the functions are those of the code', () => {
  const told = tableAt(page, 'functions').flatMap(([calls]) =>
    codesIn(calls ?? '').map((call) => call.slice(0, call.indexOf('('))),
  );
  expect(told.toSorted()).toEqual(Object.keys(FUNCTIONS).toSorted());
});
