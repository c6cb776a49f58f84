/**
 * The text of a prompt: the author's words, and everything agents said before, fenced and labelled
 * as data.
 */
import { createHash } from 'node:crypto';
import { fence, fenceNotice } from '../../protocol/fence.ts';
import type { Expression } from '../language/expression-parse.ts';
import { showValue, type Values } from '../language/expression-evaluate.ts';
import type { Json } from '../language/json.ts';
import { renderTemplate, rootsOf, type Template } from '../language/template.ts';

/** Stands for the nonce when a content key is made, so that equal work in two runs has one key. */
export const NONCE_PLACEHOLDER = '0'.repeat(12);

/** What comes out of agents or out of data, and so is fenced. */
const DATA_ROOTS = ['steps', 'item', 'matrix', 'loop'];

/**
 * The nonce of a run's fences: not random, so that every host writes the same prompt; data never
 * contains it (see `fence`).
 */
export function runNonce(run: string): string {
  return createHash('sha256')
    .update(JSON.stringify(['crosstalk-fence', run]))
    .digest('hex')
    .slice(0, 12);
}

/** The prompt of a step, and what people said when they sent its work back. */
export function renderPrompt(
  template: Template,
  { values, notes }: { readonly values: Values; readonly notes: readonly string[] },
  nonce: string,
): string {
  let isFenced = notes.length > 0;
  const text = renderTemplate(template, values, (value, expression) => {
    const isData = [...rootsOf(expression)].some((root) => DATA_ROOTS.includes(root));
    if (
      !isData ||
      isOwnWord(expression) ||
      typeof value === 'number' ||
      typeof value === 'boolean' ||
      value === null
    )
      return showValue(value);
    isFenced = true;
    return fence(showValue(value), labelOf(template, expression), nonce);
  });
  const prompt = `${text.trim()}${reworkRequest(notes, nonce)}`;
  return isFenced ? withNotice(prompt, nonce) : prompt;
}

/** Below the sentence that says that fenced text is data. */
function withNotice(text: string, nonce: string): string {
  return `${fenceNotice(nonce)}\n\n${text}`;
}

/** What an answer with a schema must look like. */
export function schemaRequest(schema: Json | null): string {
  if (schema === null) return '';
  return `\n\nAnswer with one JSON value and nothing else. It must fit this JSON Schema:\n\n\`\`\`json\n${JSON.stringify(schema, null, 2)}\n\`\`\``;
}

/** What is asked after an answer that could not be used. */
export function reaskRequest(previous: string, errors: readonly string[], nonce: string): string {
  return `\n\nAn earlier answer to this could not be used.\n\n${fence(previous, 'earlier answer', nonce)}\n\nWhat is wrong with it:\n\n${listErrors(errors)}\n\nAnswer again, completely.`;
}

/** One a line. */
export function listErrors(errors: readonly string[]): string {
  return errors.map((error) => `- ${error}`).join('\n');
}

/** What is said when people sent the work back. */
function reworkRequest(notes: readonly string[], nonce: string): string {
  if (notes.length === 0) return '';
  return `\n\nEarlier results of this were not accepted. What people said, the latest last:\n\n${notes.map((note) => fence(note, 'review', nonce)).join('\n\n')}`;
}

/** One answer that a synthesis is made of. */
export interface Candidate {
  readonly key: string;
  readonly isFailed: boolean;
  readonly text: string;
}

/** The synthesis prompt: every candidate, failed ones marked. */
export function synthesisPrompt(
  own: string,
  question: string,
  given: { readonly candidates: readonly Candidate[]; readonly nonce: string },
): string {
  const { candidates, nonce } = given;
  const task =
    own === ''
      ? 'Several agents answered the same task. Write the one best answer from what they say: keep what is right, settle what differs, say where none is sure.'
      : own;
  const answers = candidates
    .map(
      (each) =>
        `### Answer ${each.key}${each.isFailed ? ' (FAILED)' : ''}\n\n${fence(each.text, each.key, nonce)}`,
    )
    .join('\n\n');
  return withNotice(
    `${task}\n\n## The task they were given\n\n${fence(question, 'task', nonce)}\n\n## Their answers\n\n${answers}`,
    nonce,
  );
}

/** `steps.<id>.status` and the like: words of the engine and of the plan, not of agents. */
function isOwnWord(expression: Expression): boolean {
  if (expression.kind !== 'field' || !['status', 'failed', 'decision'].includes(expression.field))
    return false;
  const { of } = expression;
  return of.kind === 'field' && of.of.kind === 'name' && of.of.name === 'steps';
}

function labelOf(template: Template, expression: unknown): string {
  const part = template.parts.find(
    (each) => each.kind === 'expression' && each.expression === expression,
  );
  return part?.kind === 'expression' ? part.source.slice(0, 60) : '';
}
