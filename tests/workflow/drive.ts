/**
 * A pure transport for tests: applies transitions, answers open tasks by a function, and checks on
 * every step what must always hold.
 */
import type { FoldMemo } from '../../src/workflow/run/fold.ts';
import { expect } from 'vitest';
import { decodeMessage, type Message } from '../../src/protocol/message.ts';
import type { Violation } from '../../src/protocol/invariants.ts';
import { parseMessagePath, replyPath } from '../../src/protocol/paths.ts';
import {
  nextTransition,
  type RunInput,
  type RunSummary,
  summarizeRun,
  type Transition,
} from '../../src/workflow/run/engine.ts';
import type { Speaker } from '../../src/protocol/who-said.ts';
import { runChannel } from '../../src/workflow/language/marker.ts';
import { createRunChecker } from '../../src/workflow/run/run-invariants.ts';

export const START_MS = Date.parse('2026-11-21T06:00:00Z');

export interface Asked {
  readonly path: string;
  readonly to: string;
  readonly step: string;
  readonly key: string;
  readonly body: string;
  readonly yaml: string;
  /** How often this model has been asked in this step so far, from 1. */
  readonly time: number;
}
/** Text, a failure class, or null for "not now". */
export type Say = string | { readonly failed: string } | null;

export interface World {
  readonly files: Map<string, string>;
  readonly commits: Transition[];
  readonly marker: string;
  readonly run: string;
  nowMs: number;
  readonly saved: Map<string, string>;
  readonly authors: Map<string, string>;
  readonly models: readonly string[];
  answer: (asked: Asked) => Say;
  readonly asked: Asked[];
  clock: number;
  /** I7 over the history so far, and the files that it has seen. */
  readonly check: ReturnType<typeof createRunChecker>;
  readonly checked: Map<string, string>;
}

/** A transport with one marker. */
export function world(markerText: string, answer: (asked: Asked) => Say = () => 'done'): World {
  const marker = 'data/channels/general/2026/11/21/060000000Z-01JD0000000000000000000000.md';
  const text = markerText.startsWith('---')
    ? markerText
    : `---\nto: workflow\nfrom: maintainer\ntype: workflow\n${markerText.trim()}\n---\n`;
  return {
    files: new Map([[marker, text]]),
    commits: [],
    marker,
    run: runChannel(marker, read(text)),
    nowMs: START_MS,
    saved: new Map(),
    authors: new Map(),
    models: ['opus', 'gpt', 'gemini', 'sonnet', 'ci'],
    answer,
    asked: [],
    clock: 1,
    check: createRunChecker(),
    checked: new Map(),
  };
}

function read(text: string): Message {
  const decoded = decodeMessage(Buffer.from(text));
  if (decoded.kind === 'rejected')
    throw new Error(
      `${decoded.rejection.line}: ${decoded.rejection.found}; ${decoded.rejection.expected}`,
    );
  return decoded.message;
}

/** The engine's input for the marker at `path`. */
export function inputOf(at: World, path = at.marker): RunInput {
  const message = read(at.files.get(path) ?? '');
  const run = path === at.marker ? at.run : runChannel(path, message);
  const root = `data/channels/${run}/`;
  return {
    run,
    marker: {
      path,
      blob: 'b'.repeat(40),
      message,
      from: message.fields.from ?? 'maintainer',
      timestampMs: message.fields.timestampMs ?? START_MS,
      reply: at.files.get(replyPath(path, 'workflow')) ?? null,
    },
    files: new Map([...at.files].filter(([file]) => file.startsWith(root))),
    lookUp: {
      savedWorkflow: (name) => at.saved.get(name) ?? null,
      schemaFile: (file) => at.files.get(file) ?? null,
      models: at.models,
      served: new Map(at.models.map((model) => [model, ['box']])),
      compilers: { preset: [], ready: at.models, idle: at.models, others: [] },
      otherRuns: others(at, path),
      cached: () => null,
      runFiles: (other) =>
        new Map([...at.files].filter(([file]) => file.startsWith(`data/channels/${other}/`))),
      whoSaid: (file) => speakerIn(at, file),
    },
    nowMs: at.nowMs,
  };
}

/** The speakers so far, each one value: what the engine remembers hangs on it. */
const SPEAKERS = new Map<string, Speaker>();

/** Who committed a file: anyone who a test says, else anyone who `from:` names. */
function speakerIn(at: World, file: string): Speaker | null {
  const text = at.files.get(file) ?? '';
  const name = at.authors.get(file) ?? /^from: (.+)$/m.exec(text)?.[1];
  if (name === undefined) return null;
  const speaker = SPEAKERS.get(name) ?? { name, names: [name], voice: name, atMs: START_MS };
  SPEAKERS.set(name, speaker);
  return speaker;
}

function others(at: World, but: string): readonly RunSummary[] {
  // What cannot be read as a message is not a marker.
  const isMessage = (path: string): boolean =>
    decodeMessage(Buffer.from(at.files.get(path) ?? '')).kind === 'message';
  return markers(at).flatMap((path) =>
    path === but || !isMessage(path) ? [] : [summarizeRun({ ...inputOf0(at, path) })],
  );
}

function inputOf0(at: World, path: string): RunInput {
  const message = read(at.files.get(path) ?? '');
  const run = path === at.marker ? at.run : runChannel(path, message);
  const base = {
    savedWorkflow: () => null,
    schemaFile: () => null,
    models: at.models,
    served: new Map(),
    compilers: { preset: [], ready: [], idle: [], others: [] },
    otherRuns: [],
    cached: () => null,
    runFiles: () => null,
    whoSaid: () => null,
  };
  return {
    run,
    marker: {
      path,
      blob: '',
      message,
      from: 'maintainer',
      timestampMs: message.fields.timestampMs ?? START_MS,
      reply: at.files.get(replyPath(path, 'workflow')) ?? null,
    },
    files: new Map([...at.files].filter(([file]) => file.startsWith(`data/channels/${run}/`))),
    lookUp: base,
    nowMs: at.nowMs,
  };
}

/** Every marker: the first one and those of child runs. */
export function markers(at: World): readonly string[] {
  return [...at.files.keys()].filter((path) => {
    if (!path.endsWith('.md') || path.includes('.re.')) return false;
    const text = at.files.get(path) ?? '';
    return /^type: workflow$/m.test(text) && /^to: workflow$/m.test(text);
  });
}

/** Applies transitions until none is due. */
export function settle(
  at: World,
  input: (path: string) => RunInput = (path) => inputOf(at, path),
  memo?: FoldMemo,
): void {
  for (let count = 0; count < 2_000; count += 1) {
    const moved = markers(at).filter((path) => {
      const next = nextTransition(input(path), memo);
      if (next === null) return false;
      apply(at, next);
      return true;
    });
    if (moved.length === 0) return;
  }
  throw new Error(
    `never settles: ${at.commits
      .slice(-5)
      .map((each) => each.name)
      .join(', ')}`,
  );
}

function apply(at: World, next: Transition): void {
  expect(next.files.length).toBeGreaterThan(0);
  // What agents and people wrote since the last transition, then the transition: as `verify` would
  // meet them.
  expect(checkSince(at, 'ada@example.org'), `before ${next.name}`).toEqual([]);
  for (const { path, content } of next.files) {
    if (at.files.has(path)) throw new Error(`${next.name} rewrites ${path}`);
    at.files.set(path, content);
  }
  at.commits.push(next);
  expect(checkSince(at, 'dispatcher@box.crosstalk'), next.name).toEqual([]);
}

function checkSince(at: World, committerEmail: string): readonly Violation[] {
  const gone = [...at.checked.keys()].filter((path) => !at.files.has(path));
  const changed = [...at.files].filter(([path, text]) => at.checked.get(path) !== text);
  const changes = [
    ...gone.map((path) => ({ status: 'D', path, bytes: null })),
    ...changed.map(([path, text]) => ({
      status: at.checked.has(path) ? 'M' : 'A',
      path,
      bytes: Buffer.from(text),
    })),
  ];
  for (const path of gone) at.checked.delete(path);
  for (const [path, text] of changed) at.checked.set(path, text);
  return at.check({ oid: `commit ${at.commits.length}`, parents: 1, committerEmail, changes });
}

/** Tasks that nobody answered yet. */
export function openTasks(at: World): readonly Asked[] {
  return [...at.files.keys()].flatMap((path) => {
    const parsed = parseMessagePath(path);
    if (parsed === null || parsed.replyTo !== null || !/\/(steps|plan)\//.test(path)) return [];
    const { fields, yaml, body } = read(at.files.get(path) ?? '');
    const [to] = fields.to;
    if (to === undefined || to.name === 'workflow' || at.files.has(replyPath(path, to.name)))
      return [];
    const field = (key: string): string =>
      new RegExp(`^${key}: ["']?([^"'\\n]*)`, 'm').exec(yaml)?.[1] ?? '';
    const time =
      1 + at.asked.filter((each) => each.to === to.name && each.step === field('step')).length;
    return [{ path, to: to.name, step: field('step'), key: field('key'), body, yaml, time }];
  });
}

/** Writes the reply of a task. */
export function reply(at: World, asked: Asked, say: Exclude<Say, null>): void {
  at.clock += 1;
  const failed = typeof say === 'string' ? '' : `failed: true\nerror: ${say.failed}\n`;
  const timestamp = new Date(START_MS + at.clock * 1_000).toISOString();
  const body = typeof say === 'string' ? say : `${say.failed}: it did not work`;
  at.asked.push(asked);
  at.files.set(
    replyPath(asked.path, asked.to),
    `---\nto: workflow\nfrom: ${asked.to}\nre: ${asked.path}\ntimestamp: ${timestamp}\n${failed}model: ${asked.to}\nhost: box\nattempt: 1\ntokens_in: 10\ntokens_out: 5\ncost_usd: 0.1\n---\n${body}\n`,
  );
}

/**
 * Settles and answers, one task at a time, until nothing moves. Returns the routed reply, or null
 * when the run waits.
 */
export function drive(at: World, watch: (at: World) => void = () => undefined): string | null {
  for (let count = 0; count < 5_000; count += 1) {
    settle(at);
    watch(at);
    const said = openTasks(at).some((asked) => {
      const say = at.answer(asked);
      if (say === null) return false;
      reply(at, asked, say);
      return true;
    });
    if (!said) return at.files.get(replyPath(at.marker, 'workflow')) ?? null;
  }
  throw new Error('never ends');
}

/** A message of a person in the run's channel. */
export function post(at: World, head: string, body = ''): string {
  at.clock += 1;
  const path = `data/channels/${at.run}/2026/11/21/message-${String(at.clock)}.md`;
  at.files.set(
    path,
    `---\nto: workflow\nfrom: maintainer\ntimestamp: ${new Date(START_MS + at.clock * 1_000).toISOString()}\n${head}\n---\n${body}\n`,
  );
  return path;
}

/** Subjects of the commits so far. */
export function subjects(at: World): readonly string[] {
  return at.commits.map((each) => each.name);
}

/** COMPLETE of the run, or null. */
export function complete(at: World): Readonly<Record<string, unknown>> | null {
  const text = at.files.get(`data/channels/${at.run}/COMPLETE`);
  return text === undefined ? null : (JSON.parse(text) as Record<string, unknown>);
}
