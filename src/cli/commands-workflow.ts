/** `crosstalkd workflow …`: its row of the table, and those below it. */
import type { CommandSpec, OptionSpec } from './command.ts';

const FROM: OptionSpec = {
  name: 'from',
  value: 'name',
  about: 'the sender (default: $CROSSTALK_FROM, then git user.name)',
};
const INPUT: OptionSpec = {
  name: 'input',
  short: 'i',
  value: 'key=value',
  many: true,
  about: 'an input; key=@file takes its text from a file',
};
const WAIT: OptionSpec = {
  name: 'wait',
  value: 's',
  optional: true,
  about: 'follow the run and print its answer; at most this long (default: 10m)',
};
const REASON: OptionSpec = {
  name: 'message',
  short: 'm',
  value: 'text',
  about: 'a comment',
};
const FILE: OptionSpec = {
  name: 'file',
  value: 'file',
  about: 'an edited workflow, in place of the one that ran',
};

type Row = Pick<CommandSpec, 'args' | 'about' | 'load'> & {
  readonly name: string;
  readonly options?: readonly OptionSpec[];
};

/** Those that only read. */
const FOR_AGENTS = ['check', 'plan', 'list', 'show', 'why'];

const row = ({ name, options = [], ...rest }: Row): CommandSpec => ({
  name: `workflow ${name}`,
  group: 'workflow',
  agents: FOR_AGENTS.includes(name),
  options,
  ...rest,
});

const ROWS: readonly Row[] = [
  {
    name: 'run',
    args: '<file|name>',
    about: 'Start a saved workflow, or the one in a file',
    options: [
      INPUT,
      {
        name: 'channel',
        value: 'name',
        about: 'channel of the question and its answer (default: general)',
      },
      { name: 'dry-run', about: 'run every step with echoes instead of models' },
      WAIT,
      FROM,
    ],
    load: () =>
      import('./workflow/run.ts').then(({ startWorkflow }) => ({ execute: startWorkflow })),
  },
  {
    name: 'check',
    args: '<file|name>',
    about: 'List every mistake of a workflow, with lines',
    options: [INPUT],
    load: () => import('./workflow/check.ts').then(({ checkFile }) => ({ execute: checkFile })),
  },
  {
    name: 'plan',
    args: '<file|name>',
    about: 'Draw the graph, who serves each step, and its limits',
    options: [INPUT],
    load: () => import('./workflow/check.ts').then(({ planFile }) => ({ execute: planFile })),
  },
  {
    name: 'compile',
    args: '<file>',
    about: 'Have a model turn prose into a workflow, and print it',
    options: [
      { name: 'channel', value: 'name', about: 'channel of the question (default: general)' },
      { name: 'wait', value: 's', about: 'wait at most this long (default: 10m)' },
      FROM,
    ],
    load: () =>
      import('./workflow/compile.ts').then(({ compileWorkflow }) => ({ execute: compileWorkflow })),
  },
  {
    name: 'list',
    args: '',
    about: 'List open and recent runs, and what each waits for',
    options: [
      { name: 'number', short: 'n', value: 'n', about: 'show this many (default: 20)' },
      { name: 'open', about: 'only open runs' },
    ],
    load: () => import('./workflow/list.ts').then(({ listRuns }) => ({ execute: listRuns })),
  },
  {
    name: 'show',
    args: '<run>',
    about: 'Draw a run: state, model, host, time and cost of each task',
    options: [{ name: 'at', value: 'commit', about: 'as of this commit' }],
    load: () => import('./workflow/show.ts').then(({ showRun }) => ({ execute: showRun })),
  },
  {
    name: 'why',
    args: '<run>',
    about: 'Explain what a run waits for, and how to continue',
    load: () => import('./look/why-run.ts').then(({ explainRun }) => ({ execute: explainRun })),
  },
  {
    name: 'approve',
    args: '<run> [gate]',
    about: 'Approve a gate, or answer it with -m',
    options: [
      REASON,
      { name: 'choice', value: 'text', about: 'the choice, if the gate offers several' },
      FROM,
    ],
    load: () => import('./workflow/gate.ts').then(({ approve }) => ({ execute: approve })),
  },
  {
    name: 'deny',
    args: '<run> [gate]',
    about: 'Deny a gate; -m says why',
    options: [REASON, FROM],
    load: () => import('./workflow/gate.ts').then(({ deny }) => ({ execute: deny })),
  },
  {
    name: 'cancel',
    args: '<run>',
    about: 'End a run: close its tasks, run "finally" steps',
    options: [REASON, FROM],
    load: () => import('./workflow/control.ts').then(({ cancelRun }) => ({ execute: cancelRun })),
  },
  {
    name: 'pause',
    args: '<run>',
    about: 'Start no new task in a run; what runs finishes',
    options: [REASON, FROM],
    load: () => import('./workflow/control.ts').then(({ pauseRun }) => ({ execute: pauseRun })),
  },
  {
    name: 'resume',
    args: '<run>',
    about: 'Continue a paused run',
    options: [REASON, FROM],
    load: () => import('./workflow/control.ts').then(({ resumeRun }) => ({ execute: resumeRun })),
  },
  {
    name: 'retry',
    args: '<run>',
    about: 'Run again only what failed',
    options: [{ name: 'step', value: 'id', about: 'only this step (while the run is open)' }, WAIT],
    load: () => import('./workflow/fork.ts').then(({ retryRun }) => ({ execute: retryRun })),
  },
  {
    name: 'rerun',
    args: '<run>',
    about: 'Run a workflow again, whole or from one step',
    options: [
      { name: 'from', value: 'step', about: 'keep what finished before this step' },
      FILE,
      WAIT,
    ],
    load: () => import('./workflow/fork.ts').then(({ rerunRun }) => ({ execute: rerunRun })),
  },
  {
    name: 'fork',
    args: '<run>',
    about: 'Start a new run that keeps finished steps of this one',
    options: [
      { name: 'at', value: 'commit', about: 'as of this commit' },
      { name: 'from', value: 'step', about: 'discard this step and those after it' },
      FILE,
      WAIT,
    ],
    load: () => import('./workflow/fork.ts').then(({ forkRun }) => ({ execute: forkRun })),
  },
  {
    name: 'signal',
    args: '<run> <event>',
    about: 'Send an event to a run',
    options: [REASON, FROM],
    load: () => import('./workflow/control.ts').then(({ signalRun }) => ({ execute: signalRun })),
  },
  {
    name: 'budget',
    args: '<run>',
    about: 'Show or set the limits of a run',
    options: [
      { name: 'usd', value: 'n', about: 'limit in US dollars' },
      { name: 'tokens', value: 'n', about: 'limit in tokens' },
      { name: 'agents', value: 'n', about: 'limit of started agents' },
      { name: 'minutes', value: 'n', about: 'limit in minutes since its start' },
      FROM,
    ],
    load: () => import('./workflow/control.ts').then(({ budgetRun }) => ({ execute: budgetRun })),
  },
  {
    name: 'amend',
    args: '<run> <file>',
    about: 'Change steps of a run that have not started',
    options: [FROM],
    load: () => import('./workflow/control.ts').then(({ amendRun }) => ({ execute: amendRun })),
  },
];

/** `workflow`, or `wf` for short. */
export const WORKFLOW_COMMAND: CommandSpec = {
  name: 'workflow',
  args: '',
  about: 'Run several steps: ask models, wait for people, loop (wf)',
  group: 'workflow',
  agents: true,
  options: [],
  subcommands: ROWS.map(row),
  load: () => Promise.reject(new Error('"workflow" is done by the commands below it')),
};
