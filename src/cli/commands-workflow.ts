/** `crosstalkd workflow …`, or `wf` for short. */
import type { CommandSpec } from './command.ts';
import { AWAITED, AWAY, commandGroup, NOTHING, READ, SENDER, WRITE } from './declare.ts';

const INPUT = {
  '-i, --input <key=value>...': 'an input; key=@file takes its text from a file',
} as const;
const WAIT = {
  '--wait [s]': 'follow the run and print its answer; at most this long (default: 10m)',
} as const;
const AT = { '--at <commit>': 'as of this commit' } as const;
const FILE = { '--file <file>': 'an edited workflow, in place of the one that ran' } as const;
const REMARK = { '-m, --message <text>': 'a comment', ...SENDER } as const;

export const WORKFLOW_COMMANDS: readonly CommandSpec[] = [
  commandGroup(
    'workflow',
    {
      name: 'workflow',
      about: 'Run several steps: ask models, wait for people, loop (wf)',
      agents: true,
    },
    {
      'run <file|name>': {
        about: 'Start a saved workflow, or the one in a file',
        options: {
          ...INPUT,
          '--channel <name>': 'channel of the question and its answer (default: general)',
          '--dry-run': 'run every step with echoes instead of models',
          ...WAIT,
          ...SENDER,
        },
        examples: [
          'crosstalkd workflow run review -i topic=leases',
          'crosstalkd workflow run plan.md --dry-run',
        ],
        exits: AWAITED,
        load: async () => (await import('./workflow/run.ts')).startWorkflow,
      },
      'check <file|name>': {
        about: 'List every mistake of a workflow, with lines',
        agents: true,
        options: INPUT,
        examples: ['crosstalkd workflow check data/workflows/review.md'],
        exits: { ...READ, 2: 'it has mistakes' },
        load: async () => (await import('./workflow/check.ts')).checkFile,
      },
      'plan <file|name>': {
        about: 'Draw the graph, who serves each step, and its limits',
        agents: true,
        options: INPUT,
        examples: ['crosstalkd workflow plan review -i topic=leases'],
        exits: { ...READ, 2: 'it has mistakes' },
        load: async () => (await import('./workflow/check.ts')).planFile,
      },
      'compile <file>': {
        about: 'Have a model turn prose into a workflow, and print it',
        options: {
          '--channel <name>': 'channel of the question (default: general)',
          '--wait <s>': 'wait at most this long (default: 10m)',
          ...SENDER,
        },
        examples: ['crosstalkd workflow compile idea.md'],
        exits: AWAITED,
        load: async () => (await import('./workflow/compile.ts')).compileWorkflow,
      },
      list: {
        about: 'List open and recent runs, and what each waits for',
        agents: true,
        options: {
          '-n, --number <n>': 'show this many (default: 20)',
          '--open': 'only open runs',
        },
        examples: ['crosstalkd workflow list', 'crosstalkd workflow list --open'],
        exits: { ...AWAY, ...NOTHING },
        load: async () => (await import('./workflow/list.ts')).listRuns,
      },
      'show <run>': {
        about: 'Draw a run: state, model, host, time and cost of each task',
        agents: true,
        options: AT,
        examples: ['crosstalkd workflow show review-1f2e'],
        exits: READ,
        load: async () => (await import('./workflow/show.ts')).showRun,
      },
      'why <run>': {
        about: 'Explain what a run waits for, and how to continue',
        agents: true,
        examples: ['crosstalkd workflow why review-1f2e'],
        exits: READ,
        load: async () => (await import('./look/why-run.ts')).explainRun,
      },
      'approve <run> [gate]': {
        about: 'Approve a gate, or answer it with -m',
        options: {
          ...REMARK,
          '--choice <text>': 'the choice, if the gate offers several',
        },
        examples: [
          'crosstalkd workflow approve review-1f2e',
          'crosstalkd workflow approve review-1f2e where --choice blog',
        ],
        exits: WRITE,
        load: async () => (await import('./workflow/gate.ts')).approve,
      },
      'deny <run> [gate]': {
        about: 'Deny a gate; -m says why',
        options: REMARK,
        examples: ['crosstalkd workflow deny review-1f2e ok -m "not before Monday"'],
        exits: WRITE,
        load: async () => (await import('./workflow/gate.ts')).deny,
      },
      'cancel <run>': {
        about: 'End a run: close its tasks, run "finally" steps',
        options: REMARK,
        examples: ['crosstalkd workflow cancel review-1f2e -m "no longer needed"'],
        exits: WRITE,
        load: async () => (await import('./workflow/control.ts')).cancelRun,
      },
      'pause <run>': {
        about: 'Start no new task in a run; what runs finishes',
        options: REMARK,
        examples: ['crosstalkd workflow pause review-1f2e'],
        exits: WRITE,
        load: async () => (await import('./workflow/control.ts')).pauseRun,
      },
      'resume <run>': {
        about: 'Continue a paused run',
        options: REMARK,
        examples: ['crosstalkd workflow resume review-1f2e'],
        exits: WRITE,
        load: async () => (await import('./workflow/control.ts')).resumeRun,
      },
      'retry <run>': {
        about: 'Run again only what failed',
        options: {
          '--step <id>': 'only this step (while the run is open)',
          ...WAIT,
        },
        examples: [
          'crosstalkd workflow retry review-1f2e',
          'crosstalkd workflow retry review-1f2e --step vote',
        ],
        exits: AWAITED,
        load: async () => (await import('./workflow/fork.ts')).retryRun,
      },
      'rerun <run>': {
        about: 'Run a workflow again, whole or from one step',
        options: {
          '--from <step>': 'keep what finished before this step',
          ...FILE,
          ...WAIT,
        },
        examples: ['crosstalkd workflow rerun review-1f2e --from vote'],
        exits: AWAITED,
        load: async () => (await import('./workflow/fork.ts')).rerunRun,
      },
      'fork <run>': {
        about: 'Start a new run that keeps finished steps of this one',
        options: {
          ...AT,
          '--from <step>': 'discard this step and those after it',
          ...FILE,
          ...WAIT,
        },
        examples: ['crosstalkd workflow fork review-1f2e --from vote'],
        exits: AWAITED,
        load: async () => (await import('./workflow/fork.ts')).forkRun,
      },
      'signal <run> <event>': {
        about: 'Send an event to a run',
        options: REMARK,
        examples: ['crosstalkd workflow signal review-1f2e deployed'],
        exits: WRITE,
        load: async () => (await import('./workflow/control.ts')).signalRun,
      },
      'budget <run>': {
        about: 'Show or set the limits of a run',
        options: {
          '--usd <n>': 'limit in US dollars',
          '--tokens <n>': 'limit in tokens',
          '--agents <n>': 'limit of started agents',
          '--minutes <n>': 'limit in minutes since its start',
          ...SENDER,
        },
        examples: [
          'crosstalkd workflow budget review-1f2e',
          'crosstalkd workflow budget review-1f2e --usd 10',
        ],
        exits: WRITE,
        load: async () => (await import('./workflow/control.ts')).budgetRun,
      },
      'amend <run> <file>': {
        about: 'Change steps of a run that have not started',
        options: SENDER,
        examples: ['crosstalkd workflow amend review-1f2e plan.md'],
        exits: WRITE,
        load: async () => (await import('./workflow/control.ts')).amendRun,
      },
    },
  ),
];
