/** The commands that explain and control, as the table in commands.ts takes them. */
import type { CommandSpec } from './command.ts';

const ALL = { name: 'all', about: 'every host of this transport, not only this one' } as const;

export const LOOK_COMMANDS: readonly CommandSpec[] = [
  {
    name: 'status',
    args: '',
    about: 'Show what is running, waiting, and needs you',
    group: 'look',
    agents: true,
    options: [
      { name: 'all', about: 'show everything, not only what fits the window' },
      { name: 'config', about: 'print every setting of this host and its source' },
    ],
    load: () => import('./look/status.ts').then(({ showStatus }) => ({ execute: showStatus })),
  },
  {
    name: 'why',
    args: '<id|run|model|host>',
    about: 'Explain where a message, run, gate, model or host stands',
    group: 'look',
    agents: true,
    options: [],
    load: () => import('./look/why.ts').then(({ explain }) => ({ execute: explain })),
  },
  {
    name: 'hosts',
    args: '',
    about: 'List hosts: what each serves, how busy it is, what it holds',
    group: 'look',
    agents: true,
    options: [],
    load: () => import('./look/hosts.ts').then(({ showHosts }) => ({ execute: showHosts })),
  },
  {
    name: 'metrics',
    args: '',
    about: 'Print work, hosts, replies, tokens and cost for Prometheus',
    group: 'look',
    agents: true,
    options: [
      {
        name: 'out',
        value: 'file',
        about: 'replace this file atomically, for the textfile collector',
      },
    ],
    load: () => import('./look/metrics.ts').then(({ showMetrics }) => ({ execute: showMetrics })),
  },
  {
    name: 'web',
    args: '',
    about: 'Open a page on this machine: conversations, runs, hosts',
    group: 'look',
    options: [
      {
        name: 'port',
        value: 'n',
        about: 'port on 127.0.0.1; 0 = any (default: 7433, or any if that is taken)',
      },
      {
        name: 'listen',
        value: 'host:port',
        about: 'serve other devices under this name; needs --cert and --key',
      },
      { name: 'cert', value: 'file', about: 'certificate chain, PEM' },
      { name: 'key', value: 'file', about: 'private key, PEM, readable by you alone' },
      { name: 'no-open', about: 'print the address without opening a browser' },
    ],
    load: () => import('../web/serve-page.ts').then(({ servePage }) => ({ execute: servePage })),
  },
];

export const CONTROL_COMMANDS: readonly CommandSpec[] = [
  {
    name: 'cancel',
    args: '<id>',
    about: 'Close a message for everybody who has not answered',
    group: 'control',
    options: [{ name: 'to', value: 'models', about: 'only these recipients (comma-separated)' }],
    load: () =>
      import('./control/cancel.ts').then(({ cancelMessage }) => ({ execute: cancelMessage })),
  },
  {
    name: 'retry',
    args: '<id>',
    about: 'Ask again those who failed or never answered',
    group: 'control',
    options: [{ name: 'to', value: 'models', about: 'only these recipients (comma-separated)' }],
    load: () =>
      import('./control/retry.ts').then(({ retryMessage }) => ({ execute: retryMessage })),
  },
  {
    name: 'ack',
    args: '[id...]',
    about: 'Dismiss a failure, or a file that is not a message',
    group: 'control',
    options: [
      { name: 'failed', about: 'every failure listed' },
      { name: 'message', short: 'm', value: 'text', about: 'why nothing has to be done' },
      { name: 'from', value: 'name', about: 'your name (default: git user.name)' },
    ],
    load: () => import('./control/ack.ts').then(({ acknowledge }) => ({ execute: acknowledge })),
  },
  {
    name: 'answer',
    args: '<id> [choice]',
    about: 'Answer what an agent asks: approve, deny, or a text',
    group: 'control',
    options: [
      { name: 'message', short: 'm', value: 'text', about: 'the answer, or a comment on it' },
      { name: 'from', value: 'name', about: 'who answers (default: git user.name)' },
    ],
    load: () =>
      import('./control/answer.ts').then(({ answerQuestion }) => ({ execute: answerQuestion })),
  },
  {
    name: 'adopt',
    args: '<id>',
    about: 'Publish or discard an answer that came too late',
    group: 'control',
    options: [
      { name: 'to', value: 'model', about: 'only the answer of this recipient' },
      { name: 'discard', about: 'delete it from this host instead' },
      { name: 'from', value: 'name', about: 'your name (default: git user.name)' },
    ],
    load: () => import('./control/adopt.ts').then(({ adoptLate }) => ({ execute: adoptLate })),
  },
  {
    name: 'pause',
    args: '',
    about: 'Claim no new work until resume; what runs continues',
    group: 'control',
    options: [ALL],
    load: () => import('./control/control.ts').then(({ pause }) => ({ execute: pause })),
  },
  {
    name: 'resume',
    args: '[model]',
    about: 'Claim work again, or let a resting model work again',
    group: 'control',
    options: [ALL],
    load: () => import('./control/control.ts').then(({ resume }) => ({ execute: resume })),
  },
  {
    name: 'drain',
    args: '',
    about: 'Finish what runs, claim no new work, then end',
    group: 'control',
    options: [ALL],
    load: () => import('./control/control.ts').then(({ drain }) => ({ execute: drain })),
  },
  {
    name: 'stop',
    args: '',
    about: 'End the dispatcher within the grace period, like SIGTERM',
    group: 'control',
    options: [ALL],
    load: () => import('./control/control.ts').then(({ stop }) => ({ execute: stop })),
  },
];

const YES = { name: 'yes', short: 'y', about: 'do not ask for confirmation' } as const;

const MANAGER = {
  name: 'manager',
  value: 'name',
  about: 'systemd or launchd (default: by platform)',
} as const;

const SERVICE_COMMAND: CommandSpec = {
  name: 'service',
  args: '',
  about: 'Manage the dispatcher as a service of this user',
  group: 'care',
  options: [],
  subcommands: [
    {
      name: 'service install',
      args: '[dir|url]',
      about: 'Install and start the service, with the PATH of this shell',
      group: 'care',
      options: [
        { name: 'alias', value: 'name', about: "this host's name in addresses" },
        { name: 'print', about: 'print the unit and write nothing' },
        { name: 'no-start', about: 'write the unit without starting it' },
        { name: 'force', about: 'replace a unit that was changed by hand' },
        MANAGER,
      ],
      load: () =>
        import('./care/service.ts').then(({ installService }) => ({ execute: installService })),
    },
    {
      name: 'service uninstall',
      args: '[dir|url]',
      about: 'Stop the service and remove its unit',
      group: 'care',
      options: [{ name: 'force', about: 'remove a unit that was changed by hand too' }, MANAGER],
      load: () =>
        import('./care/service.ts').then(({ uninstallService }) => ({ execute: uninstallService })),
    },
    {
      name: 'service status',
      args: '[dir|url]',
      about: 'Show whether the service runs, and where its log is',
      group: 'care',
      options: [MANAGER],
      load: () => import('./care/service.ts').then(({ showService }) => ({ execute: showService })),
    },
  ],
  load: () => import('./care/service.ts').then(({ showService }) => ({ execute: showService })),
};

const HOST_NAME = { name: 'host', about: 'the name names a host' } as const;

const TRUST_COMMAND: CommandSpec = {
  name: 'trust',
  args: '',
  about: 'Manage the signing keys that this host knows',
  group: 'care',
  options: [],
  subcommands: [
    {
      name: 'trust list',
      args: '',
      about: 'List what must be signed here, and every known key',
      group: 'care',
      options: [],
      load: () => import('./care/trust.ts').then(({ listTrust }) => ({ execute: listTrust })),
    },
    {
      name: 'trust on',
      args: '[kind...]',
      about: 'Require signatures on this host',
      group: 'care',
      options: [],
      load: () => import('./care/trust.ts').then(({ turnOnTrust }) => ({ execute: turnOnTrust })),
    },
    {
      name: 'trust off',
      args: '',
      about: 'Require no signatures on this host',
      group: 'care',
      options: [],
      load: () => import('./care/trust.ts').then(({ turnOffTrust }) => ({ execute: turnOffTrust })),
    },
    {
      name: 'trust add',
      args: '<name> [key|file|-]',
      about: 'Add a key of a person or host',
      group: 'care',
      options: [HOST_NAME],
      load: () => import('./care/trust.ts').then(({ addTrust }) => ({ execute: addTrust })),
    },
    {
      name: 'trust remove',
      args: '<name>',
      about: 'Remove every key of a person or host',
      group: 'care',
      options: [HOST_NAME],
      load: () => import('./care/trust.ts').then(({ removeTrust }) => ({ execute: removeTrust })),
    },
    {
      name: 'trust key',
      args: '',
      about: 'Print the public key that this host signs with',
      group: 'care',
      options: [],
      load: () => import('./care/trust.ts').then(({ printKey }) => ({ execute: printKey })),
    },
    {
      name: 'trust message',
      args: '<id>',
      about: 'Accept a message, file or folder here without a signature',
      group: 'care',
      options: [],
      load: () => import('./care/trust.ts').then(({ trustMessage }) => ({ execute: trustMessage })),
    },
  ],
  load: () => import('./care/trust.ts').then(({ listTrust }) => ({ execute: listTrust })),
};

export const CARE_COMMANDS: readonly CommandSpec[] = [
  TRUST_COMMAND,
  {
    name: 'doctor',
    args: '',
    about: 'Check git, remote, state and models of this host',
    group: 'care',
    options: [{ name: 'fix', about: 'repair what is possible, then check again' }],
    load: () => import('./care/doctor.ts').then(({ examine }) => ({ execute: examine })),
  },
  {
    name: 'verify',
    args: '',
    about: 'Check the promises of the protocol over all history',
    group: 'care',
    agents: true,
    options: [{ name: 'signatures', about: 'report instead which known keys signed it' }],
    load: () => import('./care/verify.ts').then(({ verify }) => ({ execute: verify })),
  },
  {
    name: 'archive',
    args: '[channel...]',
    about: 'Move ended channels and runs off the tip of the branch',
    group: 'care',
    options: [
      {
        name: 'older-than',
        value: 'time',
        about: 'every channel without new messages for this long, such as 90d',
      },
      { name: 'runs', about: 'only channels of workflow runs' },
      { name: 'dry-run', about: 'say what would move and what would stay' },
      { name: 'undo', about: 'bring these channels back to the tip' },
    ],
    load: () =>
      import('./care/archive.ts').then(({ archiveChannels }) => ({ execute: archiveChannels })),
  },
  {
    name: 'accept-rewrite',
    args: '',
    about: 'Show how the branch was rewritten, and accept it',
    group: 'care',
    options: [YES],
    load: () =>
      import('./care/accept-rewrite.ts').then(({ acceptRewritten }) => ({
        execute: acceptRewritten,
      })),
  },
  SERVICE_COMMAND,
  {
    name: 'remote',
    args: '',
    about: 'Manage the remote of the conversation',
    group: 'care',
    options: [],
    subcommands: [
      {
        name: 'remote add',
        args: '<url>',
        about: 'Move a transport of this machine to a remote',
        group: 'care',
        options: [],
        load: () =>
          import('./care/add-remote.ts').then(({ addRemote }) => ({ execute: addRemote })),
      },
    ],
    load: () => import('./care/add-remote.ts').then(({ addRemote }) => ({ execute: addRemote })),
  },
  {
    name: 'upgrade-transport',
    args: '',
    about: 'Update the pages that init wrote',
    group: 'care',
    options: [YES],
    load: () =>
      import('./care/upgrade-transport.ts').then(({ upgradeTransport }) => ({
        execute: upgradeTransport,
      })),
  },
  {
    name: 'forget',
    args: '<dir|url>',
    about: 'Remove a transport, and its refs on the remote, from here',
    group: 'care',
    options: [
      YES,
      { name: 'force', about: 'even what exists nowhere else, and while the remote is away' },
    ],
    load: () =>
      import('./care/forget.ts').then(({ forgetTransport }) => ({ execute: forgetTransport })),
  },
];
