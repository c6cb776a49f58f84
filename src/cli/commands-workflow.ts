/** `crosstalkd workflow …`: its row of the table, and those below it. */
import type { CommandSpec, OptionSpec } from './command.ts';

const FROM: OptionSpec = {
  name: 'from',
  value: 'name',
  about: 'who writes (default: $CROSSTALK_FROM, then git user.name)',
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
  about: 'follow the run and print its answer; for at most this long (default: 10m)',
};
const REASON: OptionSpec = {
  name: 'message',
  short: 'm',
  value: 'text',
  about: 'what you have to say to it',
};
const FILE: OptionSpec = {
  name: 'file',
  value: 'file',
  about: 'an edited workflow instead of the one that ran',
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
        about: 'where it is asked and answered (default: general)',
      },
      { name: 'dry-run', about: 'go through every step with echoes instead of models' },
      WAIT,
      FROM,
    ],
    load: () =>
      import('./workflow/run.ts').then(({ startWorkflow }) => ({ execute: startWorkflow })),
  },
  {
    name: 'check',
    args: '<file|name>',
    about: 'List everything that is wrong with a workflow, with lines',
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
    about: 'Have a model make the plan of a text, and print it',
    options: [
      { name: 'channel', value: 'name', about: 'where it is asked (default: general)' },
      { name: 'wait', value: 's', about: 'how long the answer is waited for (default: 10m)' },
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
      { name: 'number', short: 'n', value: 'n', about: 'how many (default: 20)' },
      { name: 'open', about: 'only those that are not over' },
    ],
    load: () => import('./workflow/list.ts').then(({ listRuns }) => ({ execute: listRuns })),
  },
  {
    name: 'show',
    args: '<run>',
    about: 'Draw a run: state, model, host, time and cost of each task',
    options: [{ name: 'at', value: 'commit', about: 'as it stood at that commit' }],
    load: () => import('./workflow/show.ts').then(({ showRun }) => ({ execute: showRun })),
  },
  {
    name: 'why',
    args: '<run>',
    about: 'Explain what a run waits for, and what moves it',
    load: () => import('./look/why-run.ts').then(({ explainRun }) => ({ execute: explainRun })),
  },
  {
    name: 'approve',
    args: '<run> [gate]',
    about: 'Say yes to a gate, or answer it with -m',
    options: [
      REASON,
      { name: 'choice', value: 'text', about: 'the choice, where the gate offers several' },
      FROM,
    ],
    load: () => import('./workflow/gate.ts').then(({ approve }) => ({ execute: approve })),
  },
  {
    name: 'deny',
    args: '<run> [gate]',
    about: 'Say no to a gate; -m tells why',
    options: [REASON, FROM],
    load: () => import('./workflow/gate.ts').then(({ deny }) => ({ execute: deny })),
  },
  {
    name: 'cancel',
    args: '<run>',
    about: 'End a run: open tasks are closed, "finally" steps run',
    options: [REASON, FROM],
    load: () => import('./workflow/control.ts').then(({ cancelRun }) => ({ execute: cancelRun })),
  },
  {
    name: 'pause',
    args: '<run>',
    about: 'Start nothing new in a run; what runs finishes',
    options: [REASON, FROM],
    load: () => import('./workflow/control.ts').then(({ pauseRun }) => ({ execute: pauseRun })),
  },
  {
    name: 'resume',
    args: '<run>',
    about: 'Go on with a paused run',
    options: [REASON, FROM],
    load: () => import('./workflow/control.ts').then(({ resumeRun }) => ({ execute: resumeRun })),
  },
  {
    name: 'retry',
    args: '<run>',
    about: 'Run again what failed, and nothing that finished',
    options: [
      { name: 'step', value: 'id', about: 'only what failed in this step (while the run is open)' },
      WAIT,
    ],
    load: () => import('./workflow/fork.ts').then(({ retryRun }) => ({ execute: retryRun })),
  },
  {
    name: 'rerun',
    args: '<run>',
    about: 'Run a workflow again, whole or from a step on',
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
    about: 'Start a second run from what the first had finished',
    options: [
      { name: 'at', value: 'commit', about: 'as it stood at that commit' },
      { name: 'from', value: 'step', about: 'keep nothing from this step on' },
      FILE,
      WAIT,
    ],
    load: () => import('./workflow/fork.ts').then(({ forkRun }) => ({ execute: forkRun })),
  },
  {
    name: 'signal',
    args: '<run> <event>',
    about: 'Tell a run that something happened',
    options: [REASON, FROM],
    load: () => import('./workflow/control.ts').then(({ signalRun }) => ({ execute: signalRun })),
  },
  {
    name: 'budget',
    args: '<run>',
    about: 'Show the budget of a run, or set its limits',
    options: [
      { name: 'usd', value: 'n', about: 'money' },
      { name: 'tokens', value: 'n', about: 'tokens' },
      { name: 'agents', value: 'n', about: 'agents started' },
      { name: 'minutes', value: 'n', about: 'time' },
      FROM,
    ],
    load: () => import('./workflow/control.ts').then(({ budgetRun }) => ({ execute: budgetRun })),
  },
  {
    name: 'amend',
    args: '<run> <file>',
    about: 'Change the plan of a run, as far as it has not started',
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
