/**
 * The types of workflow expressions: just enough to find a wrong reference or comparison before
 * anything runs.
 */

export type Type =
  | { readonly kind: 'any' | 'number' | 'boolean' | 'null' }
  /**
   * `whole`: the complete text of an agent, which nobody may compare with a literal. `values`: all
   * that it can be.
   */
  | { readonly kind: 'string'; readonly whole?: true; readonly values?: readonly string[] }
  | { readonly kind: 'list'; readonly of: Type }
  /** `open`: fields that are not listed may exist. */
  | { readonly kind: 'object'; readonly fields: Fields; readonly open: boolean };

export const ANY: Type = { kind: 'any' };
export const TEXT: Type = { kind: 'string' };
export const WHOLE_TEXT: Type = { kind: 'string', whole: true };
export const NUMBER: Type = { kind: 'number' };
export const BOOLEAN: Type = { kind: 'boolean' };
export const NULL: Type = { kind: 'null' };

/** A text that is one of these. */
export function oneOf(values: readonly string[]): Type {
  return { kind: 'string', values };
}

/** A list of `of`. */
export function listOf(of: Type): Type {
  return { kind: 'list', of };
}

/** Types by the names of fields; a map is one. */
export type Fields = Pick<ReadonlyMap<string, Type>, 'get' | 'has' | 'keys'>;

/** An object with exactly these fields. */
export function objectOf(fields: Readonly<Record<string, Type>>): Type {
  return { kind: 'object', fields: new Map(Object.entries(fields)), open: false };
}

/** The type as people say it: `a list of text`. */
export function describeType(type: Type): string {
  switch (type.kind) {
    case 'any':
      return 'a value of unknown type';
    case 'string':
      return 'text';
    case 'number':
      return 'a number';
    case 'boolean':
      return 'true or false';
    case 'null':
      return 'nothing';
    case 'list':
      return `a list of ${PLURAL[type.of.kind] ?? describeType(type.of)}`;
    case 'object':
      return 'an object';
  }
}

const PLURAL: Partial<Readonly<Record<Type['kind'], string>>> = {
  any: 'values of unknown type',
  number: 'numbers',
  list: 'lists',
  object: 'objects',
};
