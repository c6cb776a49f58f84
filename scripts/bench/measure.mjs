// Numbers that mean something on a shared machine: medians, and two things measured alternately so
// that both meet the same noise.
import { ChildProcess } from 'node:child_process';

let quick = false;

/** From here on everything is measured once. */
export function beQuick() {
  quick = true;
}

/** How often something is measured. */
export function times(count) {
  return quick ? 1 : count;
}

/** How many things to measure with; a few when it must be quick. */
export function few(count) {
  return quick ? Math.min(count, 20) : count;
}

export function median(values) {
  return quantile(values, 0.5);
}

export function quantile(values, at) {
  if (values.length === 0) return Number.NaN;
  const sorted = [...values].sort((a, b) => a - b);
  const place = (sorted.length - 1) * at;
  const low = Math.floor(place);
  return sorted[low] + (sorted[Math.ceil(place)] - sorted[low]) * (place - low);
}

/** Milliseconds that `act` takes, and what it gave. */
export async function timed(act) {
  const startedMs = performance.now();
  const value = await act();
  return { ms: performance.now() - startedMs, value };
}

/**
 * Floor and ours by turns, `rounds` times, who begins alternating. Each side may give a number (its
 * own reading) instead of being timed from outside. `ratio` is the median of the pairs' ratios:
 * what slowed both sides of a pair cancels out.
 */
export async function alternate(rounds, { floor, ours, warmUp = 1 }) {
  const readings = { floor: [], ours: [] };
  const read = async (act) => {
    const { ms, value } = await timed(act);
    return typeof value === 'number' ? value : ms;
  };
  for (let round = -warmUp; round < times(rounds); round += 1) {
    const pair = {};
    for (const side of round % 2 === 0 ? ['floor', 'ours'] : ['ours', 'floor'])
      pair[side] = await read(side === 'floor' ? floor : ours);
    if (round < 0) continue;
    readings.floor.push(pair.floor);
    readings.ours.push(pair.ours);
  }
  const ratios = readings.ours.map((ms, at) => ms / readings.floor[at]);
  return { floor: median(readings.floor), ours: median(readings.ours), ratio: median(ratios) };
}

const spawns = { count: 0, bytes: 0 };
const original = ChildProcess.prototype.spawn;
ChildProcess.prototype.spawn = function spawnCounted(options) {
  spawns.count += 1;
  this.once('close', () => {
    spawns.bytes += (this.stdout?.bytesRead ?? 0) + (this.stderr?.bytesRead ?? 0);
  });
  return original.call(this, options);
};

/** Processes that this one started meanwhile, and the bytes they told it. */
export async function countSpawns(act) {
  const before = { ...spawns };
  await act();
  return { processes: spawns.count - before.count, bytes: spawns.bytes - before.bytes };
}
