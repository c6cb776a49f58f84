// TypeScript to dist/, the page of `crosstalkd web`, and the same once more as few files in
// dist/bundle/, which start faster. Files of sources that are gone do not stay behind.
import { spawnSync } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildPage } from './build-page.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const bundle = join(root, 'dist', 'bundle');
// An old bundle beside new sources would be the worst of all.
rmSync(process.argv.includes('--clean') ? join(root, 'dist') : bundle, {
  recursive: true,
  force: true,
});
const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
const { status } = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], {
  cwd: root,
  stdio: 'inherit',
});
if (status !== 0) process.exit(status ?? 1);
await makePage();
await makeBundle();
makeManPage();

/**
 * One file for each command and one for what they share; nothing is made shorter, so that stack
 * traces and the package stay readable.
 */
async function makeBundle() {
  const esbuild = await import('esbuild').catch(() => null);
  if (esbuild === null) {
    console.error(
      'build: no esbuild in node_modules, so dist/bundle is left out; crosstalkd runs from dist/cli (npm ci brings it)',
    );
    return;
  }
  await esbuild.build({
    absWorkingDir: root,
    entryPoints: [join(root, 'dist', 'cli', 'main.js')],
    outdir: bundle,
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
}

/** A page that is wrong fails the build; without its dependencies it is left out. */
async function makePage() {
  const missing = ['esbuild', 'preact', 'markdown-it'].filter(
    (name) => !existsSync(join(root, 'node_modules', name)),
  );
  if (missing.length === 0) await buildPage(root);
  else
    console.error(
      `build: no ${missing.join(', ')} in node_modules, so the page of "crosstalkd web" is left out (npm ci brings it)`,
    );
}

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
