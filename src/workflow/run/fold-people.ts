/** Steps that wait: for people (`ask`), for time, for a message, for an event. */
import { formatIso, MINUTE, parseIso } from '../../base/clock.ts';
import { formatDuration } from '../../base/duration.ts';
import { oneLine } from '../../base/plain-text.ts';
import type { Awaited } from '../../protocol/reason.ts';
import { channelRoot } from '../../protocol/paths.ts';
import { listNames } from '../../protocol/subject.ts';
import {
  decide,
  type Decision,
  isBacked,
  lastOfEach,
  messagesOf,
  type Vote,
  votesOn,
} from './decision.ts';
import { showValue } from '../language/expression-evaluate.ts';
import { outcome, propose, settle } from './fold-context.ts';
import { ask as askFold, hasFile, readFile } from './fold-memo.ts';
import type { Unit } from './unit.ts';
import { isJsonObject, type Json, parseJson } from '../language/json.ts';
import { readMessage } from './message-memo.ts';
import type { Ask, Wait } from '../language/plan.ts';
import type { NewFile } from './run-input.ts';
import { acknowledged } from './run-messages.ts';
import { evaluateTemplate } from '../language/template.ts';
import { askPath, decisionPath, gateFolder, ONLY_KEY } from '../../protocol/run-paths.ts';
import { formatAsk } from './ask-file.ts';
import type { Fold, Outcome } from './fold.ts';

/** Characters of the title of a gate; lists show the beginning of it. */
const TITLE_MAX = 600;

/** What asks: a step, or what comes before the steps. */
export type Asking = Pick<Unit, 'values' | 'atMs'> & { readonly step: Pick<Unit['step'], 'id'> };

/** The outcome of an `ask`; proposes the question, then the decision. */
export function foldAsk(
  fold: Fold,
  unit: Asking,
  given: {
    readonly ask: Ask;
    readonly gate: string;
    readonly round: number;
    readonly context: string;
    readonly mayRework: boolean;
  },
): Outcome {
  const { ask, gate, round } = given;
  const folder = gateFolder(fold.root, gate, round);
  const title = oneLine(showValue(evaluateTemplate(ask.title, unit.values)), TITLE_MAX);
  const approvers = ask.approvers.length > 0 ? ask.approvers : [fold.header.from];
  const path = askPath(folder);
  if (!hasFile(fold, path)) {
    const content = formatAsk(fold.header.run, {
      unit,
      ask,
      title,
      approvers,
      folder,
      context: given.context,
    });
    const taken = takeDecision(fold, unit, { ...given, folder, content });
    if (taken === null) {
      const words = `ask ${listNames(approvers)} (${gate}): ${title}`;
      propose(fold, { name: `ask ${gate}`, words, isNews: true }, [{ path, content }]);
    } else {
      const name = `take over ${gate} (${taken.decision})`;
      const words = `take over the decision on ${gate}: ${taken.decision}`;
      propose(fold, { name, words }, [{ path, content }, taken.file]);
    }
    return outcome('pending', unit.atMs);
  }
  const all = votesOn(fold, { folder, ask });
  const votes = lastOfEach(all);
  const { decided, isVoid } = readDecided(fold, unit, { ask, folder, votes: all });
  const due = isVoid
    ? null
    : (decide(ask, votes, { json: ask.schema }) ?? timedOut(fold, unit, ask));
  const decision = decided ?? due;
  fold.gates.push({
    gate,
    path,
    title,
    form: ask.form,
    choices: ask.choices,
    state: decided === null ? 'open' : 'decided',
    decision: decided?.decision ?? null,
    isVoid,
    approvers,
    anyone: ask.approvers.length === 0,
    received: votes.filter((vote) => vote.problem === null).length,
    quorum: ask.quorum,
    schema: ask.schema,
    answers: votes.map(({ from, says, problem }) => ({ from, says, problem })),
    by: decided?.by ?? [],
  });
  if (decision === null)
    return outcome('waiting-human', unit.atMs, {
      why: isVoid
        ? `${folder}decision.json is ignored: no answers are behind it`
        : `${title} (${approvers.join(', ')})`,
    });
  const { atMs: decidedMs, ...content } = decision;
  const atMs = Math.max(unit.atMs, decidedMs);
  const stands = settle(fold, {
    path: decisionPath(folder),
    called: {
      name: `decide ${gate} (${decision.decision})`,
      words: `decided (${gate}): ${decision.decision}${
        decision.by.length === 0 ? '' : `, by ${listNames(decision.by)}`
      }`,
      isNews: true,
    },
    atMs,
    content,
  });
  return stands ? afterDecision(ask, { ...decision, atMs }) : outcome('waiting-human', unit.atMs);
}

/** A decision is what people said: a file that nobody's answers stand behind decides nothing. */
function readDecided(
  fold: Fold,
  unit: Asking,
  {
    ask,
    folder,
    votes,
  }: { readonly ask: Ask; readonly folder: string; readonly votes: readonly Vote[] },
): { readonly decided: Decision | null; readonly isVoid: boolean } {
  const written = parseJson(readFile(fold, decisionPath(folder)) ?? '');
  if (!isJsonObject(written)) return { decided: null, isVoid: false };
  const decided = readDecision(written);
  const counts =
    fold.input.files.has(`${fold.root}COMPLETE`) ||
    isBacked(ask, votes, decided) ||
    timedOut(fold, unit, ask)?.decision === decided.decision ||
    isTakenOver(fold, unit, { folder, written });
  return counts ? { decided, isVoid: false } : { decided: null, isVoid: true };
}

/** True when the decision is that of the run that this one is forked from. */
function isTakenOver(
  fold: Fold,
  unit: Asking,
  { folder, written }: { readonly folder: string; readonly written: Json | undefined },
): boolean {
  const reused = isJsonObject(written) ? written['reused'] : undefined;
  const { fork } = fold.header;
  if (fork === null || typeof reused !== 'string') return false;
  const relative = folder.slice(fold.root.length);
  const found = askFold(fold, ({ reuse }) => reuse).gate({ relative, step: unit.step.id });
  // What it was taken from may have gone to the archive since.
  if (found === null) return reused.startsWith(channelRoot(fork.run));
  const there = parseJson(found.decision);
  return isJsonObject(there) && isJsonObject(written) && there['decision'] === written['decision'];
}

/**
 * The decision on the same question in the run that this one is forked from. One that ended the run
 * there is asked again.
 */
function takeDecision(
  fold: Fold,
  unit: Asking,
  given: {
    readonly ask: Ask;
    readonly mayRework: boolean;
    readonly folder: string;
    readonly content: string;
  },
): { readonly decision: string; readonly file: NewFile } | null {
  const { ask, folder, content } = given;
  const found = askFold(fold, ({ reuse }) => reuse).gate({
    relative: folder.slice(fold.root.length),
    step: unit.step.id,
  });
  const raw = found === null ? undefined : parseJson(found.decision);
  if (
    found === null ||
    !isJsonObject(raw) ||
    questionOf(found.ask, found.folder) !== questionOf(content, folder)
  )
    return null;
  const { atMs: decidedMs, ...decided } = readDecision(raw);
  const isSentBack = decided.decision === 'deny' && ask.onDeny.kind === 'rework' && given.mayRework;
  if (!isSentBack && afterDecision(ask, { ...decided, atMs: decidedMs }).status === 'failed')
    return null;
  const timestamp = formatIso(Math.max(unit.atMs, decidedMs));
  const text = `${JSON.stringify({ ...decided, reused: found.path, timestamp }, null, 2)}\n`;
  return { decision: decided.decision, file: { path: decisionPath(folder), content: text } };
}

/** What a gate asks and whom, whatever run it stands in. */
function questionOf(text: string, folder: string): string | null {
  const read = readMessage(text);
  if (read.kind === 'rejected') return null;
  const { to, subject } = read.message.fields;
  return JSON.stringify([
    to.map(({ name }) => name),
    subject,
    read.message.body.replaceAll(folder, ''),
  ]);
}

/** The outcome of a `wait`; proposes the file that ends it. */
export function foldWait(fold: Fold, unit: Unit, wait: Wait): Outcome {
  const path = `${unit.stepFolder}${unit.prefix}${ONLY_KEY}/fired.json`;
  const fired = parseJson(readFile(fold, path) ?? '');
  if (isJsonObject(fired)) {
    const atMs =
      typeof fired['timestamp'] === 'string'
        ? (parseIso(fired['timestamp']) ?? unit.atMs)
        : unit.atMs;
    return outcome('succeeded', Math.max(unit.atMs, atMs), {
      text: typeof fired['text'] === 'string' ? fired['text'] : '',
    });
  }
  const waited = describeWait(unit, wait);
  const taken = takeWait(fold, unit, { path, waited });
  if (taken !== null) {
    settle(fold, taken);
    return outcome('waiting', unit.atMs);
  }
  const due = dueOf(fold, unit, wait);
  if (due.kind === 'never') return outcome('failed', unit.atMs, { why: due.why });
  if (due.kind === 'later') return outcome('waiting', unit.atMs, { awaits: due.awaits });
  settle(fold, {
    path,
    called: { name: `wait ${unit.step.id} over`, words: `wait over (${unit.step.id})` },
    atMs: due.atMs,
    content: { waited, text: due.text, because: due.because },
  });
  return outcome('waiting', unit.atMs);
}

/** The end of the same wait in the run that this one is forked from. */
function takeWait(
  fold: Fold,
  unit: Unit,
  { path, waited }: { readonly path: string; readonly waited: string },
): Parameters<typeof settle>[1] | null {
  const found = askFold(fold, ({ reuse }) => reuse).wait({
    relative: path.slice(fold.root.length),
    step: unit.step.id,
  });
  const fired = found === null ? undefined : parseJson(found.text);
  if (found === null || !isJsonObject(fired) || fired['waited'] !== waited) return null;
  const { timestamp, ...content } = fired;
  const atMs = Math.max(unit.atMs, typeof timestamp === 'string' ? (parseIso(timestamp) ?? 0) : 0);
  return {
    path,
    called: { name: `take over ${unit.step.id}`, words: `take over the wait (${unit.step.id})` },
    atMs,
    content: { ...content, reused: found.path },
  };
}

/** What a step waits for, so that a fork can see whether it would wait for the same. */
function describeWait(unit: Unit, { what }: Wait): string {
  switch (what.kind) {
    case 'for':
      return `for ${formatDuration(what.ms)}`;
    case 'until':
      return `until ${showValue(evaluateTemplate(what.at, unit.values)).trim()}`;
    case 'message':
      return `message ${JSON.stringify([what.from, what.contains])}`;
    case 'event':
      return `event ${what.name}`;
  }
}

type Due =
  | { readonly kind: 'now'; readonly atMs: number; readonly text: string; readonly because: string }
  | { readonly kind: 'later'; readonly awaits: Awaited }
  | { readonly kind: 'never'; readonly why: string };

function dueOf(fold: Fold, unit: Unit, { what }: Wait): Due {
  switch (what.kind) {
    case 'for':
      return atTime(
        fold,
        unit.atMs + what.ms,
        `${formatDuration(what.ms)} after ${formatIso(unit.atMs)}`,
      );
    case 'until': {
      const text = showValue(evaluateTemplate(what.at, unit.values)).trim();
      const atMs = parseIso(text);
      return atMs === null
        ? { kind: 'never', why: `"${text.slice(0, 40)}" is not a time` }
        : atTime(fold, atMs, text);
    }
    case 'message': {
      const found = messagesOf(fold).others.find(
        (each) =>
          (what.from === null || each.from === what.from) &&
          (what.contains === null || each.message.body.includes(what.contains)),
      );
      if (found !== undefined)
        return {
          kind: 'now',
          atMs: Math.max(unit.atMs, found.atMs),
          text: found.message.body.trim(),
          because: found.path,
        };
      return {
        kind: 'later',
        awaits: { kind: 'message', from: what.from, contains: what.contains },
      };
    }
    case 'event': {
      const signal = acknowledged(messagesOf(fold), ['signal']).find(
        (each) => each.keys['event'] === what.name,
      );
      if (signal !== undefined)
        return {
          kind: 'now',
          atMs: Math.max(unit.atMs, signal.atMs),
          text: signal.message.body.trim(),
          because: signal.path,
        };
      return { kind: 'later', awaits: { kind: 'event', event: what.name } };
    }
  }
}

function isPast(fold: Fold, dueMs: number): boolean {
  return askFold(fold, ({ input }) => input.nowMs >= dueMs);
}

function atTime(fold: Fold, dueMs: number, because: string): Due {
  // What is written is the time that was waited for, not the time it was noticed.
  return isPast(fold, dueMs)
    ? { kind: 'now', atMs: dueMs, text: '', because }
    : { kind: 'later', awaits: { kind: 'time', atMs: dueMs } };
}

function timedOut(fold: Fold, unit: Asking, ask: Ask): Decision | null {
  if (ask.timeoutMinutes === null || ask.onTimeout === 'wait') return null;
  const dueMs = unit.atMs + ask.timeoutMinutes * MINUTE;
  if (!isPast(fold, dueMs)) return null;
  const decision = ask.onTimeout === 'fail' ? 'timeout' : ask.onTimeout;
  return {
    decision,
    by: [],
    answers: [],
    text: `nobody answered within ${String(ask.timeoutMinutes)} minutes`,
    json: null,
    atMs: dueMs,
  };
}

function readDecision(raw: Readonly<Record<string, Json>>): Decision {
  const texts = (value: Json | undefined): readonly string[] =>
    Array.isArray(value)
      ? value.filter((each: Json): each is string => typeof each === 'string')
      : [];
  const { decision, text, timestamp } = raw;
  return {
    decision: typeof decision === 'string' ? decision : 'deny',
    by: texts(raw['by']),
    answers: texts(raw['answers']),
    text: typeof text === 'string' ? text : '',
    json: raw['json'] ?? null,
    atMs: typeof timestamp === 'string' ? (parseIso(timestamp) ?? 0) : 0,
  };
}

function afterDecision(ask: Ask, { decision, text, json, by, atMs }: Decision): Outcome {
  const parts = { decision, text, json };
  const said = text.replace(/^den(?:y|ied)\b[\s,:.]*/i, '');
  const who = by.length === 0 ? text : [by.join(', '), ...(said === '' ? [] : [said])].join(': ');
  if (decision === 'timeout') return outcome('failed', atMs, { ...parts, why: text });
  if (decision !== 'deny') return outcome('succeeded', atMs, parts);
  const why = oneLine(`denied by ${who}`, 160);
  if (ask.onDeny.kind === 'continue') return outcome('succeeded', atMs, parts);
  return outcome(ask.onDeny.kind === 'skip' ? 'skipped' : 'failed', atMs, { ...parts, why });
}
