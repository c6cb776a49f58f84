// What is shipped: the program as one file for each command and one for what they share, and the
// page of `crosstalkd web`. Types are checked by `npm run check`.
import { spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { buildPage } from './build-page.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const program = join(root, 'dist', 'cli');
// Files of sources that are gone do not stay behind.
rmSync(process.argv.includes('--clean') ? join(root, 'dist') : program, {
  recursive: true,
  force: true,
});
await buildPage(root);
// Nothing is made shorter, so that stack traces and the package stay readable.
await build({
  absWorkingDir: root,
  entryPoints: [join(root, 'src/cli/main.ts'), join(root, 'src/cli/execute.ts')],
  outdir: program,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  // Both are found by `require` when they are first needed.
  external: ['simple-git', 'gray-matter'],
  chunkNames: 'part-[hash]',
  legalComments: 'eof',
  logLevel: 'warning',
});
makeManPage();

/** From the same tables as the help. */
function makeManPage() {
  const { status, stdout } = spawnSync(
    process.execPath,
    [join(root, 'bin', 'crosstalkd.js'), 'man'],
    { cwd: root },
  );
  if (status !== 0) process.exit(status ?? 1);
  writeFileSync(join(root, 'dist', 'crosstalkd.1'), stdout);
}
