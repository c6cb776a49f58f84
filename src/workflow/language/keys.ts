/**
 * The closed sets of keys, a list for each mapping that a workflow file may hold. The decoders
 * refuse what is not here, and docs/workflow-language.md has a row for each.
 */

const ORDER = ['needs', 'if', 'priority'];
const COMMON = [...ORDER, 'continue-on-error'];
const SPREAD = ['each', 'matrix', 'max-parallel', 'fail-fast'];
const PLACE = ['project', 'isolate', 'base', 'branch', 'keep'];

/** What `model`, `join: {…}` and the like may hold; by the name of the mapping. */
export const KEYS = {
  run: [
    ...['name', 'description', 'inputs', 'steps', 'model', 'budget', 'max-parallel', 'fail-fast'],
    ...['concurrency', 'defaults', 'finally', 'output', 'on', 'follow', 'dry-run', 'dispatch_host'],
  ],
  /** Only in a message that starts a run. */
  marker: ['uses', 'with', 'compile', 'fork'],
  compile: ['model', 'review'],
  fork: ['run', 'at', 'from'],
  input: ['type', 'required', 'default', 'options', 'choices', 'description'],
  on: ['schedule', 'channel', 'catch-up', 'overlap'],
  concurrency: ['group', 'max', 'overflow', 'max-queue'],
  budget: ['usd', 'tokens', 'agents', 'minutes', 'on-exceed'],
  stepBudget: ['usd', 'tokens', 'agents'],
  /** What of a prompt step says who and how, never what. */
  defaults: [
    ...['model', 'as', 'session', 'timeout-minutes', 'idle-minutes', 'retry', 'continue-on-error'],
    ...['reask', 'cache', 'project', 'isolate', 'base', 'keep', 'effects'],
  ],
  prompt: [
    ...['prompt', ...COMMON, ...SPREAD, 'count', 'models', 'join', 'model', 'as', 'session'],
    ...['timeout-minutes', 'idle-minutes', 'retry', 'budget', 'schema', 'reask', 'checks'],
    ...['repeat', 'cache', ...PLACE, 'effects', 'undo'],
  ],
  value: ['value', ...ORDER],
  askStep: ['ask', ...COMMON],
  waitStep: ['wait', ...COMMON],
  uses: ['uses', 'with', ...COMMON, ...SPREAD, 'undo'],
  group: ['steps', ...COMMON, ...SPREAD, 'repeat', 'undo', 'model', 'defaults', ...PLACE],
  join: ['model', 'prompt', 'schema', 'min'],
  joinVote: ['vote', 'min'],
  joinBest: ['best', 'min'],
  retry: ['max', 'delay', 'factor', 'max-delay', 'on'],
  check: ['that', 'message'],
  repeat: ['until', 'max', 'on-max'],
  ask: [
    ...['title', 'kind', 'choices', 'options', 'schema', 'approvers', 'quorum'],
    ...['timeout-minutes', 'on-timeout', 'on-deny'],
  ],
  onDeny: ['rework', 'max'],
  wait: ['for', 'until', 'message', 'event'],
  waitMessage: ['from', 'contains'],
} as const satisfies Readonly<Record<string, readonly string[]>>;
