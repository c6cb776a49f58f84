/**
 * What commands print with --json against docs/json: a JSON Schema for each. Keys are snake_case,
 * enumerations those of the code.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ERROR_CODES } from '../../src/base/errors.ts';
import { COMMANDS } from '../../src/cli/commands.ts';
import type { StateKind } from '../../src/cli/look/message-state.ts';
import { type Cli, letter, startCli } from '../support/cli.ts';
import { enumOf, SCHEMAS, schemaOf } from '../support/json-schemas.ts';
import { REASONS } from '../support/reasons.ts';
import { SIGNED_KINDS } from '../../src/protocol/trust.ts';
import { readPage } from './page.ts';

const AT = 'data/channels/general';
const PUBLIC_KEY =
  'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBwWRBhHtFhnBTHNMqNhCPlAHdVpbWbCfnHc2yQbtqRS';
const WORKFLOW = `---
name: ship
steps:
  draft: { model: echo, prompt: "Draft it" }
  ok: { ask: { title: "Ship it?", approvers: [ada] }, needs: [draft] }
---
`;

/** Command lines; each prints what the schema of its command describes. */
const READING: readonly (readonly string[])[] = [
  ['status'],
  ['status', '--config'],
  ...['a', 'bad', 'typo', 'echo', 'mbp', 'broken'].map((what) => ['why', what]),
  ['hosts'],
  ['metrics'],
  ['models'],
  ['channels'],
  ['log'],
  ['log', '--failed'],
  ...['a', 'bad', 'typo', 'stray'].map((what) => ['show', what]),
  ['show', 'a', '--raw'],
  ['show', 'bad', '--transcript'],
  ['thread', 'a'],
  ['search', 'question'],
  ['doctor'],
  ['verify'],
  ['verify', '--signatures'],
  ['lint', 'data/channels'],
  ['lint', 'data/channels/general/stray.md'],
  ['workflow', 'list'],
  ['workflow', 'show', 'marker'],
  ['workflow', 'why', 'marker'],
  ['workflow', 'check', 'ship'],
  ['workflow', 'check', 'broken.md'],
  ['workflow', 'plan', 'ship'],
  ['workflow', 'budget', 'marker'],
  ['trust', 'list'],
  ['trust', 'key'],
  ['wait', 'a'],
  ['wait', 'bad'],
  ['service', 'status', '--manager', 'launchd'],
];

/** In this order: each changes something. */
const WRITING: readonly (readonly string[])[] = [
  ['send', '--to', 'echo', '-m', 'x'],
  ['send', '--to', 'echo', '-m', 'x', '--wait'],
  ['continue', 'a', '-m', 'x'],
  ['ack', 'bad'],
  ['retry', 'bad'],
  ['cancel', 'typo'],
  ['pause', '--all'],
  ['resume', '--all'],
  ['workflow', 'pause', 'marker'],
  ['workflow', 'signal', 'marker', 'deployed'],
  ['workflow', 'budget', 'marker', '--usd', '10'],
  ['workflow', 'approve', 'marker'],
  ['workflow', 'fork', 'marker'],
  ['workflow', 'retry', 'marker'],
  ['workflow', 'run', 'ship'],
  ['archive', 'general', '--dry-run'],
  ['upgrade-transport', '--yes'],
  ['trust', 'message', 'a'],
  ['trust', 'add', 'laptop', PUBLIC_KEY],
  ['trust', 'add', 'ada', PUBLIC_KEY],
  ['trust', 'on', 'external', 'gates'],
  ['trust', 'off'],
  ['trust', 'remove', 'ada'],
  ['service', 'install', '--manager', 'launchd', '--no-start'],
  ['service', 'uninstall', '--manager', 'launchd'],
  ['allow', 'echo'],
  ['init', '../made'],
  ['join', '../team.git', '../joined'],
  ['forget', '../joined', '--yes'],
  ['init', '-C', '../solo'],
  ['remote', 'add', '../later.git', '-C', '../solo'],
];

const FAILING: readonly (readonly string[])[] = [
  ['show', 'nothing-there'],
  ['send', '--too'],
  ['workflow', 'show', 'nothing-there'],
  ['resume', 'echo'],
  ['ask', '--to', 'ada', '-m', 'x'],
];

/** Commands that print no object: they run, serve, or print a text for another program. */
const WITHOUT = ['run', 'mcp', 'completion', 'man'];

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
    [`${AT}/marker.md`]: '---\nto: workflow\ntype: workflow\nuses: ship\nfrom: ada\n---\n',
  });
  writeFileSync(
    join(cli.clone, 'broken.md'),
    '---\nname: broken\nsteps: { a: { need: [b] } }\n---\n',
  );
  cli.git(['init', '-q', join(cli.place, 'solo')]);
  cli.git(['init', '-q', '--bare', join(cli.place, 'later.git')]);
  await cli.answer();
}, 120_000);
afterAll(() => cli.close());

// `cli.json` throws for what its schema does not describe.
describe('what a command prints with --json fits its schema', () => {
  it.each([...READING, ...WRITING].map((words) => [words.join(' '), words]))(
    '%s',
    async (_, words) => {
      const { data } = await cli.json(words);
      expect(data['error']).toBeUndefined();
    },
  );

  it('errors', async () => {
    for (const words of FAILING) expect((await cli.json(words)).data['ok']).toBe(false);
  });

  it('every command has a schema, and every schema a command', () => {
    const names = COMMANDS.flatMap(({ name, subcommands }) =>
      subcommands === undefined ? [name] : subcommands.map((one) => one.name),
    );
    const commands = names.filter((name) => !WITHOUT.includes(name));
    expect(commands.filter((name) => schemaOf(name.split(' ')) === null)).toEqual([]);
    const named = SCHEMAS.flatMap((schema) => schema.commands ?? []);
    const known = named.map((command) => command.replace(/ --.*/, ''));
    expect(known.filter((name) => !commands.includes(name))).toEqual([]);
    expect(new Set(named).size).toBe(named.length);
  });
});

it('no schema leaves open what it describes', () => {
  expect(SCHEMAS.flatMap((schema) => openParts(schema, schema.$id))).toEqual([]);
});

/** Places of a schema that any value would fit, or an object whose other keys are not told. */
function openParts(part: unknown, at: string): readonly string[] {
  if (Array.isArray(part)) return part.flatMap((one, index) => openParts(one, `${at}/${index}`));
  if (typeof part !== 'object' || part === null) return [];
  const { type, items, properties, additionalProperties } = part as Record<string, unknown>;
  const isOpen =
    ([type].flat().includes('object') && additionalProperties === undefined) ||
    ([type].flat().includes('array') && items === undefined);
  return [
    ...(isOpen ? [at] : []),
    ...Object.entries(properties ?? {}).flatMap(([key, one]) =>
      Object.keys(one as object).length === 0 ? [`${at}/${key}`] : [],
    ),
    ...Object.entries(part).flatMap(([key, one]) => openParts(one, `${at}/${key}`)),
  ];
}

describe('the enumerations of the schemas are those of the code', () => {
  it('kinds of reasons', () => {
    expect(enumOf('reason_kind')).toEqual(Object.keys(REASONS).sort());
  });

  it('states of messages', () => {
    const states: Readonly<Record<StateKind, true>> = {
      ...{ answered: true, failed: true, cancelled: true, 'by hand': true, open: true },
      ...{ running: true, stale: true, note: true, reply: true, unsigned: true, edited: true },
    };
    expect([...enumOf('message_state')].sort()).toEqual(Object.keys(states).sort());
  });

  it('codes of errors', () => {
    const { properties } = JSON.parse(readPage('docs/json/error.json')) as {
      properties: { error: { properties: { code: { enum: string[] } } } };
    };
    expect(properties.error.properties.code.enum).toEqual(Object.keys(ERROR_CODES));
  });

  it('what can be signed', () => {
    expect(enumOf('signed_kind')).toEqual(SIGNED_KINDS);
  });
});
