/** A person's yes to something that cannot be taken back. */
import { createInterface } from 'node:readline/promises';
import { CrosstalkError } from '../base/errors.ts';
import { given, type Invocation } from './command.ts';
import { plain } from './io.ts';
import type { Fix } from '../base/fix.ts';

/** The question, and the text for where nobody can be asked. */
export interface Question {
  readonly asks: string;
  readonly refusal: string;
  readonly fix: Fix | string;
}

/**
 * True with `--yes`, or when the person at the terminal agrees. Throws REFUSED where nobody is
 * there.
 */
export async function isConfirmed(
  invocation: Invocation,
  { asks, refusal, fix }: Question,
): Promise<boolean> {
  if (given(invocation, 'yes')) return true;
  if (!process.stdin.isTTY || !invocation.io.isTerminal)
    throw new CrosstalkError('REFUSED', refusal, { fix });
  const lines = createInterface({ input: process.stdin, output: process.stdout });
  const said = await lines.question(plain(`${asks} [y/N] `));
  lines.close();
  return /^y(es)?$/i.test(said.trim());
}
