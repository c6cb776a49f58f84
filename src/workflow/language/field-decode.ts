/** Fields that several kinds of steps share: limits, models, schemas. */
import { parseAddress } from '../../protocol/address.ts';
import type { Json, JsonObject } from './json.ts';
import type { Limits } from './plan.ts';
import { asList, createTaker, type Mapping } from './read-keys.ts';
import { schemaProblems } from './schema.ts';

/** What steps take over from the run. */
export interface Inherited {
  readonly defaults: JsonObject;
  readonly model: readonly string[];
}

/** The limits in a mapping that may hold further keys. */
export function decodeLimits(mapping: Mapping): Limits {
  const take = createTaker(mapping);
  return {
    usd: take.amount('usd'),
    tokens: take.amount('tokens'),
    agents: take.integer('agents', 0, 100_000),
    minutes: take.amount('minutes'),
  };
}

/** The addresses below `key`, one or a list: names of models, `m@host` pins. */
export function decodeModels(mapping: Mapping, key: string): readonly string[] {
  const texts = createTaker(mapping).texts(key);
  for (const text of texts) {
    const address = parseAddress(text);
    const reserved = address !== null && ['all', 'workflow'].includes(address.name);
    if (address === null || reserved)
      mapping.report(
        [...mapping.path, key],
        `"${text}" is not a model: a name or name@host`,
        asList(text),
      );
  }
  return texts.map((text) => text.trim().toLowerCase());
}

/**
 * An inline schema; paths have been replaced by their content before (source.ts), so a text here is
 * a path that was not found.
 */
export function decodeSchema(mapping: Mapping): Json | null {
  const schema = mapping.raw['schema'];
  if (schema === undefined || schema === null) return null;
  const path = [...mapping.path, 'schema'];
  if (typeof schema === 'string') {
    mapping.report(path, `the schema file "${schema}" is not in the transport or is not JSON`);
    return null;
  }
  for (const problem of schemaProblems(schema)) mapping.report(path, problem);
  return schema;
}

/** What may be chosen: `choices`, which may also be called `options`. */
export function decodeChoices(mapping: Mapping): readonly string[] {
  const take = createTaker(mapping);
  if (mapping.raw['choices'] !== undefined && mapping.raw['options'] !== undefined)
    mapping.report(
      [...mapping.path, 'options'],
      '"options" is another word for "choices"',
      'keep one',
    );
  return [...take.texts('choices'), ...take.texts('options')];
}
