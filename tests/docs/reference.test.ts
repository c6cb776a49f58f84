/**
 * docs/reference.md against the code. The generated parts are made again with: UPDATE_DOCS=1 npx
 * vitest run tests/docs/reference.test.ts
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ADAPTERS, SERVICES } from '../../src/agents/adapters.ts';
import { ERROR_CODES } from '../../src/base/errors.ts';
import { type CommandSpec, GROUPS, type OptionSpec } from '../../src/cli/command.ts';
import { COMMANDS } from '../../src/cli/commands.ts';
import { COMMON_OPTIONS } from '../../src/cli/declare.ts';
import { type Config, DEFAULTS } from '../../src/local/config.ts';
import { SETTINGS } from '../../src/local/config-settings.ts';
import { codesIn, generatedPart, proseOf, readPage, ROOT, tableAt } from './page.ts';

const REFERENCE = 'docs/reference.md';
const PAGES = [
  'README.md',
  'GUIDE-CLI.md',
  ...readdirSync(join(ROOT, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

describe('the generated reference says what the code says', () => {
  it('every command with every option', () => {
    const made = `${formatOptions('Options of every command:', COMMON_OPTIONS)}\n${GROUPS.map(formatGroup).join('')}`;
    expect(generatedPart(REFERENCE, 'commands', made)).toBe(made);
  });

  it('every error code with its exit code', () => {
    const rows = Object.entries(ERROR_CODES).map(
      ([code, { exit, cause, next }]) => `| \`${code}\` | ${exit} | ${cause} | \`${next}\` |\n`,
    );
    const made = `| code | exit | cause | next, when the error names nothing nearer |\n|---|---|---|---|\n${rows.join('')}`;
    expect(generatedPart(REFERENCE, 'errors', made)).toBe(made);
  });

  it('every setting with key, variable, flag and default', () => {
    const fields = Object.keys(SETTINGS) as (keyof Config)[];
    const made = `| key | variable | flag | default | meaning |\n|---|---|---|---|---|\n${fields.map(formatSetting).join('')}`;
    expect(generatedPart(REFERENCE, 'settings', made)).toBe(made);
  });
});

describe('the tables written by hand fit the code', () => {
  it('exit codes of errors are all explained', () => {
    const section = readPage(REFERENCE).split('## Exit codes')[1]?.split('\n## ')[0] ?? '';
    for (const { exit } of Object.values(ERROR_CODES)) expect(section).toContain(`| ${exit} |`);
  });

  it('adapters with their modes and options', () => {
    const written = tableAt(readPage(REFERENCE), 'table: adapters').map(
      ([name, modes, options]) => [codesIn(name ?? '')[0], modes, codesIn(options ?? '')],
    );
    const real = [...Object.entries(ADAPTERS), ...Object.entries(SERVICES)].map(
      ([name, { modes, options }]) => [name, modes.join(', '), options],
    );
    expect(new Map(written.map((row) => [row[0], row]))).toEqual(
      new Map(real.map((row) => [row[0], row])),
    );
  });

  it('log events with their levels', () => {
    const written = new Map<string, string>();
    for (const [names, levels] of tableAt(readPage(REFERENCE), 'table: events'))
      for (const name of codesIn(names ?? '')) written.set(name, levels ?? '');
    expect(Object.fromEntries([...written].sort())).toEqual(
      Object.fromEntries([...loggedEvents()].sort()),
    );
  });

  it('no command is named that does not exist', () => {
    const known = new Set([...COMMANDS.map(({ name }) => name), 'wf']);
    for (const path of [
      ...PAGES,
      'PROTOCOL.md',
      'template/README.md',
      'template/CROSSTALK.md',
      'template/PROTOCOL.md',
    ]) {
      const named = [
        ...readPage(path).matchAll(
          /^(?:\$ )?crosstalkd (?:-C \S+ )?([a-z-]+)|`crosstalkd ([a-z-]+)\b(?! on )/gm,
        ),
      ].filter(([all]) => !all.endsWith('crosstalkd on'));
      for (const [, first, second] of named)
        expect(known, `${path}: crosstalkd ${first ?? second ?? ''}`).toContain(first ?? second);
    }
  });

  it('no option is named that does not exist', () => {
    const known = new Set(
      [
        ...COMMON_OPTIONS,
        ...COMMANDS.flatMap(({ options, subcommands = [] }) => [
          ...options,
          ...subcommands.flatMap((each) => each.options),
        ]),
      ].map(({ name }) => name),
    );
    for (const path of PAGES) {
      const mentioned = [...proseOf(readPage(path)).matchAll(/`--([a-z-]+)/g)].map(
        ([, name]) => name ?? '',
      );
      for (const name of mentioned.filter((each) => each !== 'name'))
        expect(known, path).toContain(name);
    }
  });
});

function formatGroup({ group, title }: (typeof GROUPS)[number]): string {
  const specs = COMMANDS.filter((spec) => spec.group === group);
  return specs.length === 0 ? '' : `\n**${title}**\n${specs.map(formatCommand).join('')}`;
}

function formatCommand(spec: CommandSpec): string {
  const { name, args, about, options, subcommands = [] } = spec;
  if (subcommands.length > 0) return subcommands.map(formatCommand).join('');
  return `\n\`crosstalkd ${`${name} ${args}`.trim()}\`: ${cell(about)}\n${options.length === 0 ? '' : `\n${options.map(formatOption).join('')}`}${formatUsage(spec)}`;
}

function formatUsage({ examples, exits }: CommandSpec): string {
  const codes = Object.entries(exits).map(([code, meaning]) => `${code} ${meaning}`);
  return `\nExamples: ${examples.map((line) => `\`${line}\``).join(', ')}. Exit codes: ${codes.join('; ')}.\n`;
}

function formatOptions(title: string, options: readonly OptionSpec[]): string {
  return `${title}\n\n${options.map(formatOption).join('')}`;
}

function formatOption({ shown, many, about }: OptionSpec): string {
  return `* \`${shown}\` ${cell(about)}${many === true ? ' (repeatable)' : ''}\n`;
}

function formatSetting(field: keyof Config): string {
  const { key, env, flag, meaning } = SETTINGS[field];
  const cells = [
    `\`${key}\``,
    env === null ? '' : `\`${env}\``,
    flag === null ? '' : `\`--${flag}\``,
    defaultOf(field),
    meaning,
  ];
  return `| ${cells.join(' | ')} |\n`;
}

const DERIVED: Partial<Record<keyof Config, string>> = {
  alias: "the machine's host name",
  beatMs: 'a quarter of `lease`',
  leaseMarginMs: 'a sixth of `lease`',
};

function defaultOf(field: keyof Config): string {
  const value: unknown = DEFAULTS[field];
  const derived = DERIVED[field];
  if (derived !== undefined)
    return field === 'alias' ? derived : `${derived} (${durationOf(Number(value))})`;
  if (isEmpty(value)) return 'none';
  return field.endsWith('Ms') ? durationOf(Number(value)) : JSON.stringify(value);
}

function isEmpty(value: unknown): boolean {
  return value === null || (typeof value === 'object' && Object.values(value).every(isEmpty));
}

function durationOf(ms: number): string {
  const units = [
    ['d', 86_400_000] as const,
    ['h', 3_600_000] as const,
    ['m', 60_000] as const,
    ['s', 1_000] as const,
  ];
  const [unit, size] = units.find(([, each]) => ms >= each && ms % each === 0) ?? ['ms', 1];
  return `${ms / size}${unit}`;
}

function cell(text: string): string {
  return text.replaceAll('<', '\\<');
}

/** Every event that the source logs, by name: its levels. */
function loggedEvents(): ReadonlyMap<string, string> {
  const events = new Map<string, Set<string>>();
  const note = (event: string, level: string): void => {
    events.set(event, (events.get(event) ?? new Set<string>()).add(level));
  };
  for (const entry of readdirSync(join(ROOT, 'src'), { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !entry.name.endsWith('.ts')) continue;
    const text = readPage(join(entry.parentPath, entry.name));
    for (const [, level, event] of text.matchAll(
      /\.(status|warning|alert)\(\s*'([a-z-]+\.[a-z-]+)'/g,
    ))
      note(event ?? '', level ?? '');
    if (text.includes('.status(`host.${'))
      for (const mode of ['paused', 'running', 'draining']) note(`host.${mode}`, 'status');
  }
  return new Map([...events].map(([event, levels]) => [event, [...levels].sort().join(', ')]));
}
