/** The process of one command line: its streams, environment and directory. */
import { execute } from './execute.ts';
import { systemIo } from './io.ts';

/** Runs one command line (without node and script) and gives its exit code. */
export async function main(words: readonly string[]): Promise<number> {
  const { env } = process;
  return execute(words, {
    io: systemIo(env),
    env,
    cwd: process.cwd(),
    program: process.argv[1] ?? '',
  });
}
