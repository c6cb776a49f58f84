// Several hosts push the same claims at the same moment: each key must have exactly one winner.
import { join } from 'node:path';
import { systemClock } from '../../../build/base/clock.js';
import { systemRandom } from '../../../build/base/random.js';
import { openGitRepository } from '../../../build/transport/git-repository.js';
import { copyRemote } from '../repository.mjs';

const HOSTS = 8;
const KEYS = 20;

export async function measureRace({ place, base }) {
  const url = copyRemote(base, join(place, 'race.git'));
  const hosts = await Promise.all(
    Array.from({ length: HOSTS }, (_, n) => openRacer(place, url, n)),
  );
  const winners = new Map();
  const startedMs = performance.now();
  await Promise.all(
    hosts.map(async ({ repository, record }, n) => {
      for (let key = 0; key < KEYS; key += 1) {
        const ref = `refs/crosstalk/claims/${String(key).padStart(32, '0')}`;
        const pushed = await repository.push([{ ref, expected: null, next: record }], {
          atomic: false,
        });
        if (pushed.kind === 'answered' && pushed.refs.get(ref)?.kind === 'landed')
          winners.set(key, [...(winners.get(key) ?? []), n]);
      }
    }),
  );
  const seconds = (performance.now() - startedMs) / 1000;
  await Promise.all(hosts.map(({ repository }) => repository.close()));
  const single = [...winners.values()].filter((won) => won.length === 1).length;
  return [
    {
      row: `claim race, ${HOSTS} hosts: keys with one winner`,
      unit: '',
      floor: KEYS,
      ours: single,
      target: `${KEYS}`,
      ok: single === KEYS,
    },
    {
      row: `claim race, ${HOSTS} hosts: pushes`,
      unit: '/s',
      ours: (HOSTS * KEYS) / seconds,
      target: '',
      ok: true,
    },
  ];
}

async function openRacer(place, url, n) {
  const options = {
    url,
    branch: 'main',
    env: process.env,
    clock: systemClock,
    random: systemRandom,
  };
  const repository = await openGitRepository({
    ...options,
    cacheDir: join(place, `race-${n}.git`),
  });
  return { repository, record: await repository.writeRecord(JSON.stringify({ host: n })) };
}
