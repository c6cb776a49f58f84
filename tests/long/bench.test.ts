/**
 * The bench is a command that people use: every group of its rows can be measured. What it measures
 * is not judged here.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

interface Row {
  readonly row: string;
  readonly target: string;
}

test(
  'each group of rows is measured, and told as a table and as JSON',
  { timeout: 240_000 },
  () => {
    const place = mkdtempSync(join(tmpdir(), 'crosstalk-bench-test-'));
    try {
      const json = join(place, 'rows.json');
      // What `npm run bench` does, without its look at what is installed: others run beside it.
      spawnSync('npx', ['--no-install', 'tsc', '-p', 'tsconfig.build.json'], { cwd: ROOT });
      const { stdout, stderr } = spawnSync(
        process.execPath,
        ['scripts/bench/main.mjs', '--quick', '--sizes', '100', '--json', json],
        { cwd: ROOT, encoding: 'utf8' },
      );
      const { results } = JSON.parse(readFileSync(json, 'utf8')) as {
        readonly results: readonly Row[];
      };
      expect(
        results.filter(({ row }) => row.endsWith('not measured')),
        stderr,
      ).toEqual([]);
      for (const { row } of results) expect(stdout).toContain(row);
    } finally {
      rmSync(place, { recursive: true, force: true });
    }
  },
);
