/**
 * Which process of which boot of which machine something was written by, and the proof that it is
 * gone.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFile, readlink } from 'node:fs/promises';
import { promisify } from 'node:util';
import { isErrno } from './durable-file.ts';

/**
 * A process, distinguished from a later one with the same pid. Null where the system does not say.
 */
export interface ProcessIdentity {
  readonly pid: number;
  /** One start of the machine. */
  readonly boot: string;
  /** Start of the process in ticks since boot (Linux) or as `ps` writes it. */
  readonly start: string | null;
  /** The machine: a home directory may be shared by several. */
  readonly machine: string | null;
  /** The pid namespace: in another container the same pid is another process. */
  readonly pidSpace: string | null;
}

/** Who we are. */
export async function ownIdentity(): Promise<ProcessIdentity> {
  const [boot, own, machine, pidSpace] = await Promise.all([
    readBootId(),
    readProcess(process.pid),
    readMachineId(),
    readPidSpace(),
  ]);
  return { pid: process.pid, boot, start: own?.start ?? null, machine, pidSpace };
}

/**
 * True only with proof: another boot of this machine, no such pid, a zombie, or a pid that was
 * given to another process. Age proves nothing.
 */
export async function isProvablyGone(other: ProcessIdentity): Promise<boolean> {
  const own = await ownIdentity();
  if (differ(own.machine, other.machine)) return false;
  if (own.boot !== other.boot) return true;
  if (differ(own.pidSpace, other.pidSpace)) return false;
  if (!pidExists(other.pid)) return true;
  const found = await readProcess(other.pid);
  return found !== null && (found.ended || differ(found.start, other.start));
}

function differ(a: string | null, b: string | null): boolean {
  return a !== null && b !== null && a !== b;
}

function pidExists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return !isErrno(error, 'ESRCH');
  }
}

/**
 * The id of this boot: Linux has a file, macOS two sysctls; elsewhere a constant, so that only pids
 * tell processes apart.
 */
export async function readBootId(): Promise<string> {
  return (
    (await readOrNull('/proc/sys/kernel/random/boot_id')) ??
    (await askSystem('sysctl', ['-n', 'kern.bootsessionuuid'])) ??
    (await askSystem('sysctl', ['-n', 'kern.boottime'])) ??
    'unknown'
  );
}

/**
 * The start of a process as text that a later process with its pid does not have; null when it
 * cannot be told.
 */
export async function readProcessStart(pid: number): Promise<string | null> {
  return (await readProcess(pid))?.start ?? null;
}

async function readProcess(
  pid: number,
): Promise<{ readonly start: string; readonly ended: boolean } | null> {
  const line = await readOrNull(`/proc/${pid}/stat`);
  if (line !== null) return parseProcStat(line);
  const start = await askSystem('ps', ['-o', 'lstart=', '-p', String(pid)]);
  return start === null ? null : { start, ended: false };
}

/**
 * Field 22 (start) and field 3 (state) of /proc/<pid>/stat; the second field may hold spaces and
 * its own brackets.
 */
export function parseProcStat(
  line: string,
): { readonly start: string; readonly ended: boolean } | null {
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
  const [state, start] = [fields[0], fields[19]];
  return state === undefined || start === undefined
    ? null
    : { start, ended: state === 'Z' || state === 'X' };
}

/**
 * True when our terminal belongs to other processes now, as after `&`: anyone who reads keys there
 * is stopped by the system. False where that is unknown.
 */
export async function isInBackground(): Promise<boolean> {
  const line = await readOrNull('/proc/self/stat');
  const [group, foreground] =
    line === null
      ? ((await askSystem('ps', ['-o', 'pgid=,tpgid=', '-p', String(process.pid)]))?.split(/\s+/) ??
        [])
      : line
          .slice(line.lastIndexOf(')') + 2)
          .split(' ')
          .filter((_, index) => index === 2 || index === 5);
  return Number(foreground) > 0 && group !== foreground;
}

/** Hashed, because the id itself is meant to stay on its machine. */
async function readMachineId(): Promise<string | null> {
  const id = await readOrNull('/etc/machine-id');
  return id === null
    ? null
    : createHash('sha256').update(`crosstalk machine ${id}`).digest('hex').slice(0, 12);
}

async function readPidSpace(): Promise<string | null> {
  return readlink('/proc/self/ns/pid').catch(() => null);
}

async function readOrNull(path: string): Promise<string | null> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return text.trim() === '' ? null : text.trim();
}

const ASK_TIMEOUT_MS = 5_000;

/** What a program of the system says, trimmed; null when it cannot be asked. */
export async function askSystem(program: string, args: readonly string[]): Promise<string | null> {
  // The same locale and zone always, or the same moment would be written in two ways.
  const env = { PATH: '/usr/sbin:/sbin:/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };
  const answer = await promisify(execFile)(program, [...args], {
    env,
    timeout: ASK_TIMEOUT_MS,
  }).catch(() => null);
  return answer === null || answer.stdout.trim() === '' ? null : answer.stdout.trim();
}
