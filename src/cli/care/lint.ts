/**
 * `crosstalkd lint [file…]`: what a dispatcher would say of these files, before they are sent.
 * Works anywhere; inside a clone it knows the names too, and finds what the clone does not have in
 * the transport.
 */
import { snakeKeys } from '../../base/snake-keys.ts';
import { readFile, stat } from 'node:fs/promises';
import { join, resolve, sep } from 'node:path';
import { CrosstalkError } from '../../base/errors.ts';
import { MESSAGE_BYTES_MAX } from '../../protocol/front-matter.ts';
import { DATA, MODELS_FILE } from '../../protocol/paths.ts';
import { oneLine } from '../../base/plain-text.ts';
import type { RejectedFile } from '../../protocol/open-work.ts';
import type { Invocation } from '../command.ts';
import { type Io, paint } from '../io.ts';
import { pointAt } from '../point-at.ts';
import { startDirectory, printJson, tipOf, wantsJson } from '../look/reading.ts';
import { differing, differingSettings, sayDiffering } from '../look/differing.ts';
import { SETTINGS } from '../look/broken-settings.ts';
import { findStrays, findUnsentStrays } from '../look/misplaced.ts';
import { findUnsent } from '../look/unsent.ts';
import { openSession, type TransportSession } from '../session/transport-session.ts';
import { lintBytes, type Linted, textOf } from './lint-file.ts';

/** The transport around; `note`: why there is none. */
interface Known {
  readonly session: TransportSession | null;
  readonly note: string | null;
}

/** Checks files and gives 2 when one of them would be rejected. */
export async function lintFiles(invocation: Invocation): Promise<number> {
  const known = await openKnown(invocation);
  try {
    const linted: Linted[] = invocation.args.length === 0 ? [...(await lintAll(known))] : [];
    for (const asked of invocation.args)
      linted.push(...(await lintAsked(invocation, asked, known)));
    const others = known.session === null ? [] : await differingSettings(known.session);
    const names = others.filter((path) => !linted.some(({ file }) => file.endsWith(path)));
    report(invocation, linted, known.note ?? sayDiffering(names));
    return linted.some(({ problems }) => problems.length > 0) ? 2 : 0;
  } finally {
    await known.session?.close();
  }
}

/** The transport around, if there is one and it answers: syntax is checked without it. */
async function openKnown(invocation: Invocation): Promise<Known> {
  try {
    return { session: await openSession(invocation), note: null };
  } catch (error) {
    if (!(error instanceof CrosstalkError)) throw error;
    const isOutside = error.code === 'NOT_A_TRANSPORT';
    return {
      session: null,
      note: `names were not checked: ${isOutside ? 'not inside a clone (use -C <dir>)' : error.message}`,
    };
  }
}

/** A file; for a folder, what is wrong below it. */
async function lintAsked(
  invocation: Invocation,
  asked: string,
  { session }: Known,
): Promise<readonly Linted[]> {
  const full = resolve(startDirectory(invocation), asked);
  const below = pathBelow(session, full) ?? (asked.startsWith(`${DATA}/`) ? asked : null);
  const there = await stat(full).catch(() => null);
  if (there?.isFile() === true) {
    const path = pathBelow(session, full);
    const given = { file: asked, path, bytes: await readFile(full) };
    return [await noteWhetherPushed(session, path, await lintBytes(session, given))];
  }
  const path = below?.replace(/(?<!\/)\/+$/, '') ?? null;
  const [entry] =
    session === null || path === null || path === ''
      ? []
      : await session.repository.lookUp(tipOf(session), [path]);
  if (session === null || path === null || (there === null && entry == null))
    throw new CrosstalkError('USAGE', `lint: there is no file "${asked}"`);
  const isFolder = there?.isDirectory() === true || entry?.kind === 'tree';
  return isFolder
    ? lintFolder(session, path)
    : [await lintSent(session, path, await findStrays(session))];
}

/** The whole transport. */
function lintAll({ session, note }: Known): Promise<readonly Linted[]> {
  if (session === null)
    throw new CrosstalkError('USAGE', `lint: a file to check is missing; ${note ?? ''}`, {
      fix: 'crosstalkd lint FILE',
    });
  return lintFolder(session, '');
}

async function noteWhetherPushed(
  session: TransportSession | null,
  path: string | null,
  linted: Linted,
): Promise<Linted> {
  if (session === null || path === null) return linted;
  return { ...linted, isPushed: (await differing(session, [path])).length === 0 };
}

/** What is not a message in the transport, and what the clone has that was never sent. */
async function lintFolder(session: TransportSession, path: string): Promise<readonly Linted[]> {
  const isBelow = (one: string): boolean => path === '' || one.startsWith(`${path}/`);
  const unsent = await findUnsent(session);
  const clone = session.located.clone ?? '';
  const unsentFiles = [...(unsent?.files ?? []), ...(await findUnsentStrays(session))];
  const own = await Promise.all(
    unsentFiles.filter(isBelow).map(async (file) => ({
      file,
      path: file,
      bytes: await readFile(join(clone, file)),
    })),
  );
  const strays = await findStrays(session);
  const sent = [...strays.keys(), ...session.mirror.index().forged.keys()].filter(
    (one) => isBelow(one) && !own.some(({ file }) => file === one),
  );
  const linted: Linted[] = [];
  for (const file of sent) linted.push(await lintSent(session, file, strays));
  for (const one of own) linted.push({ ...(await lintBytes(session, one)), isPushed: false });
  for (const one of [MODELS_FILE, ...SETTINGS.keys()].filter(isBelow)) {
    const [entry] = await session.repository.lookUp(tipOf(session), [one]);
    const seen = entry?.kind === 'file' ? await lintSent(session, one, strays) : null;
    if (seen !== null && seen.problems.length > 0) linted.push(seen);
  }
  const name = path === '' ? 'the transport' : `${path}/`;
  return linted.length > 0 ? linted : [{ file: name, problems: [], warnings: [] }];
}

/** A file that the clone does not have, as it stands in the transport. */
async function lintSent(
  session: TransportSession,
  path: string,
  strays: ReadonlyMap<string, RejectedFile>,
): Promise<Linted> {
  const [entry] = await session.repository.lookUp(tipOf(session), [path]);
  const [blob] =
    entry?.kind === 'file'
      ? await session.repository.readBlobs([entry.oid], MESSAGE_BYTES_MAX)
      : [];
  const rejected = strays.get(path);
  if (rejected !== undefined) {
    const { line, column, found, expected } = rejected;
    const place = column === undefined ? { line } : { line, column };
    const text = blob?.kind === 'bytes' ? { text: textOf(blob.bytes) } : {};
    return { file: path, ...text, problems: [{ ...place, found, expected }], warnings: [] };
  }
  if (blob?.kind !== 'bytes')
    return {
      file: path,
      problems: [{ line: 1, found: 'no regular file', expected: 'a message' }],
      warnings: [],
    };
  return lintBytes(session, { file: path, path, bytes: blob.bytes });
}

/** Where the file stands in the transport's clone, or null when it lies elsewhere. */
function pathBelow(session: TransportSession | null, full: string): string | null {
  const clone = session?.located.clone ?? null;
  if (clone === null) return null;
  if (full === clone) return '';
  return full.startsWith(clone + sep)
    ? full
        .slice(clone.length + 1)
        .split(sep)
        .join('/')
    : null;
}

function report(invocation: Invocation, linted: readonly Linted[], note: string | null): void {
  const isGood = linted.every(({ problems }) => problems.length === 0);
  if (wantsJson(invocation)) {
    printJson(invocation, {
      ok: isGood,
      health: isGood && linted.every(({ warnings }) => warnings.length === 0) ? 'good' : 'degraded',
      files: linted.map(({ file, problems, warnings, isPushed = null }) => ({
        file,
        ok: problems.length === 0,
        pushed: isPushed,
        problems: snakeKeys(problems),
        warnings,
      })),
      note,
    });
    return;
  }
  for (const one of linted)
    for (const line of formatLinted(invocation.io, one)) invocation.io.print(line);
  if (note !== null) invocation.io.warn(oneLine(note, 400));
}

function formatLinted(io: Io, linted: Linted): readonly string[] {
  const { file, text, problems, warnings, isPushed } = linted;
  const name = oneLine(file, 300);
  const unpushed = isPushed === false ? '; not pushed as it is here' : '';
  if (problems.length === 0 && warnings.length === 0)
    return [`${name}: ${paint(io, 'green', 'good')}${unpushed}`];
  return [
    ...problems.flatMap(({ line, column, found, expected }) => [
      `${name}:${column === undefined ? line : `${line}:${column}`}: ${paint(io, 'red', 'rejected')}: found ${oneLine(found, 300)}; expected ${oneLine(expected, 300)}`,
      ...(text === undefined ? [] : pointAt(io, { text, line, column })),
    ]),
    ...(isPushed === false ? [`${name}: not pushed as it is here`] : []),
    ...warnings.map(
      (warning) => `${name}: ${paint(io, 'yellow', 'warning')}: ${oneLine(warning, 300)}`,
    ),
  ];
}
