/**
 * The types of workflow expressions: just enough to find a wrong reference or comparison before
 * anything runs.
 */

export type Type =
  | { readonly kind: 'any' | 'number' | 'boolean' | 'null' }
  /** `whole`: the complete text of an agent, which nobody may compare with a literal. */
  | { readonly kind: 'string'; readonly whole?: true }
  | { readonly kind: 'list'; readonly of: Type }
  /** `open`: fields that are not listed may exist. */
  | { readonly kind: 'object'; readonly fields: ReadonlyMap<string, Type>; readonly open: boolean };

export const ANY: Type = { kind: 'any' };
export const TEXT: Type = { kind: 'string' };
export const WHOLE_TEXT: Type = { kind: 'string', whole: true };
export const NUMBER: Type = { kind: 'number' };
export const BOOLEAN: Type = { kind: 'boolean' };
export const NULL: Type = { kind: 'null' };

/** A list of `of`. */
export function listOf(of: Type): Type {
  return { kind: 'list', of };
}

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
      return `a list of ${describeType(type.of).replace(/^an? /, '')}`;
    case 'object':
      return 'an object';
  }
}
