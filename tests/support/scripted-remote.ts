/**
 * A remote that says what a forge says: over a path by hooks, over http by statuses and bodies,
 * over ssh by a program in the place of ssh. What is not scripted goes to real git.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { GitFixture } from './git-fixture.ts';

/** What the program in the place of ssh does before, or instead of, what it is asked for. */
export interface SshScript {
  readonly says: readonly string[];
  /** Written to standard output, as `ERR` packets and banners are. */
  readonly answers?: string;
  /** Null = it continues to the repository. */
  readonly exit: number | null;
  /** Reading continues to the repository all the same. */
  readonly pushesOnly?: boolean;
}

/** An ssh command for GIT_SSH_COMMAND whose host is this machine. */
export function writeSsh(fixture: Pick<GitFixture, 'root'>, script: SshScript): string {
  const path = join(fixture.root, 'ssh');
  const said = script.says.map((line) => `printf '%s\\n' ${quote(line)} >&2`);
  const answered = script.answers === undefined ? [] : [`printf '%s' ${quote(script.answers)}`];
  const body = [...said, ...answered, ...(script.exit === null ? [] : [`exit ${script.exit}`])];
  const guarded =
    script.pushesOnly === true ? ['case "$last" in *receive-pack*)', ...body, ';; esac'] : body;
  writeFileSync(
    path,
    ['#!/bin/sh', 'for last; do :; done', ...guarded, 'exec sh -c "$last"', ''].join('\n'),
    { mode: 0o755 },
  );
  return path;
}

/** Puts a hook into the remote that says something and ends with a status. */
export function writeHook(
  { remoteDir }: Pick<GitFixture, 'remoteDir'>,
  name: 'pre-receive' | 'update' | 'post-receive',
  hook: { readonly says: readonly string[]; readonly exit: number },
): void {
  const lines = hook.says.map((line) => `printf '%s\\n' ${quote(line)}`);
  writeFileSync(
    join(remoteDir, 'hooks', name),
    ['#!/bin/sh', ...lines, `exit ${hook.exit}`, ''].join('\n'),
    { mode: 0o755 },
  );
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
