import { acp } from './acp.ts';
import type { Adapter } from './adapter.ts';
import { claude } from './claude.ts';
import { codex } from './codex.ts';
import { command } from './command.ts';
import { copilot } from './copilot.ts';
import { droid } from './droid.ts';
import { gemini } from './gemini.ts';
import { http } from './http.ts';
import { opencode } from './opencode.ts';
import { pi } from './pi.ts';
import { qwen } from './qwen.ts';
import type { Service } from './service.ts';

/** Every adapter by the name that `adapter:` gives. Adding one is its file and its line here. */
export const ADAPTERS: Readonly<Record<string, Adapter>> = {
  command,
  claude,
  codex,
  gemini,
  qwen,
  opencode,
  pi,
  copilot,
  droid,
  acp,
};

/** Every adapter that asks over the network instead of starting a program. */
export const SERVICES: Readonly<Record<string, Service>> = { http };

/** Every name that `adapter:` can give. */
export const ADAPTER_NAMES: readonly string[] = [
  ...Object.keys(ADAPTERS),
  ...Object.keys(SERVICES),
];
