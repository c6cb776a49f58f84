/**
 * What commands print with --json against docs/json: a JSON Schema for each. Keys are snake_case,
 * enumerations those of the code.
 */
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ERROR_CODES } from '../../src/base/errors.ts';
import type { StateKind } from '../../src/cli/look/message-state.ts';
import { type Cli, letter, startCli } from '../support/cli.ts';
import { REASONS } from '../support/reasons.ts';
import { readPage, ROOT } from './page.ts';

const FOLDER = 'docs/json';
const NAMES = readdirSync(join(ROOT, FOLDER)).map((name) => name.replace(/\.json$/, ''));
const AT = 'data/channels/general';
const WORKFLOW = `---
name: ship
steps:
  draft: { model: echo, prompt: "Draft it" }
  ok: { ask: { title: "Ship it?", approvers: [ada] }, needs: [draft] }
---
`;

/** Name of a schema → command lines whose output it describes. */
const COMMANDS: Readonly<Record<string, readonly (readonly string[])[]>> = {
  status: [['status']],
  'status-config': [['status', '--config']],
  why: [['a'], ['bad'], ['typo'], ['echo'], ['mbp'], ['broken']].map((words) => ['why', ...words]),
  hosts: [['hosts']],
  metrics: [['metrics']],
  models: [['models']],
  channels: [['channels']],
  log: [['log'], ['log', '--failed']],
  show: [
    ['show', 'a'],
    ['show', 'bad'],
    ['show', 'typo'],
  ],
  thread: [['thread', 'a']],
  search: [['search', 'question']],
  doctor: [['doctor']],
  verify: [['verify']],
  lint: [['lint', 'data/channels']],
  'workflow-list': [['workflow', 'list']],
  'workflow-show': [['workflow', 'show', 'marker']],
  'workflow-why': [['workflow', 'why', 'marker']],
  'workflow-check': [
    ['workflow', 'check', 'ship'],
    ['workflow', 'check', 'broken.md'],
  ],
  'workflow-plan': [['workflow', 'plan', 'ship']],
  'trust-list': [['trust', 'list']],
  init: [['init', '../made']],
  join: [['join', '../team.git', '../joined']],
  send: [['send', '--to', 'echo', '-m', 'x']],
  allow: [['allow', 'echo']],
  error: [
    ['show', 'nothing-there'],
    ['send', '--too'],
    ['workflow', 'show', 'nothing-there'],
  ],
};

const ajv = new Ajv({ allErrors: true });
for (const name of NAMES) ajv.addSchema(JSON.parse(readPage(`${FOLDER}/${name}.json`)) as object);

let cli: Cli;
beforeAll(async () => {
  cli = await startCli({
    models: `models:
  echo: { adapter: command, command: [cat], effects: none }
  broken: { adapter: command, command: [sh, -c, "exit 3"], effects: none, attempts: 1 }
`,
  });
  cli.say({
    'data/workflows/ship.md': WORKFLOW,
    [`${AT}/a.md`]: letter('echo', 'A question'),
    [`${AT}/bad.md`]: letter('broken', 'Another question'),
    [`${AT}/typo.md`]: letter('ecoh', 'A third question'),
    [`${AT}/note.md`]: letter('ada', 'For your information'),
    [`${AT}/stray.md`]: 'no message\n',
    [`${AT}/marker.md`]: '---\nto: workflow\ntype: workflow\nworkflow: ship\nfrom: ada\n---\n',
  });
  writeFileSync(
    join(cli.clone, 'broken.md'),
    '---\nname: broken\nsteps: { a: { need: [b] } }\n---\n',
  );
  await cli.answer();
}, 120_000);
afterAll(() => cli.close());

/** Keys anywhere in a value that are not snake_case. */
function oddKeys(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.flatMap(oddKeys);
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, one]) => [
    ...(/^[a-z][a-z0-9]*(_[a-z0-9]+)*$/.test(key) ? [] : [key]),
    ...oddKeys(one),
  ]);
}

describe('what a command prints with --json', () => {
  it.each(Object.entries(COMMANDS))('%s fits its schema', async (name, lines) => {
    for (const words of lines) {
      const { data } = await cli.json(words);
      expect(oddKeys(data), words.join(' ')).toEqual([]);
      const fits = ajv.validate(`${name}.json`, data);
      expect(fits ? null : ajv.errorsText(), words.join(' ')).toBeNull();
    }
  });

  it('has a schema for nothing that is not tried', () => {
    expect(NAMES.filter((name) => name !== 'common').sort()).toEqual(Object.keys(COMMANDS).sort());
  });
});

describe('the enumerations of the schemas are those of the code', () => {
  const valuesOf = (name: string): readonly unknown[] =>
    (ajv.getSchema(`common.json#/definitions/${name}`)?.schema as { enum: unknown[] }).enum;

  it('kinds of reasons', () => {
    expect(valuesOf('reason_kind')).toEqual(Object.keys(REASONS).sort());
  });

  it('states of messages', () => {
    const states: Readonly<Record<StateKind, true>> = {
      ...{ answered: true, failed: true, cancelled: true, 'by hand': true, open: true },
      ...{ running: true, stale: true, note: true, reply: true },
    };
    expect([...valuesOf('message_state')].sort()).toEqual(Object.keys(states).sort());
  });

  it('codes of errors', () => {
    const { properties } = JSON.parse(readPage(`${FOLDER}/error.json`)) as {
      properties: { error: { properties: { code: { enum: string[] } } } };
    };
    expect(properties.error.properties.code.enum).toEqual(Object.keys(ERROR_CODES));
  });
});
