import type { Adapter } from './adapter.ts';
import { command } from './command.ts';

/** Every adapter by the name that `adapter:` gives. Adding one is its file and its line here. */
export const ADAPTERS: Readonly<Record<string, Adapter>> = { command };
