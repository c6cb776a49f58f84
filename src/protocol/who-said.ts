/**
 * Finds who wrote a file, by the commit that added it: one rule for answers to gates, orders to
 * runs, and marks. `from:` is only a claim.
 */
import { isDispatcher } from './invariants.ts';
import { slugName } from './names.ts';
import { type Called, NOBODY_CALLED, personAt } from './people.ts';
import { personName } from './person-name.ts';

/** The committer of a file, which an unsigned commit can only claim. */
export interface Speaker {
  /** The name that counts: by data/people.yaml, else the committer's. */
  readonly name: string;
  /** Names that they go by: that one, the committer's, and the first part of the address. */
  readonly names: readonly string[];
  /** One for each person: however many names somebody writes, they have one voice. */
  readonly voice: string;
  /** When it was committed, by the clock of that machine. */
  readonly atMs: number;
}

/** What a commit says of who made it. */
export interface Signed {
  readonly author: { readonly name: string; readonly email: string };
  readonly committer: { readonly name: string; readonly email: string };
  readonly authoredMs: number;
}

/** What forges sign commits with that people make in a browser: there the author is the person. */
const FORGES = ['noreply@github.com'];

/**
 * Who speaks in a file that such a commit brought; null when a dispatcher made it. `called`: whose
 * addresses are whose.
 */
export function speakerOf(
  { author, committer, authoredMs }: Signed,
  called: Called = NOBODY_CALLED,
): Speaker | null {
  const { name, email } = FORGES.includes(committer.email.toLowerCase()) ? author : committer;
  if (isDispatcher(email)) return null;
  const own = personName({ name, email });
  const [mailbox = ''] = email.split('@');
  const person = personAt(called, email);
  return {
    name: person ?? own,
    names: [...new Set([person ?? own, own, slugName(mailbox, own)])],
    voice: person ?? (email === '' ? own : email.toLowerCase()),
    atMs: authoredMs,
  };
}

/** The name that a file's own `from:` gives somebody, if it is theirs. */
export function nameOf(speaker: Speaker, from: string | null): string {
  return from !== null && speaker.names.includes(from) ? from : speaker.name;
}

/** Whose word a file without `from:` is: who is named as the author of its commit. */
export function authorName(author: Signed['author'] | undefined, called: Called): string {
  return personAt(called, author?.email) ?? personName(author);
}
