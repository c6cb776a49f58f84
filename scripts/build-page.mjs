// The page of `crosstalkd web` to dist/web/static: bundled once at package time, so that it needs
// nothing else when it runs.
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundledPackages, licencesOf } from './bundled-packages.mjs';

/**
 * Builds the page of the checkout at `root`; gives the packages in it. Throws when esbuild is not
 * installed or a file of the page is wrong.
 */
export async function buildPage(root) {
  const { build } = await import('esbuild');
  const [from, to] = [join(root, 'src/web/page'), join(root, 'dist/web/static')];
  rmSync(to, { recursive: true, force: true });
  mkdirSync(join(to, 'assets'), { recursive: true });
  const how = {
    absWorkingDir: root,
    outdir: join(to, 'assets'),
    bundle: true,
    target: ['es2022', 'chrome123', 'firefox120', 'safari17.5'],
    minify: true,
    legalComments: 'none',
    metafile: true,
    logLevel: 'warning',
    tsconfig: join(from, 'tsconfig.json'),
  };
  const { metafile } = await build({
    ...how,
    entryPoints: { page: join(from, 'main.tsx') },
    format: 'esm',
  });
  // Runs before anything is drawn, so it is not a module.
  await build({ ...how, entryPoints: { theme: join(from, 'theme.ts') }, format: 'iife' });
  cpSync(join(from, 'index.html'), join(to, 'index.html'));
  for (const name of ['icon.svg', 'icon-192.png', 'icon-512.png', 'manifest.webmanifest'])
    cpSync(join(from, name), join(to, 'assets', name));
  const packages = bundledPackages(root, Object.keys(metafile.inputs));
  writeFileSync(join(to, 'assets/licenses.txt'), licencesOf(packages));
  return packages;
}
