/** The answer to a task: what its reply file says, and whether it may be used. */
import { readMessage } from './message-memo.ts';
import { oneLine } from '../../base/plain-text.ts';
import { headLine } from '../../protocol/head-line.ts';
import { firstLine } from '../../protocol/reply.ts';
import { checkedUsage } from '../../protocol/usage.ts';
import { evaluateTemplate } from '../language/template.ts';
import type { Values } from '../language/expression-evaluate.ts';
import { isJsonObject, type Json } from '../language/json.ts';
import type { Check } from '../language/plan.ts';
import { findFitting } from '../language/schema.ts';
import { rememberText } from './text-memo.ts';

export interface Answer {
  readonly body: string;
  /** The class of the failure, or null for an answer. */
  readonly failure: string | null;
  readonly atMs: number | null;
  readonly host: string | null;
  readonly attempt: number | null;
  readonly session: string | null;
  readonly durationMs: number | null;
  readonly usd: number;
  readonly tokens: number;
  /** Taken over from another task, or made by a dry run: it cost nothing here. */
  readonly isReused: boolean;
}

/** What an answer must be. */
export interface Expectation {
  readonly schema: Json | null;
  readonly checks: readonly Check[];
  /** The names the checks see, given the answer as `steps.<self>`. */
  readonly valuesWith: (self: { readonly text: string; readonly json: Json }) => Values;
  /** Further errors of the text; plans of the compiling model are judged so. */
  readonly judge?: (body: string) => readonly string[];
}

/**
 * Reads a reply file. A person may have written it by hand: without front matter, the whole text is
 * the answer.
 */
export const readAnswer: (text: string) => Answer = rememberText((text): Answer => {
  const read = readMessage(text);
  const nothing = {
    atMs: null,
    host: null,
    attempt: null,
    session: null,
    durationMs: null,
    usd: 0,
    tokens: 0,
    isReused: false,
  };
  if (read.kind === 'rejected') return { body: withoutHead(text), failure: null, ...nothing };
  const { fields, body, yaml } = read.message;
  const { tokensIn, tokensOut, costUsd } = checkedUsage(fields);
  return {
    body: body.trim(),
    failure: fields.failed ? (fields.error ?? 'failed') : null,
    atMs: fields.timestampMs,
    host: fields.host,
    attempt: fields.attempt,
    session: fields.session,
    durationMs: fields.durationMs,
    usd: costUsd ?? 0,
    tokens: (tokensIn ?? 0) + (tokensOut ?? 0),
    isReused: headLine(yaml, 'reused') !== null,
  };
});

/** The JSON of the answer and everything that is wrong with it; nothing wrong = it may be used. */
export function judgeAnswer(
  body: string,
  expected: Expectation,
): { readonly json: Json; readonly errors: readonly string[] } {
  if (expected.judge !== undefined) return { json: null, errors: expected.judge(body) };
  const { json, errors } = expected.schema === null ? NO_JSON : fitOnce(expected.schema)(body);
  if (errors.length > 0 || expected.checks.length === 0) return { json, errors };
  const values = expected.valuesWith({ text: body, json });
  return {
    json,
    errors: expected.checks
      .filter((check) => evaluateTemplate(check.that, values) !== true)
      .map((check) => check.message),
  };
}

const NO_JSON = { json: null, errors: [] };

/** Answers are judged with every fold, and a plan keeps its schemas. */
const FITTED = new WeakMap<object, (body: string) => ReturnType<typeof findFitting>>();

function fitOnce(schema: Json): (body: string) => ReturnType<typeof findFitting> {
  const read = (body: string): ReturnType<typeof findFitting> => findFitting(schema, body);
  if (typeof schema !== 'object' || schema === null) return read;
  const known = FITTED.get(schema) ?? rememberText(read);
  FITTED.set(schema, known);
  return known;
}

/** Why a task failed, in one line. */
export function failureLine(answer: Answer): string {
  // A child run lists its reasons below the first line.
  const said = oneLine(answer.failure === 'workflow' ? answer.body : firstLine(answer.body), 300);
  return said === '' ? (answer.failure ?? 'failed') : said;
}

/** A field of a JSON object as a number or text for `vote` and `best`. */
export function fieldOf(json: Json, field: string): Json {
  return isJsonObject(json) && Object.hasOwn(json, field) ? (json[field] ?? null) : null;
}

function withoutHead(text: string): string {
  const match = /^---[ \t]*\r?\n[\s\S]*?\n---[ \t]*\r?\n/.exec(text);
  return (match === null ? text : text.slice(match[0].length)).trim();
}
