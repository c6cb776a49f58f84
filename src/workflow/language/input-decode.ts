/** The inputs of a workflow: what each takes, and whether a value fits. */
import { decodeChoices } from './field-decode.ts';
import { isJsonList, isJsonObject, type Json } from './json.ts';
import type { InputSpec } from './plan.ts';
import { KEYS } from './keys.ts';
import { createTaker, type Mapping, mappingAt, refuseUnknownKeys } from './read-keys.ts';

const INPUT_TYPES = ['string', 'number', 'integer', 'boolean', 'choice', 'json'] as const;

/** The inputs below `inputs`, in the order they are written. */
export function decodeInputs(outer: Mapping): readonly InputSpec[] {
  const inputs = mappingAt(outer, 'inputs');
  return Object.keys(inputs.raw).map((name) => {
    const mapping = mappingAt(inputs, name, 'type');
    if (!/^[A-Za-z_][A-Za-z0-9_-]{0,63}$/.test(name))
      outer.report(mapping.path, `"${name}" is not a name for an input`);
    refuseUnknownKeys(mapping, KEYS.input, `input "${name}"`);
    const take = createTaker(mapping);
    const spec: InputSpec = {
      name,
      type: take.choice('type', INPUT_TYPES) ?? 'string',
      required: take.flag('required') ?? false,
      fallback: mapping.raw['default'],
      options: decodeChoices(mapping),
    };
    if (spec.type === 'choice' && spec.options.length === 0)
      outer.report(mapping.path, `input "${name}" is a choice without "choices"`);
    if (spec.fallback !== undefined && coerceInput(spec, spec.fallback) === undefined)
      outer.report(
        [...mapping.path, 'default'],
        `the default of input "${name}" is not ${describeInput(spec)}`,
      );
    return spec;
  });
}

/**
 * The given value in the type of the input (texts such as `3` and `true` are converted), or
 * undefined when it does not fit.
 */
export function coerceInput(spec: InputSpec, value: Json): Json | undefined {
  switch (spec.type) {
    case 'string':
      return typeof value === 'object' ? undefined : String(value);
    case 'number':
    case 'integer': {
      const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
      const fits = spec.type === 'number' ? Number.isFinite(number) : Number.isInteger(number);
      return typeof number === 'number' && fits ? number : undefined;
    }
    case 'boolean':
      if (value === 'true' || value === 'false') return value === 'true';
      return typeof value === 'boolean' ? value : undefined;
    case 'choice':
      return spec.options.find(
        (option) => option === String(isJsonObject(value) || isJsonList(value) ? '' : value),
      );
    case 'json':
      return value;
  }
}

/** What an input takes, for messages. */
export function describeInput(spec: InputSpec): string {
  switch (spec.type) {
    case 'choice':
      return `one of ${spec.options.join(', ')}`;
    case 'json':
      return 'JSON';
    case 'integer':
      return 'a whole number';
    case 'boolean':
      return 'true or false';
    default:
      return `a ${spec.type}`;
  }
}
