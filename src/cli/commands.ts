/** Every command: name, arguments, options, and where it is done. */
import type { CommandSpec } from './command.ts';
import { CARE_COMMANDS, CONTROL_COMMANDS, LOOK_COMMANDS } from './commands-control.ts';
import { TALK_COMMANDS } from './commands-talk.ts';
import { WORKFLOW_COMMAND } from './commands-workflow.ts';

export const COMMANDS: readonly CommandSpec[] = [
  {
    name: 'init',
    args: '[dir]',
    about: 'Make a transport, or a mailbox inside a repository',
    group: 'begin',
    options: [
      {
        name: 'remote',
        value: 'url',
        about: 'an existing repository (default: a new <dir>.git); in a project one of its remotes',
      },
      {
        name: 'branch',
        value: 'name',
        about: 'branch of the conversation (default: main; beside other content, crosstalk)',
      },
      {
        name: 'alias',
        value: 'name',
        about: "this host's name in addresses (default: its host name)",
      },
      {
        name: 'demo',
        about: 'add a model that repeats what it is sent, and a first message to it',
      },
    ],
    load: () => import('./begin/init.ts').then(({ initTransport }) => ({ execute: initTransport })),
  },
  {
    name: 'run',
    args: '[dir|url...]',
    about: 'Run the dispatcher: answer for the models of this host',
    group: 'begin',
    options: [
      { name: 'once', about: 'end when nothing is left to do here' },
      { name: 'alias', value: 'name', about: "this host's name in addresses" },
      { name: 'only', value: 'models', about: 'serve only these models (comma-separated)' },
      { name: 'concurrency', value: 'n', about: 'agents that run at the same time (default: 4)' },
      {
        name: 'interval',
        value: 's',
        about: 'longest time between two polls of the remote (default: 30s)',
      },
      {
        name: 'listen',
        value: 'addr',
        about:
          'accept push webhooks and calls of other hosts at this port (this machine only) or host:port',
      },
      {
        name: 'trace',
        value: 'file',
        about: 'write timings for chrome://tracing or ui.perfetto.dev',
      },
      {
        name: 'otel',
        about: 'send a trace of each message by OTLP over HTTP; OTEL_* variables name the endpoint',
      },
    ],
    load: () => import('./begin/run.ts').then(({ runHost }) => ({ execute: runHost })),
  },
  ...LOOK_COMMANDS,
  ...TALK_COMMANDS,
  ...CONTROL_COMMANDS,
  WORKFLOW_COMMAND,
  ...CARE_COMMANDS,
];
