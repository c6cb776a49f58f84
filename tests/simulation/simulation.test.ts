import { expect, it } from 'vitest';
import { FAULTS, planOf, type Fault } from './plan.ts';
import { runSeed } from './run-seed.ts';

it('runs', async () => {
  const t = performance.now();
  const [a, b] = (process.env['RANGE'] ?? '1-60').split('-').map(Number);
  const only = process.env['FAULTS'] === undefined ? FAULTS : (process.env['FAULTS'].split(',') as Fault[]);
  const kinds = new Map<string, string[]>();
  const cov = new Map<string, number>();
  let slow = '';
  for (let s = a!; s <= b!; s++) {
    const t0 = performance.now();
    const r = await runSeed(planOf(s, { faults: only }), process.env['TRACE'] ? { onTrace: (l) => process.stdout.write(l + '\n') } : {});
    const dt = performance.now() - t0;
    if (dt > 1500) slow += ` ${s}:${dt.toFixed(0)}`;
    for (const [k, n] of r.coverage) cov.set(k, (cov.get(k) ?? 0) + n);
    const first = r.problems[0];
    if (first) {
      const key = first.replace(/M\d+[\w.-]*|r\d+|h\d+\w*|data\/\S+|[0-9a-f]{8,}|\d+/g, '#').slice(0, 100);
      kinds.set(key, [...(kinds.get(key) ?? []), `${s}: ${first.slice(0, 600)}`]);
    }
    if (a === b) for (const p of r.problems) process.stdout.write('PROBLEM ' + p + '\n');
  }
  for (const [, list] of [...kinds].sort((x, y) => y[1].length - x[1].length)) process.stdout.write(`${list.length}x [${list.map((l) => l.split(':')[0]).slice(0, 12).join()}]  ${list[0]}\n`);
  process.stdout.write(`real ${(performance.now() - t).toFixed(0)} slow${slow}\n`);
  if (process.env['COV']) process.stdout.write([...cov].sort().map(([k, n]) => `  ${n} ${k}`).join('\n') + '\n');
  expect(1).toBe(1);
}, 1e9);
