/**
 * A run that an older program of protocol 7 began: its plan in today's form, and the answers that
 * were paid for by the places of the tasks that would ask for them again. PROTOCOL.md "Older
 * transports".
 */
import { parseAddress } from '../../protocol/address.ts';
import type { MessageFields } from '../../protocol/message.ts';
import { isOlderTask } from '../../protocol/older-answer.ts';
import {
  channelRoot,
  parseMessagePath,
  replyPath,
  resolveRe,
  ulidOf,
} from '../../protocol/paths.ts';
import { isJsonObject, type Json, type JsonObject, parseJson } from '../language/json.ts';
import { readMessage } from './message-memo.ts';
import type { Reusable, RunInput } from './run-input.ts';
import { candidateKey, ONLY_KEY, folderOfStep, taskPath } from '../../protocol/run-paths.ts';

export interface OlderRun {
  /** Null when PLAN.json is damaged. */
  readonly plan: JsonObject | null;
  /** Path of a task below the run's folder → its answer, also a failed one. */
  readonly answers: ReadonlyMap<string, Reusable>;
}

/**
 * True for a run that an older program was asked for. While nobody can make its plan it waits, and
 * is not refused: its models are approved after it was joined.
 */
export function isOlderMarker({ marker: { path, message } }: Pick<RunInput, 'marker'>): boolean {
  return message.fields.childChannel !== null && ulidOf(path.slice(0, -'.md'.length)) === null;
}

/** The file that an older program froze its plan in. */
const PLAN = 'PLAN.json';

/** What the older program left, or null when it never had a plan for the run. */
export function readOlderRun({ run, files }: Pick<RunInput, 'run' | 'files'>): OlderRun | null {
  const root = channelRoot(run);
  const text = files.get(`${root}${PLAN}`);
  if (text === undefined) return null;
  const known = read.get(files) ?? decodeOlder(files, { root, text });
  read.set(files, known);
  return known;
}

/** The files of a run are one value for each tip, and are asked about with every fold. */
const read = new WeakMap<RunInput['files'], OlderRun>();

/** The plan of protocol 7 as one step, or null when it is not a plan. */
export function protocol7(raw: JsonObject): JsonObject | null {
  const { fanout, synthesize } = raw;
  if (!isJsonObject(fanout)) return null;
  const second = isJsonObject(synthesize) ? synthesize : null;
  return {
    steps: {
      task: {
        prompt: fanout['body'] ?? '',
        ...(fanout['to'] === undefined ? {} : { model: fanout['to'] }),
        count: fanout['count'] ?? 1,
        ...(second === null
          ? {}
          : {
              join: {
                model: second['to'] ?? fanout['to'] ?? '',
                ...(second['body'] === undefined ? {} : { prompt: second['body'] }),
              },
            }),
      },
    },
  };
}

interface Said {
  readonly path: string;
  readonly text: string;
  readonly fields: MessageFields;
  readonly body: string;
}

/**
 * Once a synthesis was asked for, it is all that is left of the plan: its prompt holds the
 * candidates, whatever became of their files.
 */
function decodeOlder(
  files: RunInput['files'],
  { root, text }: { readonly root: string; readonly text: string },
): OlderRun {
  const said = readSaid(files, root);
  const tasks = inOrder(
    said
      .filter(({ path, fields }) => {
        const file = parseMessagePath(path);
        return file !== null && isOlderTask(file, fields);
      })
      .map((task) => ({ task, answer: answerTo(task, said, files) })),
  );
  const synthesis = tasks.find(({ task }) => task.fields.workflowPhase === 'synthesize');
  if (synthesis !== undefined) {
    const { task, answer } = synthesis;
    return {
      plan: planOf({ prompt: task.body.trim(), to: task.fields.to[0]?.name ?? '' }),
      answers: new Map(answer === null ? [] : [[onlyTask('synthesize', ONLY_KEY), answer]]),
    };
  }
  const raw = parseJson(text);
  const plan = isJsonObject(raw) ? carriedPlan(raw) : null;
  const isOne = isJsonObject(raw) && isJsonObject(raw['fanout']) && raw['fanout']['count'] === 1;
  const answers = tasks.flatMap(({ answer }, index) =>
    answer === null
      ? []
      : [[onlyTask('task', isOne ? ONLY_KEY : candidateKey('', index + 1)), answer] as const],
  );
  return { plan, answers: new Map(answers) };
}

/** Where the run of today has such a task, below the folder of its channel. */
function onlyTask(step: string, key: string): string {
  return taskPath(`${folderOfStep('', step)}${key}/`, 1);
}

function planOf({ prompt, to }: { readonly prompt: string; readonly to: string }): JsonObject {
  return { steps: { synthesize: { model: to, prompt: literal(prompt) } } };
}

/**
 * Each part without its host, which may be gone: the one of the fan-out is preferred while it is
 * up. Its texts are taken as they are: that program knew no expressions.
 */
function carriedPlan({ fanout, synthesize }: JsonObject): JsonObject | null {
  const part = (value: Json | undefined): JsonObject | null => {
    if (!isJsonObject(value)) return null;
    const { to, body } = value;
    return {
      ...value,
      ...(typeof to === 'string' ? { to: parseAddress(to)?.name ?? to } : {}),
      ...(typeof body === 'string' ? { body: literal(body) } : {}),
    };
  };
  const plan = protocol7({ fanout: part(fanout), synthesize: part(synthesize) });
  const to = isJsonObject(fanout) && typeof fanout['to'] === 'string' ? fanout['to'] : '';
  const host = parseAddress(to)?.host ?? null;
  return plan === null || host === null ? plan : { dispatch_host: host, ...plan };
}

function literal(text: string): string {
  return text.replaceAll('${{', "${{ '${{' }}");
}

function readSaid(files: RunInput['files'], root: string): readonly Said[] {
  return [...files].flatMap(([path, text]): Said[] => {
    if (!path.startsWith(root) || parseMessagePath(path) === null) return [];
    const decoded = readMessage(text);
    return decoded.kind === 'rejected' ? [] : [{ path, text, ...decoded.message }];
  });
}

/** In its own file as the older program wrote it, or beside the task as it is done today. */
function answerTo(task: Said, said: readonly Said[], files: RunInput['files']): Reusable | null {
  const names = task.fields.to.map(({ name }) => name);
  for (const name of names) {
    const path = replyPath(task.path, name);
    const text = files.get(path);
    if (text !== undefined) return { path, text };
  }
  const answers = said.filter(
    ({ path, fields }) =>
      path !== task.path &&
      names.includes(fields.from ?? '') &&
      fields.re.some((re) => resolveRe(re, path) === task.path),
  );
  const [first] = answers.sort(
    (a, b) => Number(a.fields.failed) - Number(b.fields.failed) || compareSaid(a, b),
  );
  return first ?? null;
}

/** Answered tasks come first, so that no answer is lost when there are too many tasks. */
function inOrder<T extends { readonly task: Said; readonly answer: Reusable | null }>(
  tasks: readonly T[],
): readonly T[] {
  return [...tasks].sort(
    (a, b) => Number(a.answer === null) - Number(b.answer === null) || compareSaid(a.task, b.task),
  );
}

function compareSaid(a: Said, b: Said): number {
  return (a.fields.timestampMs ?? 0) - (b.fields.timestampMs ?? 0) || (a.path < b.path ? -1 : 1);
}
