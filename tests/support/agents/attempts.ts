/**
 * Attempts with real programs in their own directory, and the check that nothing of them is
 * left.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { systemRandom } from '../../../src/base/random.ts';
import type { AttemptOutcome, AttemptRequest } from '../../../src/agents/agent.ts';
import { ADAPTERS } from '../../../src/agents/adapters.ts';
import { createAgents, type AgentsParts } from '../../../src/agents/run-agents.ts';
import type { ModelEntry } from '../../../src/protocol/models.ts';
import { decodeModels } from '../../../src/protocol/decode-models.ts';
import { assertNoSurvivors } from '../processes.ts';

/** Path of a fixture program. */
export function fixture(name: string): string {
  return new URL(`./${name}.mjs`, import.meta.url).pathname;
}

/** An entry as `models.yaml` gives it, running a fixture unless `command` says otherwise. */
export function entryOf(written: Readonly<Record<string, unknown>>): ModelEntry {
  const file = decodeModels(
    JSON.stringify({ models: { tested: { adapter: 'command', ...written } } }),
  );
  const entry = file.models.get('tested');
  if (entry === undefined) throw new Error(JSON.stringify(file.problems));
  return entry;
}

/** The command line that runs a fixture. */
export function running(name: string, ...args: readonly string[]): readonly string[] {
  return [process.execPath, fixture(name), ...args];
}

/**
 * Everything a test needs to run attempts; what it started and wrote is checked and removed after
 * each test.
 */
export function useAttempts() {
  const directories: string[] = [];
  const markers: string[] = [];
  const operatorEnv = { PATH: process.env['PATH'], HOME: tmpdir() };
  afterEach(() => {
    for (const directory of directories.splice(0))
      rmSync(directory, { recursive: true, force: true });
    assertNoSurvivors(markers.splice(0));
  });
  const makeDirectory = (): string => {
    const directory = mkdtempSync(join(tmpdir(), 'attempt-'));
    directories.push(directory);
    return directory;
  };
  const makeMarker = (): string => {
    const marker = `test-${systemRandom.hex(8)}`;
    markers.push(marker);
    return marker;
  };
  const attempt = (entry: ModelEntry, request: Partial<AttemptRequest> = {}): AttemptRequest => ({
    attemptId: makeMarker(),
    entry,
    message: 'hello',
    prompt: 'Message from maintainer:\nhello\n',
    persona: null,
    session: null,
    directory: makeDirectory(),
    extraEnv: {},
    onStarted: () => Promise.resolve(),
    onOutput: () => undefined,
    signal: new AbortController().signal,
    ...request,
  });
  const run = (
    request: AttemptRequest,
    parts: Partial<AgentsParts> = {},
  ): Promise<AttemptOutcome> =>
    createAgents({
      clock: systemClock,
      operatorEnv,
      adapters: ADAPTERS,
      graceMs: 300,
      ...parts,
    }).run(request);
  return { makeDirectory, makeMarker, attempt, run, operatorEnv };
}
