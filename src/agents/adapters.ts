import type { Adapter } from './adapter.ts';
import { claude } from './claude.ts';
import { codex } from './codex.ts';
import { command } from './command.ts';
import { copilot } from './copilot.ts';
import { droid } from './droid.ts';
import { gemini } from './gemini.ts';
import { opencode } from './opencode.ts';
import { pi } from './pi.ts';
import { qwen } from './qwen.ts';

/** Every adapter by the name that `adapter:` gives. Adding one is its file and its line here. */
export const ADAPTERS: Readonly<Record<string, Adapter>> = { command, claude, codex, gemini, qwen, opencode, pi, copilot, droid };
