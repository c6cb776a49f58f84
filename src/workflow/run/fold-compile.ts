/**
 * The plan of a run in prose: asked of a model, looked at by a person where the marker wants that,
 * then written down as PLAN.yaml.
 */
import { writeYaml } from '../../protocol/yaml.ts';
import { readMarker } from '../language/marker.ts';
import type { Ask } from '../language/plan.ts';
import type { CheckedPlan } from '../language/source.ts';
import { parseTemplate } from '../language/template.ts';
import { chooseCompilers, compilePrompt, readCompiled } from './compile.ts';
import { foldChain } from './fold-chain.ts';
import { foldAsk } from './fold-people.ts';
import { planFile } from './open-run.ts';
import type { NewFile, RunInput } from './run-input.ts';
import { readTask } from './task-view.ts';
import { isOlderMarker, readOlderRun } from './older-run.ts';
import { firstPlanPath, planFolder, taskPath } from '../../protocol/run-paths.ts';
import type { Fold, Outcome } from './fold.ts';

/** The name of the gate on a plan: no step can be named so. */
const REVIEW = 'plan.review';

/**
 * The compiling task is a chain like any other; its answer is good when a plan can be read out of
 * it, and that plan is good when anyone who reviews it agrees.
 */
export function foldCompile(fold: Fold): Outcome {
  const { input } = fold;
  const compiled = foldChain(fold, {
    folder: planFolder(fold.root),
    step: 'plan',
    key: '',
    phase: 'compile',
    models: compilersOf(fold),
    prompt: () => compilePrompt(input.marker.message.body, input.lookUp.models),
    extra: () => ({}),
    expectation: {
      schema: null,
      checks: [],
      valuesWith: () => new Map(),
      // Once PLAN.yaml stands it is the plan, whatever today's models would say about the answer.
      judge: (body) => {
        if (input.files.has(firstPlanPath(fold.root))) return [];
        const read = readPlan(fold, body);
        return 'plan' in read ? [] : read;
      },
    },
    reask: 3,
    retry: { max: 1, delayMs: 5_000, factor: 2, maxDelayMs: 60_000, on: [] },
    session: 'fresh',
    cache: 'false',
    isRepeatable: false,
    caps: [],
    priority: 0,
    atMs: fold.header.atMs,
    turn: '',
    pass: '',
  });
  const isReviewed = readMarker(input.marker.message).compileReview;
  return isReviewed && compiled.status === 'succeeded' ? foldReview(fold, compiled) : compiled;
}

/** PLAN.yaml of a compiled plan, and how many steps it has; null while there is no plan. */
export function compiledPlan(
  fold: Fold,
  { text }: Outcome,
): { readonly file: NewFile; readonly steps: number } | null {
  const read = readPlan(fold, text);
  return 'plan' in read
    ? { file: planFile(fold.root, read.raw), steps: read.plan.steps.length }
    : null;
}

/** Who was asked once is who compiles, no matter who is up by now. */
function compilersOf(fold: Fold): readonly string[] {
  const task = fold.input.files.get(taskPath(planFolder(fold.root), 1));
  const asked = task === undefined ? null : readTask(task);
  if (asked?.to != null) return [asked.to, ...asked.fallback];
  const chosen = chooseCompilers(readMarker(fold.input.marker.message), fold.input.lookUp);
  return chosen.kind === 'by' ? chosen.models : [];
}

function readPlan({ input, root }: Fold, body: string): CheckedPlan | readonly string[] {
  const task = input.files.get(taskPath(planFolder(root), 1));
  return readCompiled(body, {
    ...input.lookUp,
    marker: readMarker(input.marker.message),
    compiler: task === undefined ? null : readTask(task).to,
  });
}

function foldReview(fold: Fold, compiled: Outcome): Outcome {
  const read = readPlan(fold, compiled.text);
  const plan = 'plan' in read ? writeYaml(read.raw) : compiled.text;
  const asking = { step: { id: REVIEW }, values: new Map(), atMs: compiled.atMs };
  const decided = foldAsk(fold, asking, {
    ask: ASK,
    gate: REVIEW,
    round: 1,
    context: `\`\`\`yaml\n${plan}\`\`\``,
    mayRework: false,
  });
  const { usd, tokens } = compiled;
  return decided.status === 'succeeded'
    ? { ...compiled, atMs: decided.atMs }
    : { ...decided, usd, tokens };
}

const ASK: Ask = {
  kind: 'ask',
  title: parseTemplate('Run this plan?'),
  form: 'approve',
  choices: [],
  schema: null,
  approvers: [],
  quorum: 1,
  timeoutMinutes: null,
  onTimeout: 'wait',
  onDeny: { kind: 'fail' },
};

/** Why a run that an older program was asked for in prose does not begin yet, or null. */
export function whyOlderWaits(input: RunInput): string | null {
  const isProse = readMarker(input.marker.message).kind === 'prose';
  return isProse && isOlderMarker(input) && readOlderRun(input) === null
    ? whyNobodyCompiles(input)
    : null;
}

/** Why no model can compile the marker, or null. */
export function whyNobodyCompiles(input: RunInput): string | null {
  const chosen = chooseCompilers(readMarker(input.marker.message), input.lookUp);
  return chosen.kind === 'by' ? null : chosen.why;
}
