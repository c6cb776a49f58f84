// The simulation of many hosts (tests/simulation/scale.ts), bundled so that node can load it.
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** What a forge takes: pushes in a minute, reads in a second, and for how long it locks out. */
export const HOSTED_LIMIT = { pushesPerMinute: 6, readsPerSecond: 8, lockMs: 900_000 };

/** Calls `act` with `runScale`. */
export async function withScale(act) {
  const { build } = await import('esbuild').catch(() => {
    throw new Error('the simulation needs the development dependencies: npm ci');
  });
  const root = fileURLToPath(new URL('..', import.meta.url));
  const place = mkdtempSync(join(root, 'node_modules', '.scale-'));
  try {
    const outfile = join(place, 'scale.mjs');
    await build({
      absWorkingDir: root,
      entryPoints: [join(root, 'tests', 'simulation', 'scale.ts')],
      outfile,
      bundle: true,
      format: 'esm',
      platform: 'node',
      packages: 'external',
      logLevel: 'error',
    });
    const { runScale } = await import(pathToFileURL(outfile).href);
    return await act(runScale);
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}
