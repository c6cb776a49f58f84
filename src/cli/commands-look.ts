/** The commands that only read. */
import type { CommandSpec } from './command.ts';
import { AWAY, commands, NOTHING, READ } from './declare.ts';

const COUNT = { '-n, --number <n>': 'show this many of the newest' } as const;

/** The filters that `log` and `search` share: `look/filters.ts` applies them. */
const FILTERS = {
  '--from <name>': 'only what this person or model wrote',
  '--to <name>': 'only what is addressed to this name',
  '--model <name>': 'only what was asked of this model, and its answers',
  '--failed': 'only answers that are failures',
  '--since <when>': 'only what is newer: 2026-11-21, or how long ago: 2h, 7d',
} as const;

export const LOOK_COMMANDS: readonly CommandSpec[] = commands('look', {
  status: {
    about: 'Show what is running, waiting, and needs you',
    agents: true,
    options: {
      '--all': 'show everything, not only what fits the window',
      '--config': 'print every setting of this host and its source',
    },
    examples: ['crosstalkd status', 'crosstalkd status --json'],
    exits: { ...AWAY, 1: 'the branch was rewritten' },
    load: async () => (await import('./look/status.ts')).showStatus,
  },
  'why <id|run|model|host>': {
    about: 'Explain where a message, run, gate, model or host stands',
    agents: true,
    examples: ['crosstalkd why 01M8PJ0ECC12', 'crosstalkd why opus'],
    exits: READ,
    load: async () => (await import('./look/why.ts')).explain,
  },
  hosts: {
    about: 'List hosts: what each serves, how busy it is, what it holds',
    agents: true,
    examples: ['crosstalkd hosts'],
    exits: { ...AWAY, ...NOTHING },
    load: async () => (await import('./look/hosts.ts')).showHosts,
  },
  metrics: {
    about: 'Print work, hosts, replies, tokens and cost for Prometheus',
    agents: true,
    options: { '--out <file>': 'replace this file atomically, for the textfile collector' },
    examples: [
      'crosstalkd metrics',
      'crosstalkd metrics --out /var/lib/node_exporter/crosstalk.prom',
    ],
    exits: AWAY,
    load: async () => (await import('./look/metrics.ts')).showMetrics,
  },
  web: {
    about: 'Open a page on this machine: conversations, runs, hosts',
    options: {
      '--port <n>': 'port on 127.0.0.1; 0 = any (default: 7433, or any if that is taken)',
      '--listen <host:port>': 'serve other devices under this name; needs --cert and --key',
      '--cert <file>': 'certificate chain, PEM',
      '--key <file>': 'private key, PEM, readable by you alone',
      '--no-open': 'print the address without opening a browser',
    },
    examples: ['crosstalkd web', 'crosstalkd web --port 8080 --no-open'],
    exits: AWAY,
    load: async () => (await import('../web/serve-page.ts')).servePage,
  },
  channels: {
    about: 'List channels with topic, messages and open work',
    agents: true,
    examples: ['crosstalkd channels'],
    exits: { ...AWAY, ...NOTHING },
    load: async () => (await import('./look/channels.ts')).listChannels,
  },
  'log [channel|id]': {
    about: 'List the newest messages; -f follows',
    agents: true,
    options: {
      ...COUNT,
      '--all': 'each task and failure on its own line (default: on the line of the question)',
      '-f, --follow': 'keep printing new messages',
      ...FILTERS,
    },
    examples: ['crosstalkd log general -n 50', 'crosstalkd log --failed --since 2d'],
    exits: { ...AWAY, ...NOTHING },
    load: async () => (await import('./look/log.ts')).showLog,
  },
  'show <id>': {
    about: 'Print a message with its answers',
    agents: true,
    options: {
      '--raw': 'print the file unchanged',
      '--transcript': "print the output of this host's agents for it",
    },
    examples: ['crosstalkd show 01M8PJ0ECC12', 'crosstalkd show 01M8PJ0ECC12 --transcript'],
    exits: READ,
    load: async () => (await import('./look/show.ts')).showMessage,
  },
  'thread <id|run>': {
    about: 'Draw the thread of a message or run as a tree',
    agents: true,
    examples: ['crosstalkd thread 01M8PJ0ECC12'],
    exits: READ,
    load: async () => (await import('./look/thread.ts')).showThread,
  },
  'search <text>': {
    about: 'Find messages by their text',
    agents: true,
    options: {
      '--channel <name>': 'only in this channel',
      ...COUNT,
      ...FILTERS,
    },
    examples: ['crosstalkd search lease --from opus --since 7d'],
    exits: { ...AWAY, ...NOTHING },
    load: async () => (await import('./look/search.ts')).searchMessages,
  },
  models: {
    about: 'List the models, and which this host serves',
    agents: true,
    examples: ['crosstalkd models'],
    exits: { ...AWAY, ...NOTHING },
    load: async () => (await import('./look/models.ts')).listModels,
  },
});
