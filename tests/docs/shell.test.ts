/**
 * Every `sh` block of README.md, GUIDE-CLI.md, docs/operate.md and docs/remotes.md is run, in the
 * order of its page, in its own home.
 */
import { describe } from 'vitest';
import { runBlocks } from './run-blocks.ts';

describe.each([
  ['README.md', 1],
  ['GUIDE-CLI.md', 0],
  ['docs/operate.md', 6],
  ['docs/remotes.md', 0],
])('%s', runBlocks);
