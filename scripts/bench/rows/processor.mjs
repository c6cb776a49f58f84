// Rows of processor time: what one reply costs the host that answers, and each host that only sees
// it land, with the gits that they start. Replies come one at a time, so that each has a push.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { median, times } from '../measure.mjs';
import { ask } from '../person.mjs';
import { copyRemote } from '../repository.mjs';
import { startHost } from './hosts.mjs';

const ROUNDS = 3;
const REPLIES = 30;
const OTHER = 'models:\n  other: { adapter: command, command: [cat], effects: none }\n';

export async function measureProcessorTime({ place, base }) {
  const costs = [];
  for (let round = 0; round < times(ROUNDS); round += 1)
    costs.push(await measureOnce({ place: join(place, `processor-${round}`), base }));
  const [answering, seeing] = ['answering', 'seeing'].map((host) =>
    median(costs.map(({ [host]: { own, git } }) => own + git)),
  );
  const row = (name, ours) => ({
    row: `processor time of a reply, ${name}`,
    unit: 'ms',
    ours,
    target: '',
    ok: true,
    detail: costs,
  });
  return [
    row('the host that answers', answering),
    {
      ...row('a host that sees it land', seeing),
      ratio: seeing / answering,
      target: '≤ 0.4 × the one that answers',
      ok: seeing <= 0.4 * answering,
    },
  ];
}

async function measureOnce({ place, base }) {
  mkdirSync(place, { recursive: true });
  const url = copyRemote(base, join(place, 'remote.git'));
  const settings = { CROSSTALK_INTERVAL: '500ms' };
  // A host that serves something else.
  mkdirSync(join(place, 'seeing', 'config'), { recursive: true, mode: 0o700 });
  writeFileSync(join(place, 'seeing', 'config', 'models.yaml'), OTHER, { mode: 0o600 });
  const hosts = ['answering', 'seeing'].map((alias) => startHost({ place, alias, url, settings }));
  await Promise.all(hosts.map((host) => host.until('models.loaded')));
  for (let n = 1; n <= REPLIES; n += 1) {
    ask(url);
    while (hosts[0].count('reply.published') < n)
      await new Promise((resolve) => setTimeout(resolve, 20));
  }
  for (const { child } of hosts) child.kill('SIGTERM');
  await Promise.all(hosts.map(({ ended }) => ended));
  const [answering, seeing] = hosts.map(({ facts }) => costOf(facts));
  return { answering, seeing };
}

function costOf(facts) {
  const at = (event) => facts.find((fact) => fact.event === event);
  const [first, last] = [at('models.loaded'), at('end')];
  return {
    own: (last.cpuMs - first.cpuMs) / REPLIES,
    git: (last.gitCpuMs - first.gitCpuMs) / REPLIES,
  };
}
