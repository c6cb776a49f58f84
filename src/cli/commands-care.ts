/** The commands that take care of a host and a transport. */
import type { CommandSpec } from './command.ts';
import {
  AWAY,
  commandGroup,
  commands,
  GONE,
  HERE,
  NOTHING,
  READ,
  REFUSED,
  WRITE,
} from './declare.ts';

const YES = { '-y, --yes': 'do not ask for confirmation' } as const;
const HOST = { '--host': 'the name is that of a host' } as const;
const MANAGER = { '--manager <name>': 'systemd or launchd (default: by platform)' } as const;

export const CARE_COMMANDS: readonly CommandSpec[] = [
  ...commands('care', {
    'lint [file...]': {
      about: 'Check files before they are sent, or the whole transport',
      agents: true,
      examples: ['crosstalkd lint draft.md', 'crosstalkd lint'],
      exits: { ...AWAY, 2: 'a file would be rejected, or there is none' },
      load: async () => (await import('./care/lint.ts')).lintFiles,
    },
    'completion <shell> [kind...]': {
      about: 'Print the completion script for bash, zsh or fish',
      agents: true,
      examples: [
        'crosstalkd completion bash > ~/.local/share/bash-completion/completions/crosstalkd',
      ],
      exits: HERE,
      load: async () => (await import('./care/completion.ts')).printCompletion,
    },
    man: {
      about: 'Print the manual page',
      agents: true,
      examples: ['crosstalkd man | man -l -'],
      exits: HERE,
      load: async () => (await import('./care/man-page.ts')).printManPage,
    },
  }),
  commandGroup(
    'care',
    { name: 'trust', about: 'Manage the signing keys that this host knows' },
    {
      list: {
        about: 'List what must be signed here, and every known key',
        examples: ['crosstalkd trust list'],
        exits: { ...AWAY, ...NOTHING },
        load: async () => (await import('./care/trust.ts')).listTrust,
      },
      'on [kind...]': {
        about: 'Require signatures on this host',
        examples: ['crosstalkd trust on', 'crosstalkd trust on external gates hosts'],
        exits: HERE,
        load: async () => (await import('./care/trust.ts')).turnOnTrust,
      },
      off: {
        about: 'Require no signatures on this host',
        examples: ['crosstalkd trust off'],
        exits: HERE,
        load: async () => (await import('./care/trust.ts')).turnOffTrust,
      },
      'add <name> [key|file|-]': {
        about: 'Add a key of a person or host',
        options: HOST,
        examples: ['crosstalkd trust add ada ~/.ssh/ada.pub', 'crosstalkd trust add laptop --host'],
        exits: { ...AWAY, ...GONE },
        load: async () => (await import('./care/trust.ts')).addTrust,
      },
      'remove <name>': {
        about: 'Remove every key of a person or host',
        options: HOST,
        examples: ['crosstalkd trust remove ada'],
        exits: { ...HERE, ...GONE },
        load: async () => (await import('./care/trust.ts')).removeTrust,
      },
      key: {
        about: 'Print the public key that this host signs with',
        examples: ['crosstalkd trust key'],
        exits: HERE,
        load: async () => (await import('./care/trust.ts')).printKey,
      },
      'message <id>': {
        about: 'Accept a message, file or folder here without a signature',
        examples: [
          'crosstalkd trust message 01M8PJ0ECC12',
          'crosstalkd trust message data/workflows',
        ],
        exits: READ,
        load: async () => (await import('./care/trust.ts')).trustMessage,
      },
    },
  ),
  ...commands('care', {
    doctor: {
      about: 'Check git, remote, state and models of this host',
      options: { '--fix': 'repair what is possible, then check again' },
      examples: ['crosstalkd doctor', 'crosstalkd doctor --fix'],
      exits: { ...AWAY, 1: 'something is wrong' },
      load: async () => (await import('./care/doctor.ts')).examine,
    },
    verify: {
      about: 'Check the promises of the protocol over all history',
      agents: true,
      options: { '--signatures': 'report instead which known keys signed it' },
      examples: ['crosstalkd verify'],
      exits: { ...AWAY, 1: 'a promise is broken' },
      load: async () => (await import('./care/verify.ts')).verify,
    },
    'archive [channel...]': {
      about: 'Move ended channels and runs off the tip of the branch',
      options: {
        '--older-than <time>': 'every channel without new messages for this long, such as 90d',
        '--runs': 'only channels of workflow runs',
        '--dry-run': 'show what would move and what would stay',
        '--undo': 'bring these channels back to the tip',
      },
      examples: [
        'crosstalkd archive --older-than 90d --dry-run',
        'crosstalkd archive old-topic --undo',
      ],
      exits: { ...WRITE, 3: 'there is nothing to move' },
      load: async () => (await import('./care/archive.ts')).archiveChannels,
    },
    'accept-rewrite': {
      about: 'Show how the branch was rewritten, and accept it',
      options: YES,
      examples: ['crosstalkd accept-rewrite'],
      exits: { ...AWAY, 1: 'it was not confirmed', 3: 'nothing was rewritten' },
      load: async () => (await import('./care/accept-rewrite.ts')).acceptRewritten,
    },
  }),
  commandGroup(
    'care',
    { name: 'service', about: 'Manage the dispatcher as a service of this user' },
    {
      'install [dir|url]': {
        about: 'Install and start the service, with the PATH of this shell',
        options: {
          '--alias <name>': "this host's name in addresses",
          '--print': 'print the unit and write nothing',
          '--no-start': 'write the unit without starting it',
          '--force': 'replace a unit that was changed by hand',
          ...MANAGER,
        },
        examples: ['crosstalkd service install', 'crosstalkd service install --print'],
        exits: { ...AWAY, ...REFUSED },
        load: async () => (await import('./care/service.ts')).installService,
      },
      'uninstall [dir|url]': {
        about: 'Stop the service and remove its unit',
        options: {
          '--force': 'remove a unit that was changed by hand too',
          ...MANAGER,
        },
        examples: ['crosstalkd service uninstall'],
        exits: { ...HERE, ...REFUSED, 3: 'it is not installed' },
        load: async () => (await import('./care/service.ts')).uninstallService,
      },
      'status [dir|url]': {
        about: 'Show whether the service runs, and where its log is',
        options: MANAGER,
        examples: ['crosstalkd service status'],
        exits: { ...HERE, 3: 'it is not installed' },
        load: async () => (await import('./care/service.ts')).showService,
      },
    },
  ),
  commandGroup(
    'care',
    { name: 'remote', about: 'Manage the remote of the conversation' },
    {
      'add <url>': {
        about: 'Move a transport of this machine to a remote',
        examples: ['crosstalkd remote add git@example.com:crew.git'],
        exits: { ...AWAY, ...REFUSED },
        load: async () => (await import('./care/add-remote.ts')).addRemote,
      },
    },
  ),
  ...commands('care', {
    'upgrade-transport': {
      about: 'Update the pages that init wrote',
      options: YES,
      examples: ['crosstalkd upgrade-transport --yes'],
      exits: { ...AWAY, ...REFUSED },
      load: async () => (await import('./care/upgrade-transport.ts')).upgradeTransport,
    },
    'forget <dir|url>': {
      about: 'Remove a transport, and its refs on the remote, from here',
      options: {
        ...YES,
        '--force': 'even what exists nowhere else, or while the remote is away',
      },
      examples: ['crosstalkd forget ~/team --yes'],
      exits: { ...AWAY, ...REFUSED },
      load: async () => (await import('./care/forget.ts')).forgetTransport,
    },
  }),
];
