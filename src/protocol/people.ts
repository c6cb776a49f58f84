/**
 * data/people.yaml: what people are called, their addresses, and what they may do. Anyone who can
 * push may write it, so it names those who commit as they could name themselves; rights count only
 * as an operator whom a host has pinned has signed them. PROTOCOL.md "People". Pure.
 */
import { isAlias, NAME_RULE } from './names.ts';
import { spelledOnce } from './person-name.ts';
import { type FileProblem, isTexts, readMappingFile } from './take.ts';
import { type Right, RIGHTS } from './trust.ts';
import { describe, isMapping } from './yaml.ts';

/** One person, by the name that addresses and signatures have. */
export interface Person {
  /** As people write it; null = the key. */
  readonly name: string | null;
  /** Addresses of their commits, in lower case. */
  readonly addresses: readonly string[];
  readonly may: ReadonlySet<Right>;
}

const PEOPLE_MAX = 1_000;
const ADDRESSES_MAX = 20;
const NAME_CHARS_MAX = 200;
/** Most problems reported: each is searched for in the text. */
const PROBLEMS_MAX = 20;

/**
 * Address, in lower case → the name of the person whose commits have it; `<full name>`, spelled
 * once → the name of who is named so.
 */
export type Called = ReadonlyMap<string, string>;

/** Nobody is named: everybody is called as their commits say. */
export const NOBODY_CALLED: Called = new Map();

/** Addresses and full names, and their people. One that two people have counts for neither. */
export function calledBy(people: ReadonlyMap<string, Person>): Called {
  const owners = new Map<string, Set<string>>();
  for (const [name, { name: full, addresses }] of people)
    for (const address of full === null ? addresses : [...addresses, fullNameKey(full)])
      owners.set(address, (owners.get(address) ?? new Set()).add(name));
  return new Map(
    [...owners].flatMap(([address, [name = '', ...others]]) =>
      others.length === 0 ? [[address, name]] : [],
    ),
  );
}

/** The person whose address it is; null: nobody's. */
export function personAt(called: Called, email: string | undefined): string | null {
  return called.get(email?.toLowerCase() ?? '') ?? null;
}

/** Whom a person means who types a full name or an address; null: nobody whom the file names. */
export function personNamed(called: Called, text: string): string | null {
  return called.get(fullNameKey(text)) ?? personAt(called, text.trim());
}

function fullNameKey(name: string): string {
  return `<${spelledOnce(name)}>`;
}

/** Whether both name the same people alike. */
export function isSameCalled(one: Called, other: Called): boolean {
  return (
    one === other ||
    (one.size === other.size && [...one].every(([address, name]) => other.get(address) === name))
  );
}

/**
 * Reads the file. Who is not written as expected is left out, and named. `isReadable`: it is a
 * mapping at all.
 */
export function decodePeople(text: string): {
  readonly isReadable: boolean;
  readonly people: ReadonlyMap<string, Person>;
  readonly problems: readonly FileProblem[];
} {
  const people = new Map<string, Person>();
  const { value, problems, refuse } = readMappingFile(text);
  for (const [key, raw] of Object.entries(value ?? {}).slice(0, PEOPLE_MAX)) {
    const person = isAlias(key) ? decodePerson(raw) : null;
    if (person !== null) people.set(key, person);
    else if (problems.length < PROBLEMS_MAX) refuse([key], describe(raw), EXPECTED);
  }
  return { isReadable: value !== null, people, problems };
}

const EXPECTED = `a name (${NAME_RULE}) with name, addresses and may: [${RIGHTS.join(', ')}]`;

function decodePerson(raw: unknown): Person | null {
  if (!isMapping(raw)) return null;
  const { name = null, addresses = [], may = [] } = raw;
  const rights = decodeRights(may);
  if (rights === null || !isTexts(addresses) || !(name === null || typeof name === 'string'))
    return null;
  return {
    name: name === null ? null : name.slice(0, NAME_CHARS_MAX),
    addresses: addresses.slice(0, ADDRESSES_MAX).map((address) => address.toLowerCase()),
    may: rights,
  };
}

/** A list of what somebody may do; null when it is not such a list. */
export function decodeRights(raw: unknown): ReadonlySet<Right> | null {
  if (!Array.isArray(raw)) return null;
  const rights = raw.flatMap((one) => RIGHTS.find((right) => right === one) ?? []);
  return rights.length === raw.length ? new Set(rights) : null;
}
