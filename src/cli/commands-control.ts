/** The commands that explain and control, as the table in commands.ts takes them. */
import type { CommandSpec } from './command.ts';

const ALL = { name: 'all', about: 'every host of this transport, not only this one' } as const;

export const LOOK_COMMANDS: readonly CommandSpec[] = [
  {
    name: 'status',
    args: '',
    about: 'what is going on, and what needs you with the command that fixes it',
    group: 'look',
    agents: true,
    options: [
      { name: 'all', about: 'also what the window has no room for' },
      { name: 'config', about: 'print every setting of this host and where it comes from' },
    ],
    load: () => import('./look/status.ts').then(({ showStatus }) => ({ execute: showStatus })),
  },
  {
    name: 'why',
    args: '<id|run|model|host>',
    about: 'where a message, run, gate, model or host stands, why, and what moves it',
    group: 'look',
    agents: true,
    options: [],
    load: () => import('./look/why.ts').then(({ explain }) => ({ execute: explain })),
  },
  {
    name: 'hosts',
    args: '',
    about: 'every host: what it serves, how busy it is, what it holds',
    group: 'look',
    agents: true,
    options: [],
    load: () => import('./look/hosts.ts').then(({ showHosts }) => ({ execute: showHosts })),
  },
  {
    name: 'metrics',
    args: '',
    about: 'work, hosts, models, replies, tokens and cost as numbers for Prometheus',
    group: 'look',
    agents: true,
    options: [
      {
        name: 'out',
        value: 'file',
        about: 'put them into a file at once, for the textfile collector',
      },
    ],
    load: () => import('./look/metrics.ts').then(({ showMetrics }) => ({ execute: showMetrics })),
  },
  {
    name: 'web',
    args: '',
    about: 'a page on this machine: conversations, runs, hosts and charts, live',
    group: 'look',
    options: [
      {
        name: 'port',
        value: 'n',
        about: 'port of 127.0.0.1; 0 = any (default: 7433, or any when it is taken)',
      },
      { name: 'no-open', about: 'only print the address; open no browser' },
    ],
    load: () => import('../web/serve-page.ts').then(({ servePage }) => ({ execute: servePage })),
  },
];

export const CONTROL_COMMANDS: readonly CommandSpec[] = [
  {
    name: 'cancel',
    args: '<id>',
    about: 'close a message for everybody who has not answered; running agents are stopped',
    group: 'control',
    options: [{ name: 'to', value: 'models', about: 'only these recipients (comma-separated)' }],
    load: () =>
      import('./control/cancel.ts').then(({ cancelMessage }) => ({ execute: cancelMessage })),
  },
  {
    name: 'retry',
    args: '<id>',
    about: 'ask again, as a new message, those who failed or never answered',
    group: 'control',
    options: [{ name: 'to', value: 'models', about: 'only these recipients (comma-separated)' }],
    load: () =>
      import('./control/retry.ts').then(({ retryMessage }) => ({ execute: retryMessage })),
  },
  {
    name: 'ack',
    args: '[id...]',
    about: 'dismiss a failure, or a file that is no message, for everybody',
    group: 'control',
    options: [
      { name: 'failed', about: 'every failure that is listed' },
      { name: 'message', short: 'm', value: 'text', about: 'why nothing has to be done' },
      { name: 'from', value: 'name', about: 'who says so (default: git user.name)' },
    ],
    load: () => import('./control/ack.ts').then(({ acknowledge }) => ({ execute: acknowledge })),
  },
  {
    name: 'answer',
    args: '<id> [choice]',
    about: 'answer what an agent asks: approve or deny, or a text with -m',
    group: 'control',
    options: [
      { name: 'message', short: 'm', value: 'text', about: 'the answer, or what you add to it' },
      { name: 'from', value: 'name', about: 'who answers (default: git user.name)' },
    ],
    load: () =>
      import('./control/answer.ts').then(({ answerQuestion }) => ({ execute: answerQuestion })),
  },
  {
    name: 'adopt',
    args: '<id>',
    about: 'publish what an agent of this host answered too late, by hand, or discard it',
    group: 'control',
    options: [
      { name: 'to', value: 'model', about: 'only what this recipient said' },
      { name: 'discard', about: 'remove it from this host instead' },
      { name: 'from', value: 'name', about: 'who says so (default: git user.name)' },
    ],
    load: () => import('./control/adopt.ts').then(({ adoptLate }) => ({ execute: adoptLate })),
  },
  {
    name: 'pause',
    args: '',
    about: 'claim nothing new until resume; what runs goes on',
    group: 'control',
    options: [ALL],
    load: () => import('./control/control.ts').then(({ pause }) => ({ execute: pause })),
  },
  {
    name: 'resume',
    args: '[model]',
    about: 'take work again, or end the rest of one model',
    group: 'control',
    options: [ALL],
    load: () => import('./control/control.ts').then(({ resume }) => ({ execute: resume })),
  },
  {
    name: 'drain',
    args: '',
    about: 'finish what runs, claim nothing new, then end',
    group: 'control',
    options: [ALL],
    load: () => import('./control/control.ts').then(({ drain }) => ({ execute: drain })),
  },
  {
    name: 'stop',
    args: '',
    about: 'end within the grace period, like SIGTERM',
    group: 'control',
    options: [ALL],
    load: () => import('./control/control.ts').then(({ stop }) => ({ execute: stop })),
  },
];

const YES = { name: 'yes', short: 'y', about: 'do it without asking' } as const;

const MANAGER = {
  name: 'manager',
  value: 'name',
  about: 'systemd or launchd (default: that of this platform)',
} as const;

const SERVICE_COMMAND: CommandSpec = {
  name: 'service',
  args: '',
  about: 'the dispatcher as a service of this user: systemd or launchd keeps it running',
  group: 'care',
  options: [],
  subcommands: [
    {
      name: 'service install',
      args: '[dir|url]',
      about: 'write the unit with a PATH that finds the agent programs, and start it',
      group: 'care',
      options: [
        { name: 'alias', value: 'name', about: "this host's name in addresses" },
        { name: 'print', about: 'print the unit and write nothing' },
        { name: 'no-start', about: 'write it, start nothing' },
        { name: 'force', about: 'replace one of ours that was changed by hand' },
        MANAGER,
      ],
      load: () =>
        import('./care/service.ts').then(({ installService }) => ({ execute: installService })),
    },
    {
      name: 'service uninstall',
      args: '[dir|url]',
      about: 'stop it and take the unit away',
      group: 'care',
      options: [{ name: 'force', about: 'also one that was changed by hand' }, MANAGER],
      load: () =>
        import('./care/service.ts').then(({ uninstallService }) => ({ execute: uninstallService })),
    },
    {
      name: 'service status',
      args: '[dir|url]',
      about: 'whether it is installed and runs, and where its log is',
      group: 'care',
      options: [MANAGER],
      load: () => import('./care/service.ts').then(({ showService }) => ({ execute: showService })),
    },
  ],
  load: () => import('./care/service.ts').then(({ showService }) => ({ execute: showService })),
};

const HOST_NAME = { name: 'host', about: 'the name is that of a host' } as const;

const TRUST_COMMAND: CommandSpec = {
  name: 'trust',
  args: '',
  about: 'whose signatures this host knows; what has to be signed says require-signed',
  group: 'care',
  options: [],
  subcommands: [
    {
      name: 'trust list',
      args: '',
      about: 'what has to be signed here, and every key that is known',
      group: 'care',
      options: [],
      load: () => import('./care/trust.ts').then(({ listTrust }) => ({ execute: listTrust })),
    },
    {
      name: 'trust add',
      args: '<name> [key|file|-]',
      about: 'know a key of a person, or of a host; without a key the one that its beat tells',
      group: 'care',
      options: [HOST_NAME],
      load: () => import('./care/trust.ts').then(({ addTrust }) => ({ execute: addTrust })),
    },
    {
      name: 'trust remove',
      args: '<name>',
      about: 'forget every key of a person or host',
      group: 'care',
      options: [HOST_NAME],
      load: () => import('./care/trust.ts').then(({ removeTrust }) => ({ execute: removeTrust })),
    },
    {
      name: 'trust key',
      args: '',
      about: 'print the public key by which this host signs what it commits',
      group: 'care',
      options: [],
      load: () => import('./care/trust.ts').then(({ printKey }) => ({ execute: printKey })),
    },
    {
      name: 'trust message',
      args: '<id>',
      about: 'let one message count here without a signature, as it stands now',
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
    about: 'check git, remote, state and models of this host',
    group: 'care',
    options: [{ name: 'fix', about: 'repair what can be repaired, then check again' }],
    load: () => import('./care/doctor.ts').then(({ examine }) => ({ execute: examine })),
  },
  {
    name: 'verify',
    args: '',
    about: 'check the promises of the protocol over the whole history',
    group: 'care',
    agents: true,
    options: [],
    load: () => import('./care/verify.ts').then(({ verify }) => ({ execute: verify })),
  },
  {
    name: 'archive',
    args: '[channel...]',
    about:
      'move channels and runs that have ended out of the tip of the branch, where every push pays for them; they stay readable',
    group: 'care',
    options: [
      {
        name: 'older-than',
        value: 'time',
        about: 'every channel in which nothing was written for so long, such as 90d',
      },
      { name: 'runs', about: 'only channels of workflow runs' },
      { name: 'dry-run', about: 'say what would go and what would stay, and do nothing' },
      { name: 'undo', about: 'bring the channels named back to the tip' },
    ],
    load: () =>
      import('./care/archive.ts').then(({ archiveChannels }) => ({ execute: archiveChannels })),
  },
  {
    name: 'accept-rewrite',
    args: '',
    about:
      'go on with a branch whose history or CROSSTALK-VERSION was rewritten, after showing what changed',
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
    about: 'where the conversation is kept',
    group: 'care',
    options: [],
    subcommands: [
      {
        name: 'remote add',
        args: '<url>',
        about: 'take a transport of this machine to a remote, with everything',
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
    about: 'bring the pages that init wrote to those of this version; what people changed stays',
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
    about:
      "take a transport off this host: state, service, approvals, and this host's refs on the remote",
    group: 'care',
    options: [
      YES,
      { name: 'force', about: 'also what exists nowhere else, and when the remote is away' },
    ],
    load: () =>
      import('./care/forget.ts').then(({ forgetTransport }) => ({ execute: forgetTransport })),
  },
];
