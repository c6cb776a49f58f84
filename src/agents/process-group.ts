/**
 * Finding and ending what an attempt left behind. A process group catches children that behave; the
 * marker in the environment (`CROSSTALK_RUN=<attempt id>`) catches those that moved to a session of
 * their own. The marker is read from /proc, so it helps on Linux only.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { SECOND, type Clock } from '../base/clock.ts';
import type { StartedProcess } from './agent.ts';

/** Name of the environment variable that every process of an attempt inherits. */
export const RUN_MARKER = 'CROSSTALK_RUN';

/**
 * How often marked processes are looked for again after a kill, and how long apart: a killed
 * process stays visible for a moment.
 */
const ROUNDS_MAX = 50;
const ROUND_MS = 10;
const ORPHAN_GRACE_MS = 2 * SECOND;

interface ProcessStat {
  readonly pgid: number;
  readonly startTicks: string;
}

/**
 * The kernel's start time of a process (clock ticks since boot), or null when it is gone or the
 * system does not tell.
 */
export function readStartTicks(pid: number): string | null {
  return readStat(String(pid))?.startTicks ?? null;
}

/** Ids of all processes that exist now; empty where there is no /proc. */
export function listProcesses(): ReadonlySet<string> {
  try {
    return new Set(readdirSync('/proc').filter((name) => /^\d+$/.test(name)));
  } catch {
    return new Set();
  }
}

/** A live process that carries the marker of an attempt. */
export interface MarkedProcess {
  readonly pid: number;
  readonly pgid: number;
}

/**
 * The live processes whose environment says `CROSSTALK_RUN=<marker>`, other than the ids in `known`
 * (which are not looked at).
 */
export function findMarked(marker: string, known?: ReadonlySet<string>): readonly MarkedProcess[] {
  const wanted = `\0${RUN_MARKER}=${marker}\0`;
  return [...listProcesses()].flatMap((pid) => {
    if (known?.has(pid) === true || !`\0${readProc(pid, 'environ') ?? ''}\0`.includes(wanted))
      return [];
    const stat = readStat(pid);
    return stat === null ? [] : [{ pid: Number(pid), pgid: stat.pgid }];
  });
}

/**
 * Signals a whole group; false when nothing of it is there or it may not be signalled. Ids up to 1
 * mean "everybody" to the kernel and are refused.
 */
export function signalGroup(pgid: number, signal: NodeJS.Signals | 0): boolean {
  return Number.isSafeInteger(pgid) && pgid > 1 && trySignal(-pgid, signal);
}

/**
 * True while a process of the group runs. One that has ended and was not collected by its parent
 * yet counts as gone, where that can be seen.
 */
export function isGroupAlive(pgid: number): boolean {
  if (!signalGroup(pgid, 0)) return false;
  const all = [...listProcesses()];
  return all.length === 0 || all.some((pid) => readStat(pid)?.pgid === pgid);
}

export interface MarkedKill {
  readonly marker: string;
  /** The group that is being ended anyway: its members are waited for, but not counted. */
  readonly pgid: number;
  /** Ids that were there before the attempt, when that is certain; saves reading them. */
  readonly known?: ReadonlySet<string>;
}

/**
 * Kills every marked process until none is left (or 0.5 s have passed), and gives the number of
 * those that had left the group.
 */
export async function killMarked(target: MarkedKill, clock: Clock): Promise<number> {
  const escaped = new Set<number>();
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    const found = findMarked(target.marker, target.known);
    if (found.length === 0) break;
    for (const { pid, pgid } of found) {
      if (pgid !== target.pgid) escaped.add(pid);
      trySignal(pid, 'SIGKILL');
    }
    await clock.sleep(ROUND_MS);
  }
  return escaped.size;
}

export interface Orphan extends StartedProcess {
  /** Attempt id of the run, if it is known. */
  readonly marker: string | null;
}

/**
 * Ends what an earlier dispatcher started and did not live to end: TERM, 2 s, KILL. The group is
 * only touched when its leader started at the recorded time or one of its members carries the
 * marker: a number alone may long belong to somebody else. Gives how many groups and processes were
 * ended; 0 when all were gone already.
 */
export async function killOrphan(orphan: Orphan, clock: Clock): Promise<number> {
  const marked = orphan.marker === null ? [] : findMarked(orphan.marker);
  const leaderIsOurs =
    orphan.startTicks !== null && readStartTicks(orphan.pgid) === orphan.startTicks;
  const groupIsOurs = leaderIsOurs || marked.some(({ pgid }) => pgid === orphan.pgid);
  if (groupIsOurs) await endGroup(orphan.pgid, clock);
  const escaped =
    orphan.marker === null
      ? 0
      : await killMarked({ marker: orphan.marker, pgid: orphan.pgid }, clock);
  return (groupIsOurs ? 1 : 0) + escaped;
}

async function endGroup(pgid: number, clock: Clock): Promise<void> {
  const deadline = clock.monotonicMs() + ORPHAN_GRACE_MS;
  signalGroup(pgid, 'SIGTERM');
  while (isGroupAlive(pgid) && clock.monotonicMs() < deadline) await clock.sleep(ROUND_MS);
  signalGroup(pgid, 'SIGKILL');
}

function trySignal(target: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(target, signal);
  } catch {
    return false;
  }
}

/** Everything after the last `)` is numbers; the name before it may hold spaces and brackets. */
function readStat(pid: string): ProcessStat | null {
  const text = readProc(pid, 'stat');
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state, pgid, startTicks] = [fields?.[0], fields?.[2], fields?.[19]];
  return pgid === undefined || startTicks === undefined || state === 'Z'
    ? null
    : { pgid: Number(pgid), startTicks };
}

function readProc(pid: string, file: 'stat' | 'environ'): string | null {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    return null;
  }
}
