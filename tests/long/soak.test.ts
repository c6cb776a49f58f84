/**
 * The short form of `npm run soak`: real dispatchers killed and stopped at random, on a remote that
 * refuses and forgets to answer.
 */
import { expect, it } from 'vitest';
import { runScript } from '../support/run-script.ts';

it('four hosts under kill -9, SIGSTOP, lost answers, refused pushes and failing fetches lose and double nothing', async () => {
  const options = ['--hosts', '4', '--messages', '200', '--seconds', '95', '--seed', '7'];
  const { code, said } = await runScript('soak.mjs', options);
  expect(code === 0 ? '' : said).toBe('');
  expect(said).toMatch(/\| lost +\| 0 +\|/);
  // The script gives up on its own before, and ends what it started.
}, 400_000);
