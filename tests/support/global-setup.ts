/**
 * Before any test: a place for what tests write, and the build, when a source is newer than it:
 * many tests start the built program.
 */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '../..');
/**
 * A file system in memory: what waits for a disk otherwise is most of what many tests wait for. Its
 * path is short, as paths of sockets must be.
 */
const MEMORY = '/dev/shm';
const MEMORY_BYTES_MIN = 4 * 1_024 ** 3;
/** The folder of one run, by the process that it belongs to. */
const OWN = /^crosstalk-(\d+)$/;
const place = join(MEMORY, `crosstalk-${process.pid}`);
let seeds = '';

/** Once a run, in the process that starts the workers. */
export function setup(): void {
  useMemory();
  build();
  seeds = mkdtempSync(join(tmpdir(), 'crosstalk-seeds-'));
  process.env['CROSSTALK_TEST_SEEDS'] = seeds;
}

/** Removes what tests have left there. */
export function teardown(): void {
  rmSync(seeds, { recursive: true, force: true });
  rmSync(place, { recursive: true, force: true });
}

/**
 * Unless somebody has said where temporary files go, they go to memory, where that is large and
 * programs may be run from it.
 */
function useMemory(): void {
  if (process.env['TMPDIR'] !== undefined || !existsSync(MEMORY)) return;
  const { bavail, bsize } = statfsSync(MEMORY);
  if (bavail * bsize < MEMORY_BYTES_MIN) return;
  removeLeftovers();
  // Some tests are another user for a moment.
  mkdirSync(place, { mode: 0o711 });
  if (mayRunThere()) process.env['TMPDIR'] = place;
}

/** What runs have left that were killed. Another user's stay. */
function removeLeftovers(): void {
  for (const name of readdirSync(MEMORY)) {
    const [, pid] = OWN.exec(name) ?? [];
    if (pid === undefined || (Number(pid) !== process.pid && existsSync(join('/proc', pid))))
      continue;
    try {
      rmSync(join(MEMORY, name), { recursive: true, force: true });
    } catch {
      // Not ours.
    }
  }
}

function mayRunThere(): boolean {
  const program = join(place, 'try');
  writeFileSync(program, '#!/bin/sh\n');
  chmodSync(program, 0o700);
  const { status } = spawnSync(program);
  rmSync(program);
  return status === 0;
}

/**
 * Errors of types are shown and left to `npm run check`; throws only when there is nothing to test.
 */
function build(): void {
  if (newestIn('src') <= newestIn('dist')) return;
  const { status } = spawnSync(process.execPath, [join(ROOT, 'scripts', 'build.mjs')], {
    cwd: ROOT,
    stdio: 'inherit',
  });
  if (status !== 0 && !existsSync(join(ROOT, 'dist', 'cli', 'main.js')))
    throw new Error('the build failed: npm run build');
}

function newestIn(directory: string): number {
  const path = join(ROOT, directory);
  if (!existsSync(path)) return 0;
  const files = readdirSync(path, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  return files.reduce(
    (newest, entry) => Math.max(newest, statSync(join(entry.parentPath, entry.name)).mtimeMs),
    0,
  );
}
