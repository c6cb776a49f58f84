import type { OptionSpec } from './command.ts';

/**
 * The options of the filters that `log` and `search` share. Apart from filters.ts, so that the
 * table of commands stays quick to load.
 */
export const FILTER_OPTIONS: readonly OptionSpec[] = [
  { name: 'from', value: 'name', about: 'only what this person or model wrote' },
  { name: 'to', value: 'name', about: 'only what is addressed to this name' },
  { name: 'model', value: 'name', about: 'only what was asked of this model, and its answers' },
  { name: 'failed', about: 'only answers that are failures' },
  {
    name: 'since',
    value: 'when',
    about: 'only what is newer: 2026-11-21, or how long ago: 2h, 7d',
  },
];
