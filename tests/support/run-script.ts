/** A script of the project, run to its end. */
import { spawn } from 'node:child_process';
import { resolve } from 'node:path';

const SCRIPTS = resolve(import.meta.dirname, '../../scripts');

/** Its exit code (null after a signal), and all that it printed in both ways. */
export async function runScript(
  name: string,
  args: readonly string[],
): Promise<{ readonly code: number | null; readonly said: string }> {
  const child = spawn(process.execPath, [resolve(SCRIPTS, name), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (said += text));
  const code = await new Promise<number | null>((done) => child.once('close', done));
  return { code, said };
}
