// What is shipped: the program as one file for each command and one for what they share, and the
// page of `crosstalkd web`. Types are checked by `npm run check`.
import { spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { buildPage } from './build-page.mjs';
import { billOfMaterials, bundledPackages, licencesOf } from './bundled-packages.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const program = join(root, 'dist', 'cli');
// Files of sources that are gone do not stay behind.
rmSync(process.argv.includes('--clean') ? join(root, 'dist') : program, {
  recursive: true,
  force: true,
});
const ofPage = await buildPage(root);
// Nothing is made shorter, so that stack traces and the package stay readable.
const { metafile } = await build({
  metafile: true,
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
tellWhatIsInside(bundledPackages(root, Object.keys(metafile.inputs)));

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

function tellWhatIsInside(ofProgram) {
  const packages = [...ofProgram, ...ofPage].filter(
    (each, index, all) => all.findIndex((one) => one.name === each.name) === index,
  );
  const bill = JSON.stringify(billOfMaterials(root, packages), null, 2);
  writeFileSync(join(root, 'dist', 'licences.txt'), licencesOf(packages));
  writeFileSync(join(root, 'dist', 'sbom.cdx.json'), `${bill}\n`);
}
