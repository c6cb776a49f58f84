/** The commands that decide about messages and hosts. */
import type { CommandSpec } from './command.ts';
import { commands, ORDER, WRITE, YOU } from './declare.ts';

const ALL_HOSTS = { '--all': 'every host of this transport, not only this one' } as const;
const ONLY_TO = { '--to <models>': 'only these recipients (comma-separated)' } as const;

export const CONTROL_COMMANDS: readonly CommandSpec[] = commands('control', {
  'cancel <id>': {
    about: 'Close a message for everybody who has not answered',
    options: ONLY_TO,
    examples: ['crosstalkd cancel 01M8PJ0ECC12', 'crosstalkd cancel 01M8PJ0ECC12 --to gpt'],
    exits: WRITE,
    load: async () => (await import('./control/cancel.ts')).cancelMessage,
  },
  'retry <id>': {
    about: 'Ask again those who failed or never answered',
    options: ONLY_TO,
    examples: ['crosstalkd retry 01M8PJ0ECC12'],
    exits: WRITE,
    load: async () => (await import('./control/retry.ts')).retryMessage,
  },
  'ack [id|run...]': {
    about: 'Dismiss a failure, or a file that is not a message',
    options: {
      '--failed': 'every failure listed',
      '-m, --message <text>': 'why no action is needed',
      ...YOU,
    },
    examples: ['crosstalkd ack 01M8PJ0ECC12 -m "known outage"', 'crosstalkd ack --failed'],
    exits: WRITE,
    load: async () => (await import('./control/ack.ts')).acknowledge,
  },
  'answer <id> [choice]': {
    about: 'Answer what an agent asks: approve, deny, or a text',
    options: {
      '-m, --message <text>': 'the answer, or a comment on it',
      '--from <name>': 'who answers (default: git user.name)',
    },
    examples: [
      'crosstalkd answer 01M8PJ0ECC12 approve',
      'crosstalkd answer 01M8PJ0ECC12 -m "Only the branches that are merged."',
    ],
    exits: WRITE,
    load: async () => (await import('./control/answer.ts')).answerQuestion,
  },
  'adopt <id>': {
    about: 'Publish or discard an answer that came too late',
    options: {
      '--to <model>': 'only the answer of this recipient',
      '--discard': 'delete it from this host instead',
      ...YOU,
    },
    examples: ['crosstalkd adopt 01M8PJ0ECC12', 'crosstalkd adopt 01M8PJ0ECC12 --discard'],
    exits: WRITE,
    load: async () => (await import('./control/adopt.ts')).adoptLate,
  },
  pause: {
    about: 'Claim no new work until resume; what runs continues',
    options: ALL_HOSTS,
    examples: ['crosstalkd pause', 'crosstalkd pause --all'],
    exits: ORDER,
    load: async () => (await import('./control/control.ts')).pause,
  },
  'resume [model]': {
    about: 'Claim work again, or let a resting model work again',
    options: ALL_HOSTS,
    examples: ['crosstalkd resume', 'crosstalkd resume opus'],
    exits: ORDER,
    load: async () => (await import('./control/control.ts')).resume,
  },
  drain: {
    about: 'Finish what runs, claim no new work, then end',
    options: ALL_HOSTS,
    examples: ['crosstalkd drain'],
    exits: ORDER,
    load: async () => (await import('./control/control.ts')).drain,
  },
  stop: {
    about: 'End the dispatcher within the grace period, like SIGTERM',
    options: ALL_HOSTS,
    examples: ['crosstalkd stop'],
    exits: ORDER,
    load: async () => (await import('./control/control.ts')).stop,
  },
});
