/**
 * The schemas of docs/json, by the commands that each describes: what a test reads of a command's
 * --json is checked against its schema on the way.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Ajv } from 'ajv';

const FOLDER = resolve(import.meta.dirname, '../../docs/json');

/** A schema's file, without the parts that only validate. */
interface Schema {
  readonly $id: string;
  /** The beginnings of command lines: words and switches. */
  readonly commands?: readonly string[];
}

const ajv = new Ajv({ allErrors: true, keywords: ['commands'], strictTypes: false });
export const SCHEMAS: readonly Schema[] = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.json'))
  .map((name) => JSON.parse(readFileSync(join(FOLDER, name), 'utf8')) as Schema);
for (const schema of SCHEMAS) ajv.addSchema(schema);

/** The enumeration of a definition in common.json. */
export function enumOf(name: string): readonly unknown[] {
  return (ajv.getSchema(`common.json#/definitions/${name}`)?.schema as { enum: unknown[] }).enum;
}

/** The schema that describes the output of a command line, or null when no schema does. */
export function schemaOf(words: readonly string[]): string | null {
  const fits = (command: string): boolean =>
    command
      .split(' ')
      .every((word, at) => (word.startsWith('-') ? words.includes(word) : words[at] === word));
  const described = SCHEMAS.flatMap(({ $id, commands = [] }) =>
    commands.filter(fits).map((command) => ({ $id, command })),
  );
  const [closest] = described.sort((a, b) => b.command.length - a.command.length);
  return closest?.$id ?? null;
}

/** What is wrong with the output of a command; null: it is what its schema says. */
export function problemOf(words: readonly string[], data: object): string | null {
  const schema = 'error' in data ? 'error.json' : schemaOf(words);
  if (schema === null) return 'no schema describes it';
  const odd = oddKeys(data);
  if (odd.length > 0) return `keys that are not snake_case: ${odd.join(', ')}`;
  if (ajv.validate(schema, data)) return null;
  const wrong = (ajv.errors ?? []).map(
    ({ instancePath, message, params }) =>
      `${instancePath} ${message ?? ''} ${JSON.stringify(params)}`,
  );
  return `${schema}: ${wrong.join('; ')}`;
}

/** What stands below these is what people wrote: its keys stay theirs. */
const WRITTEN = ['schema', 'options', 'plan'];

/** Keys anywhere in a value that are not snake_case. */
function oddKeys(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.flatMap(oddKeys);
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, one]) => [
    ...(/^[a-z][a-z0-9]*(_[a-z0-9]+)*$/.test(key) ? [] : [key]),
    ...(WRITTEN.includes(key) ? [] : oddKeys(one)),
  ]);
}
