/**
 * The short form of `npm run soak`: real dispatchers killed and stopped at random, on a remote that
 * refuses and forgets to answer.
 */
import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';

const SCRIPT = resolve(import.meta.dirname, '../../scripts/soak.mjs');

it('four hosts under kill -9, SIGSTOP, lost answers, refused pushes and failing fetches lose and double nothing', async () => {
  const child = spawn(
    process.execPath,
    [SCRIPT, '--hosts', '4', '--messages', '200', '--seconds', '95', '--seed', '7'],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (said += text));
  const code = await new Promise((done) => child.once('close', done));
  expect(code === 0 ? '' : said).toBe('');
  expect(said).toMatch(/\| lost +\| 0 +\|/);
  // The script gives up on its own before, and ends what it started.
}, 400_000);
