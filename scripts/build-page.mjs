// The page of `crosstalkd web` to dist/web/static: bundled once at package time, so that it needs
// nothing else when it runs.
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Builds the page of the checkout at `root`. Throws when esbuild is not installed or a file of the
 * page is wrong.
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
  // Runs before anything is drawn, so it is no module.
  await build({ ...how, entryPoints: { theme: join(from, 'theme.ts') }, format: 'iife' });
  cpSync(join(from, 'index.html'), join(to, 'index.html'));
  for (const name of ['icon.svg', 'icon-192.png', 'icon-512.png', 'manifest.webmanifest'])
    cpSync(join(from, name), join(to, 'assets', name));
  writeFileSync(join(to, 'assets/licenses.txt'), licensesOf(root, Object.keys(metafile.inputs)));
}

/** The licences of what is bundled: they ask to come along. */
function licensesOf(root, inputs) {
  const packages = [
    ...new Set(
      inputs.flatMap((path) => /^node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1] ?? []),
    ),
  ].sort();
  return packages
    .map((name) => {
      const folder = join(root, 'node_modules', name);
      const { version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
      const file = ['LICENSE', 'LICENSE.md', 'LICENSE.txt', 'LICENSE-MIT.txt', 'license']
        .map((each) => join(folder, each))
        .find(existsSync);
      return `${name} ${version} (${license})\n\n${file === undefined ? '' : readFileSync(file, 'utf8').trim()}\n`;
    })
    .join('\n----\n\n');
}
