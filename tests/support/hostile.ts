/** What tests of hostile input look for: nothing executed, nothing on the terminal but text. */
import { existsSync, readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { type Fleet, type Host, type HostEvent, untilTrue } from './fleet.ts';

const UNSAFE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;

/** Fails when a text would do more on a terminal than be read. */
export function expectPlain(text: string, what: string): void {
  const at = text.search(UNSAFE);
  expect(
    at < 0 ? '' : `${what}: ${JSON.stringify(text.slice(Math.max(0, at - 40), at + 40))}`,
  ).toBe('');
}

/** Runs a command in the fleet's clone with the state of `host`; its output must be plain. */
export async function ask(
  fleet: Fleet,
  host: string,
  args: readonly string[],
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const [name = '', ...rest] = args;
  const ended = await fleet.run([
    name,
    '-C',
    fleet.clone,
    '--state',
    `${fleet.place}/state-${host}`,
    ...rest,
  ]);
  expectPlain(ended.stdout, `stdout of ${args.join(' ')}`);
  expectPlain(ended.stderr, `stderr of ${args.join(' ')}`);
  expect(ended.stderr, args.join(' ')).not.toMatch(/INTERNAL|TypeError|RangeError|\bat \S+ \(/);
  return ended;
}

/** The one object that a command prints with --json. */
export async function askJson(
  fleet: Fleet,
  host: string,
  args: readonly string[],
): Promise<Readonly<Record<string, unknown>>> {
  return JSON.parse((await ask(fleet, host, [...args, '--json'])).stdout) as Readonly<
    Record<string, unknown>
  >;
}

/** The most memory that a process ever had, in MiB; 0 where that cannot be told. */
export function peakMiB(pid: number): number {
  const path = `/proc/${pid}/status`;
  const line = existsSync(path)
    ? /VmHWM:\s+(\d+) kB/.exec(readFileSync(path, 'utf8'))?.[1]
    : undefined;
  return Number(line ?? 0) / 1024;
}

/** Events of a host whose names begin so. */
export function eventsOf(host: Host, ...names: readonly string[]): readonly HostEvent[] {
  return host.events.filter(({ event }) => names.some((name) => event.startsWith(name)));
}

/**
 * Sends a message to `echo` and waits for the answer, so that the host has looked and worked at
 * least once more.
 */
export async function oneMoreAnswer(
  host: Host,
  plant: (files: Readonly<Record<string, string>>) => unknown,
): Promise<void> {
  counter += 1;
  const path = `data/channels/neighbour/n${counter}.md`;
  plant({ [path]: `---\nto: echo\n---\nneighbour ${counter}\n` });
  await untilHost(host, () =>
    eventsOf(host, 'reply.published').some(
      ({ message, failed }) => message === path && failed === false,
    ),
  );
}

const ROUTINE = /^(attempt\.(started|ended)|message\.(claimed|rejected)|reply\.published)$/;

/** Waits until it holds, or fails telling what else the host said. */
export async function untilHost(host: Host, holds: () => boolean, limitMs = 30_000): Promise<void> {
  try {
    await untilTrue(holds, limitMs);
  } catch (error) {
    const told = host.events.filter(({ event }) => !ROUTINE.test(event)).slice(-12);
    throw new Error(
      `${host.alias} said: ${told.map((event) => JSON.stringify(event).slice(0, 300)).join('\n')}`,
      { cause: error },
    );
  }
}

let counter = 0;
