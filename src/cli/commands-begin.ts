/** The commands by which a transport and a host begin. */
import type { CommandSpec } from './command.ts';
import { AWAY, commands, HERE, REFUSED } from './declare.ts';

const ALIAS = {
  '--alias <name>': "this host's name in addresses (default: its host name)",
} as const;

export const BEGIN_COMMANDS: readonly CommandSpec[] = commands('begin', {
  'init [dir]': {
    about: 'Make a transport, or a mailbox inside a repository',
    options: {
      '--remote <url>':
        'an existing repository (default: a new <dir>.git); in a project one of its remotes',
      '--branch <name>':
        'branch of the conversation (default: main; beside other content, crosstalk)',
      ...ALIAS,
      '--demo': 'add a model that repeats what it is sent, and a first message to it',
    },
    examples: [
      'crosstalkd init team --alias laptop',
      'crosstalkd init crew --remote git@example.com:crew.git',
    ],
    exits: { ...AWAY, ...REFUSED },
    load: async () => (await import('./begin/init.ts')).initTransport,
  },
  'run [dir|url...]': {
    about: 'Run the dispatcher: answer for the models of this host',
    options: {
      '--once': 'end when nothing is left to do here',
      '--alias <name>': "this host's name in addresses",
      '--only <models>': 'serve only these models (comma-separated)',
      '--concurrency <n>': 'agents that run at the same time (default: 4)',
      '--interval <s>': 'longest time between two polls of the remote (default: 30s)',
      '--listen <addr>':
        'accept push webhooks and calls of other hosts at this port (this machine only) or host:port',
      '--trace <file>': 'write timings for chrome://tracing or ui.perfetto.dev',
      '--otel':
        'send a trace of each message by OTLP over HTTP; OTEL_* variables name the endpoint',
    },
    examples: ['crosstalkd run', 'crosstalkd run --once --only opus,gpt'],
    exits: {
      ...AWAY,
      1: 'the remote refused work, an order to all hosts ended it, or its terminal was closed',
      5: 'another dispatcher of this host serves this transport',
    },
    load: async () => (await import('./begin/run.ts')).runHost,
  },
  'join [url] [dir]': {
    about: 'Clone a transport, or the mailbox of this project',
    options: {
      '--branch <name>': 'branch of the conversation (default: the one with a transport)',
      '--remote <name>': 'remote of this project that holds its mailbox',
      ...ALIAS,
    },
    examples: ['crosstalkd join git@example.com:crew.git --alias phone', 'crosstalkd join'],
    exits: { ...AWAY, ...REFUSED },
    load: async () => (await import('./begin/join.ts')).joinTransport,
  },
  'allow [model...]': {
    about: 'Approve entries of data/models.yaml for this host',
    options: {
      '--all': 'every entry that waits; exit 0 if none does',
      '--add': 'first add the agent programs of these names to data/models.yaml',
    },
    examples: ['crosstalkd allow opus', 'crosstalkd allow --add claude', 'crosstalkd allow --all'],
    exits: { ...HERE, 3: 'nothing waits to be approved' },
    load: async () => (await import('./begin/allow.ts')).allowModels,
  },
});
