/** The commands by which people talk and read: their rows of the table. */
import type { CommandSpec, OptionSpec } from './command.ts';
import { FILTER_OPTIONS } from './filter-options.ts';

const COUNT: OptionSpec = {
  name: 'number',
  short: 'n',
  value: 'n',
  about: 'show this many of the newest',
};

/** Join, talk and look, in the order of the help. */
export const TALK_COMMANDS: readonly CommandSpec[] = [
  {
    name: 'join',
    args: '[url] [dir]',
    about: 'Clone a transport, or the mailbox of this project',
    group: 'begin',
    options: [
      {
        name: 'branch',
        value: 'name',
        about: 'branch of the conversation (default: the one with a transport)',
      },
      { name: 'remote', value: 'name', about: 'remote of this project that holds its mailbox' },
      {
        name: 'alias',
        value: 'name',
        about: "this host's name in addresses (default: its host name)",
      },
    ],
    load: () => import('./begin/join.ts').then(({ joinTransport }) => ({ execute: joinTransport })),
  },
  {
    name: 'continue',
    args: '<id>',
    about: 'Let a model continue a thread, here or on another host',
    group: 'talk',
    options: [
      { name: 'on', value: 'host', about: 'only this host' },
      { name: 'as', value: 'model', about: 'another model than the last one' },
      { name: 'message', short: 'm', value: 'text', about: 'the message to it (default: Go on.)' },
      { name: 'from', value: 'name', about: 'your name (default: git user.name)' },
    ],
    load: () =>
      import('./talk/continue.ts').then(({ continueThread }) => ({ execute: continueThread })),
  },
  {
    name: 'ask',
    args: '',
    about: 'Ask a person and end the turn (for agents)',
    group: 'talk',
    agents: true,
    options: [
      { name: 'to', value: 'name', about: 'who is asked (default: who asked the agent)' },
      { name: 'message', short: 'm', value: 'text', about: 'the question (default: stdin)' },
      { name: 'permission', about: 'ask to be allowed what the text says, and wait: 0 yes, 1 no' },
    ],
    load: () => import('./talk/ask.ts').then(({ askPerson }) => ({ execute: askPerson })),
  },
  {
    name: 'send',
    args: '[file]',
    about: 'Publish a message: -m text, a file, - for standard input',
    group: 'talk',
    agents: true,
    options: [
      {
        name: 'to',
        value: 'names',
        many: true,
        about:
          'who is asked: a model, model@host, all, or a person (default with --re: its author)',
      },
      { name: 'message', short: 'm', value: 'text', about: 'the text' },
      {
        name: 'channel',
        value: 'name',
        about: 'channel of the message (default: general, or that of --re)',
      },
      { name: 're', value: 'id', many: true, about: 'the message that this one answers' },
      { name: 'subject', value: 'text', about: 'a title' },
      { name: 'as', value: 'name', about: 'persona that the model answers as' },
      { name: 'priority', value: 'n', about: '-9 to 9, higher first' },
      {
        name: 'project',
        value: 'name',
        about: 'project in whose directory the model works',
      },
      {
        name: 'file',
        value: 'path',
        many: true,
        about: 'attach this file (up to 32, 8 MiB together)',
      },
      { name: 'edit', about: 'write the text in $VISUAL or $EDITOR' },
      {
        name: 'wait',
        value: 's',
        optional: true,
        about: 'wait for the answers and print them; at most this long (default: 10m)',
      },
      {
        name: 'from',
        value: 'name',
        about: 'the sender (default: $CROSSTALK_FROM, then git user.name)',
      },
      { name: 'force', about: 'send even to unknown names' },
    ],
    load: () => import('./talk/send.ts').then(({ sendMessage }) => ({ execute: sendMessage })),
  },
  {
    name: 'wait',
    args: '<id> [s]',
    about: 'Wait until a message is answered and print the answers',
    group: 'talk',
    agents: true,
    options: [],
    load: () =>
      import('./talk/wait.ts').then(({ waitForMessage }) => ({ execute: waitForMessage })),
  },
  {
    name: 'channels',
    args: '',
    about: 'List channels with topic, messages and open work',
    group: 'look',
    agents: true,
    options: [],
    load: () =>
      import('./look/channels.ts').then(({ listChannels }) => ({ execute: listChannels })),
  },
  {
    name: 'log',
    args: '[channel|id]',
    about: 'List the newest messages; -f follows',
    group: 'look',
    agents: true,
    options: [
      COUNT,
      { name: 'all', about: 'show each task of a run (default: one line per run)' },
      { name: 'follow', short: 'f', about: 'keep printing new messages' },
      ...FILTER_OPTIONS,
    ],
    load: () => import('./look/log.ts').then(({ showLog }) => ({ execute: showLog })),
  },
  {
    name: 'show',
    args: '<id>',
    about: 'Print a message with its answers',
    group: 'look',
    agents: true,
    options: [
      { name: 'raw', about: 'print the file unchanged' },
      { name: 'transcript', about: "print the output of this host's agents for it" },
    ],
    load: () => import('./look/show.ts').then(({ showMessage }) => ({ execute: showMessage })),
  },
  {
    name: 'thread',
    args: '<id>',
    about: 'Draw the thread of a message or run as a tree',
    group: 'look',
    agents: true,
    options: [],
    load: () => import('./look/thread.ts').then(({ showThread }) => ({ execute: showThread })),
  },
  {
    name: 'search',
    args: '<text>',
    about: 'Find messages by their text',
    group: 'look',
    agents: true,
    options: [
      { name: 'channel', value: 'name', about: 'only in this channel' },
      COUNT,
      ...FILTER_OPTIONS,
    ],
    load: () =>
      import('./look/search.ts').then(({ searchMessages }) => ({ execute: searchMessages })),
  },
  {
    name: 'models',
    args: '',
    about: 'List the models, and which this host serves',
    group: 'look',
    agents: true,
    options: [],
    load: () => import('./look/models.ts').then(({ listModels }) => ({ execute: listModels })),
  },
  {
    name: 'allow',
    args: '[model...]',
    about: 'Approve entries of data/models.yaml for this host',
    group: 'begin',
    options: [
      { name: 'all', about: 'every entry that waits; exit 0 if none does' },
      { name: 'add', about: 'first add the agent programs of these names to data/models.yaml' },
    ],
    load: () => import('./begin/allow.ts').then(({ allowModels }) => ({ execute: allowModels })),
  },
  {
    name: 'lint',
    args: '[file...]',
    about: 'Check files before they are sent, or the whole transport',
    group: 'care',
    agents: true,
    options: [],
    load: () => import('./care/lint.ts').then(({ lintFiles }) => ({ execute: lintFiles })),
  },
  {
    name: 'mcp',
    args: '',
    about: 'Serve send, wait, reading and workflows as MCP tools',
    group: 'talk',
    agents: true,
    options: [
      { name: 'allow-decisions', about: 'add tools that decide gates in your name' },
      {
        name: 'permissions',
        about: 'only the tool by which claude asks to be allowed (for agents)',
      },
    ],
    load: () => import('./talk/mcp.ts').then(({ serveMcp }) => ({ execute: serveMcp })),
  },
  {
    name: 'completion',
    args: '<shell> [kind...]',
    about: 'Print the completion script for bash, zsh or fish',
    group: 'care',
    agents: true,
    options: [],
    load: () =>
      import('./care/completion.ts').then(({ printCompletion }) => ({ execute: printCompletion })),
  },
  {
    name: 'man',
    args: '',
    about: 'Print the manual page',
    group: 'care',
    agents: true,
    options: [],
    load: () =>
      import('./care/man-page.ts').then(({ printManPage }) => ({ execute: printManPage })),
  },
];
