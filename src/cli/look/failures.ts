/**
 * Messages without an answer and runs that failed, until somebody asks again, answers or dismisses
 * them: read from the trailers of the commits. What was found and how far it reaches is kept in the
 * state directory, so that only what is new is read.
 */
import { join } from 'node:path';
import { type Oid, parseOid } from '../../base/ids.ts';
import { readCheckpoint, writeCheckpoint } from '../../local/checkpoint.ts';
import { channelFolder, runFiles } from '../../protocol/paths.ts';
import { withTrailers } from '../../protocol/trailers.ts';
import { isMapping } from '../../protocol/yaml.ts';
import type { TransportSession } from '../session/transport-session.ts';
import { dropAnswered } from './open-questions.ts';
import { walkCommits } from './walk-commits.ts';

/** One that failed for good. */
export interface Failure {
  /** Of the message, as in the trailer: what `retry` takes. */
  readonly id: string;
  readonly channel: string;
  /** Whose answer is missing; `workflow` for a run. */
  readonly model: string;
  /**
   * The run that failed, or that the message is a task of; null = neither, or a run that never
   * began.
   */
  readonly run: string | null;
  /** The class of failure, or the status of the run. */
  readonly failed: string;
  /** What its commit says of it. */
  readonly detail: string;
  /** Nobody knows what the agent did before its host was lost. */
  readonly isUnknown: boolean;
  readonly atMs: number;
}

/** More than these are not kept: the oldest go first. */
const KEPT_MAX = 2_000;
/** With more questions of agents than these, the answered ones are looked for and forgotten. */
const ASKED_MAX = 200;
const FORM = 2;
const TRAILERS = [
  'Re',
  'Channel',
  'Run',
  'Failed',
  'Detail',
  'Outcome',
  'Retries',
  'To',
  'Asks',
] as const;

/** What the history leaves to people. */
export interface LeftToPeople {
  /**
   * Those that stand, newest first. A task's counts with its run, unless its outcome is unknown.
   */
  readonly failures: readonly Failure[];
  /** Paths of the questions that agents have asked of people, oldest first. */
  readonly asked: readonly string[];
}

/** The failures alone. */
export async function readFailures(session: TransportSession): Promise<readonly Failure[]> {
  return (await readLeft(session)).failures;
}

/** Failures that stand, and what agents ask. */
export async function readLeft(session: TransportSession): Promise<LeftToPeople> {
  const { tip } = session.mirror.index();
  if (tip === null) return { failures: [], asked: [] };
  const path = join(session.directory.path, 'failures');
  const kept = decodeKept(await readCheckpoint(path));
  const goesOn = kept !== null && (await session.repository.isAncestor(kept.tip, tip));
  const open = new Map(goesOn ? kept.open.map((one) => [keyOf(one), one]) : []);
  const asked = new Set(goesOn ? kept.asked : []);
  let questions: readonly string[] = [...asked];
  if (kept?.tip !== tip) {
    const from = goesOn ? kept.tip : null;
    const only = withTrailers(['Failed', 'Retries', 'Re', 'Asks']);
    await walkCommits(
      { session, from, to: tip, only, fields: ['%ae', '%at'], trailers: TRAILERS },
      (values) => {
        noteCommit(open, values);
        const question = values.at(-1) ?? '';
        if (question !== '') asked.add(question);
      },
    );
    const list = [...open.values()].slice(-KEPT_MAX);
    questions = [...asked];
    if (questions.length > ASKED_MAX) questions = await dropAnswered(session, questions);
    await writeCheckpoint(path, { form: FORM, tip, open: list, asked: questions });
  }
  const failures = await dropTasks(session, tip, [...open.values()].reverse());
  return { failures, asked: questions };
}

/** Takes one commit into account, oldest first. Pure but for the map. */
export function noteCommit(open: Map<string, Failure>, values: readonly string[]): void {
  const [email = '', at = '', id = '', channel = '', run = '', ...rest] = values;
  const [failed = '', detail = '', outcome = '', retries = '', to = ''] = rest;
  if (retries !== '')
    for (const [key, one] of open)
      if (one.id === retries && isAsked(one.model, to)) open.delete(key);
  const model = email === 'workflow@crosstalk' ? 'workflow' : modelOf(email);
  if (id === '' || model === null) return;
  const key = keyOf({ channel, id, model });
  open.delete(key);
  if (failed === '') return;
  open.set(key, {
    id,
    channel,
    model,
    run: run === '' ? null : run,
    failed,
    detail,
    isUnknown: outcome === 'unknown',
    atMs: Number(at) * 1_000,
  });
}

/** Whether a retry asks that model; one by an older program does not say whom, and asks all. */
function isAsked(model: string, to: string): boolean {
  return to === '' || to.split(' ').includes(model);
}

/** The model of a reply's author, `opus@laptop.crosstalk`; null for a person. */
function modelOf(email: string): string | null {
  const at = email.indexOf('@');
  return at > 0 && email.endsWith('.crosstalk') ? email.slice(0, at) : null;
}

async function dropTasks(
  session: TransportSession,
  tip: Oid,
  failures: readonly Failure[],
): Promise<readonly Failure[]> {
  const channels = [...new Set(failures.map(({ channel }) => channel))];
  const named = failures.flatMap(({ run }) => run ?? []);
  const [there, runs] = await Promise.all([
    standing(session, { tip, channels }, channelFolder),
    standing(session, { tip, channels: [...channels, ...named] }, (run) => runFiles(run).header),
  ]);
  return failures.flatMap((one) => {
    // An archived or deleted conversation is over.
    if (!there.has(one.channel)) return [];
    if (one.model === 'workflow')
      return [{ ...one, run: runs.has(one.run ?? '') ? one.run : null }];
    if (!runs.has(one.channel)) return [one];
    return one.isUnknown ? [{ ...one, run: one.channel }] : [];
  });
}

/** The channels of which something stands. */
async function standing(
  { repository }: TransportSession,
  { tip, channels }: { readonly tip: Oid; readonly channels: readonly string[] },
  pathOf: (channel: string) => string,
): Promise<ReadonlySet<string>> {
  const found = await repository.lookUp(tip, channels.map(pathOf));
  return new Set(channels.filter((_, at) => found[at] != null));
}

function keyOf({ channel, id, model }: Pick<Failure, 'channel' | 'id' | 'model'>): string {
  return `${channel} ${id} ${model}`;
}

function decodeKept(value: unknown): {
  readonly tip: Oid;
  readonly open: readonly Failure[];
  readonly asked: readonly string[];
} | null {
  if (!isMapping(value) || value['form'] !== FORM) return null;
  const { open, asked } = value;
  if (!Array.isArray(open) || !Array.isArray(asked)) return null;
  const tip = typeof value['tip'] === 'string' ? parseOid(value['tip']) : null;
  return tip === null
    ? null
    : { tip, open: open as readonly Failure[], asked: asked as readonly string[] };
}
