/**
 * What a plan that begins now must also be: what it asks for can be asked, can be answered, and can
 * be written down. An open run keeps the plan that it began with, so PLAN.yaml is not judged by it.
 */
import { decodeMessage } from '../../protocol/message.ts';
import { FAILURE_CLASSES } from '../../protocol/failure-policy.ts';
import { writeFrontMatter } from '../../protocol/front-matter.ts';
import { readIsolation } from '../../protocol/isolation.ts';
import { isPortable, NOT_PORTABLE } from '../../protocol/names.ts';
import { channelFolder } from '../../protocol/paths.ts';
import { noPersona, personaPaths } from '../../protocol/persona.ts';
import {
  allSteps,
  type Ask,
  ITEMS_MAX,
  type ListSource,
  type Plan,
  type Prompt,
  type Step,
} from './plan.ts';
import { didYouMean, type Report } from './read-keys.ts';
import { oddRules } from './schema.ts';
import type { Template } from './template.ts';

/** What a transport has; absent = not at hand, so not checked. */
export interface KnownFiles {
  /** Paths of personas. */
  readonly personas?: readonly string[];
}

/** Says what is wrong below the place of a step. */
type Say = (path: readonly string[], message: string, suggestion?: string | null) => void;

/** Reports what would keep a plan from doing what it says. */
export function checkStart(plan: Plan, known: KnownFiles, report: Report): void {
  checkFields({ dispatch_host: plan.dispatchHost }, report);
  for (const step of allSteps([...plan.steps, ...plan.final])) {
    const say: Say = (path, ...said) => report([...step.place, ...path], ...said);
    if (!isPortable(step.id)) say([], `"${step.id}" is ${NOT_PORTABLE}`);
    checkLists(step, say);
    if (step.body.kind === 'prompt') checkPrompt(step.body, known, say);
    if (step.body.kind === 'ask') checkAsk(step.body, say);
    const { body } = step;
    if (body.kind === 'wait' && body.what.kind === 'event' && body.what.name.trim() === '')
      say(['wait'], '"wait" says nothing to wait for', 'wait: { event: <name> }');
  }
  for (const { name, type, options, required, fallback } of plan.inputs) {
    if (type !== 'choice' && options.length > 0)
      report(['inputs', name], `"choices" of "${name}" needs "type: choice"`);
    if (plan.schedule !== null && required && fallback === undefined)
      report(
        ['on', 'schedule'],
        `a schedule gives no inputs, but "${name}" is required`,
        'give it a "default"',
      );
  }
}

/** Fields that become those of a message: what no message can have, no task can either. */
function checkFields(fields: Readonly<Record<string, string | null>>, say: Say): void {
  for (const [key, value] of Object.entries(fields)) {
    if (value === null) continue;
    const read = decodeMessage(Buffer.from(writeFrontMatter({ to: 'workflow', [key]: value }, '')));
    if (read.kind === 'rejected') {
      const { found, expected } = read.rejection;
      say([key], `"${key}" must be ${expected}, found ${found.slice(key.length + 2)}`);
    }
  }
}

function checkPrompt(prompt: Prompt, { personas }: KnownFiles, say: Say): void {
  const { as, isolation } = prompt;
  if (prompt.prompt.problems.length === 0 && textOf(prompt.prompt)?.trim() === '')
    say(['prompt'], 'the prompt is empty');
  for (const [key, minutes] of [
    ['timeout-minutes', prompt.timeoutMinutes],
    ['idle-minutes', prompt.idleMinutes],
  ] as const)
    if (minutes === 0)
      say([key], `"${key}: 0" leaves no time`, 'leave it out for the limit of the model');
  checkFields({ project: isolation.project, as }, say);
  checkWorktree(prompt, say);
  checkAnswers(prompt, say);
  // A path may lead anywhere in the transport.
  const files = as === null ? [] : personaPaths(as);
  const isKnown = files.length < 2 || files.some((path) => personas?.includes(path) ?? true);
  if (!isKnown) say(['as'], noPersona(as ?? ''));
}

/** Who answers, how often, and in what form. */
function checkAnswers({ spread, join, retry, ...prompt }: Prompt, say: Say): void {
  const twice = spread.find((model, at) => spread.indexOf(model) !== at);
  if (twice !== undefined)
    say(['models'], `"${twice}" appears twice`, 'once, and "count" for several answers of each');
  const odd = spread.find((model) => !isPortable(model));
  if (odd !== undefined) say(['models'], `"${odd}" is ${NOT_PORTABLE}`);
  const answers =
    typeof prompt.count === 'number' ? prompt.count * Math.max(1, spread.length) : Infinity;
  if (join.min > answers)
    say(['join'], `"min" is ${join.min}, and there are at most ${answers} answers`);
  for (const failure of retry.on)
    if (!FAILURE_CLASSES.includes(failure))
      say(
        ['retry', 'on'],
        `there is no failure "${failure}"`,
        didYouMean(failure, FAILURE_CLASSES) ?? `known: ${FAILURE_CLASSES.join(', ')}`,
      );
  for (const [path, schema] of [
    [['schema'], prompt.schema],
    [['join', 'schema'], join.kind === 'model' ? join.schema : null],
  ] as const)
    if (schema !== null) for (const problem of oddRules(schema)) say(path, problem);
}

/** A branch or base that is written out; what an expression gives is judged when it runs. */
function checkWorktree({ isolation }: Prompt, say: Say): void {
  const [base, branch] = [isolation.base, isolation.branch].map((template) =>
    template === null ? undefined : (textOf(template) ?? 'given-later'),
  );
  if (isolation.isolate === 'none') return;
  if (isolation.project === null) {
    say(['isolate'], '"isolate: worktree" needs a "project"', 'project: <name>');
    return;
  }
  const fields = { to: 'workflow', project: 'project', isolate: 'worktree', base, branch };
  const read = decodeMessage(Buffer.from(writeFrontMatter(fields, '')));
  const wanted =
    read.kind === 'message' ? readIsolation(`${channelFolder('any')}/any.md`, read.message) : null;
  if (wanted?.kind === 'refused') say(['isolate'], wanted.why);
  if (branch === 'main' || branch === 'master')
    say(['branch'], `"${branch}" is never used by agents`, 'a branch of its own');
}

function checkAsk({ form, choices, approvers, quorum, ...ask }: Ask, say: Say): void {
  const seen = new Set<string>();
  for (const choice of choices) {
    const word = choice.trim().toLowerCase();
    if (word === '' || choice.includes('\n'))
      say(
        ['ask', 'choices'],
        `${JSON.stringify(choice)} is not a line that anybody can answer with`,
      );
    else if (seen.has(word)) say(['ask', 'choices'], `"${choice.trim()}" appears twice`);
    seen.add(word);
  }
  const people = new Set(approvers);
  if (approvers.length > 0 && quorum > people.size && quorum <= approvers.length)
    say(['ask', 'approvers'], `a quorum of ${quorum} can never be reached by ${people.size}`);
  if (ask.onTimeout !== 'wait' && ask.timeoutMinutes === null)
    say(['ask', 'on-timeout'], '"on-timeout" needs "timeout-minutes"');
  if (ask.onTimeout === 'approve' && form !== 'approve')
    say(
      ['ask', 'on-timeout'],
      `"on-timeout: approve" gives no ${form === 'choose' ? 'choice' : 'answer'}`,
      'wait, fail or deny',
    );
  if (ask.schema !== null)
    for (const problem of oddRules(ask.schema)) say(['ask', 'schema'], problem);
}

function checkLists({ each, matrix }: Step, say: Say): void {
  const size = (source: ListSource): number => (source.kind === 'list' ? source.items.length : 1);
  const items = matrix.reduce((all, [, source]) => all * size(source), 1);
  const [key, found] = each === null ? ['matrix', items] : ['each', size(each)];
  if (found > ITEMS_MAX) say([key], `"${key}" gives ${found} items; at most ${ITEMS_MAX} are run`);
}

/** The text of a template that has no expressions; null = it is known when it runs. */
function textOf({ parts }: Template): string | null {
  const texts = parts.map((part) => (part.kind === 'text' ? part.text : null));
  return texts.includes(null) ? null : texts.join('');
}
