import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { entryOf, fixture, useAttempts } from '../support/agents/attempts.ts';

const { attempt, run, makeDirectory } = useAttempts();

/**
 * The example of src/agents/README.md: the host read-only, what is secret hidden, processes of its
 * own that end with the dispatcher's.
 */
const sandbox = (hidden: string): readonly string[] => [
  ...[
    'bwrap',
    '--die-with-parent',
    '--unshare-pid',
    '--ro-bind',
    '/',
    '/',
    '--dev',
    '/dev',
    '--proc',
    '/proc',
  ],
  ...['--tmpfs', hidden],
];

// Some containers allow no namespaces; nothing can be said there.
const canRun =
  spawnSync('bwrap', [
    '--unshare-pid',
    '--ro-bind',
    '/',
    '/',
    '--dev',
    '/dev',
    '--proc',
    '/proc',
    'true',
  ]).status === 0;

describe.skipIf(!canRun)('an agent in bubblewrap', () => {
  const script = (place: string): string =>
    `read word; echo "got $word"; cat ${place}/secret 2>&1; echo x > ${place}/../written 2>&1; echo x > ./own; true`;

  test('answers, sees nothing of what is hidden and changes nothing of the host', async () => {
    const hidden = makeDirectory();
    writeFileSync(join(hidden, 'secret'), 'TOP-SECRET');
    const outside = join(hidden, '..', 'written');
    const entry = entryOf({ command: ['sh', '-c', script(hidden)], wrapper: sandbox(hidden) });
    const request = attempt(entry, { prompt: 'hello\n' });
    const outcome = await run(request);
    expect(outcome).toMatchObject({
      kind: 'answered',
      text: expect.stringContaining('got hello') as string,
    });
    expect(JSON.stringify(outcome)).not.toContain('TOP-SECRET');
    expect(existsSync(outside)).toBe(false);
    expect(existsSync(join(request.directory, 'own'))).toBe(false);
  });

  test('is ended with all that it started when its time is up', async () => {
    const entry = entryOf({
      command: [process.execPath, fixture('forever')],
      wrapper: sandbox(makeDirectory()),
      timeout: '500ms',
    });
    expect(await run(attempt(entry))).toMatchObject({ kind: 'failed', class: 'timeout' });
  });
});
