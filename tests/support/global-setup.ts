/** Before any test: the build, when a source is newer than it. Tests of the command line and of fleets start the built program. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '../..');

/** Builds once a run. Errors of types are shown and left to `npm run check`; throws only when there is nothing to test. */
export function setup(): void {
  if (newestIn('src') <= newestIn('dist')) return;
  const { status } = spawnSync(process.execPath, [join(ROOT, 'scripts', 'build.mjs')], { cwd: ROOT, stdio: 'inherit' });
  if (status !== 0 && !existsSync(join(ROOT, 'dist', 'cli', 'main.js'))) throw new Error('the build failed: npm run build');
}

function newestIn(directory: string): number {
  const path = join(ROOT, directory);
  if (!existsSync(path)) return 0;
  const files = readdirSync(path, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return files.reduce((newest, entry) => Math.max(newest, statSync(join(entry.parentPath, entry.name)).mtimeMs), 0);
}
