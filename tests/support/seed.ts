/**
 * Transports as `init` leaves them, made once in a run of the tests and copied: most tests begin
 * with one, and it takes a third of a second of processor.
 */
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { transportId } from '../../src/local/state-directory.ts';

/**
 * Makes `place` by `make`, or by copying what `make` has made elsewhere under the same name: the
 * clone `team`, its remote `team.git`, `config`. State is left out: it belongs to a place.
 */
export async function copySeed(
  name: string,
  place: string,
  make: (place: string) => Promise<void>,
): Promise<void> {
  const seeds = process.env['CROSSTALK_TEST_SEEDS'];
  if (seeds === undefined) return make(place);
  const seed = join(seeds, name);
  if (!existsSync(seed)) await makeSeed(seed, make);
  const origin = readlinkSync(seed);
  for (const part of ['team', 'team.git', 'config'])
    cpSync(join(origin, part), join(place, part), { recursive: true, preserveTimestamps: true });
  const git = { cwd: join(place, 'team.git'), encoding: 'utf8' } as const;
  const rootCommit = execFileSync('git', ['rev-list', '--max-parents=0', 'HEAD'], git).trim();
  const idIn = (at: string): string => transportId({ remoteUrl: join(at, 'team.git'), rootCommit });
  for (const [file, words] of [
    ['team/.git/config', [origin, place]],
    ['config/approvals.json', [idIn(origin), idIn(place)]],
  ] as const)
    replaceIn(join(place, file), words);
}

/** Several processes may do it at once: the first that is ready is used. */
async function makeSeed(seed: string, make: (place: string) => Promise<void>): Promise<void> {
  const origin = mkdtempSync(`${seed}-`);
  await make(origin);
  try {
    symlinkSync(origin, seed);
  } catch {
    rmSync(origin, { recursive: true, force: true });
  }
}

function replaceIn(path: string, [old, fresh]: readonly [string, string]): void {
  if (existsSync(path)) writeFileSync(path, readFileSync(path, 'utf8').replaceAll(old, fresh));
}
