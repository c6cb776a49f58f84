/**
 * Every `sh` block of the tutorial and the recipes is run, each page in homes of its own: one for
 * the laptop, one for the server.
 */
import { describe } from 'vitest';
import { runBlocks } from './run-blocks.ts';

describe.each([
  ['docs/tutorial.md', 0],
  ['docs/recipes.md', 0],
])('%s', runBlocks);
