/** The commands by which people and agents talk. */
import type { CommandSpec } from './command.ts';
import { AWAITED, AWAY, commands, SENDER, WRITE, YOU } from './declare.ts';

export const TALK_COMMANDS: readonly CommandSpec[] = commands('talk', {
  'continue <id>': {
    about: 'Let a model continue a thread, here or on another host',
    options: {
      '--on <host>': 'only this host',
      '--as <model>': 'another model than the last one',
      '-m, --message <text>': 'the message to it (default: Go on.)',
      ...YOU,
    },
    examples: [
      'crosstalkd continue 01M8PJ0ECC12 --on server',
      'crosstalkd continue 01M8PJ0ECC12 --as opus -m "Finish the tests."',
    ],
    exits: WRITE,
    load: async () => (await import('./talk/continue.ts')).continueThread,
  },
  ask: {
    about: 'Ask a person and end the turn (for agents)',
    agents: true,
    options: {
      '--to <name>': 'who is asked (default: who asked the agent)',
      '-m, --message <text>': 'the question (default: stdin)',
      '--permission': 'ask for permission to do what the text says, and wait: 0 yes, 1 no',
    },
    examples: [
      'crosstalkd ask --to ada -m "Which of the two branches?"',
      'crosstalkd ask --permission -m "git push origin main"',
    ],
    exits: WRITE,
    load: async () => (await import('./talk/ask.ts')).askPerson,
  },
  'send [file]': {
    about: 'Publish a message: -m text, a file, - for standard input',
    agents: true,
    options: {
      '--to <names>...':
        'who is asked: a model, model@host, all, or a person (default with --re: its author)',
      '-m, --message <text>': 'the text',
      '--channel <name>': 'channel of the message (default: general, or that of --re)',
      '--re <id>...': 'the message that this one answers',
      '--subject <text>': 'a title',
      '--as <name>': 'persona that the model answers as',
      '--priority <n>': '-9 to 9, higher first',
      '--project <name>': 'project in whose directory the model works',
      '--file <path>...': 'attach this file (up to 32, 8 MiB together)',
      '--edit': 'write the text in $VISUAL or $EDITOR',
      '--wait [s]': 'wait for the answers and print them; at most this long (default: 10m)',
      ...SENDER,
      '--force': 'send even to unknown names',
    },
    examples: [
      'crosstalkd send --to opus -m "Is the lease safe?" --wait',
      'crosstalkd send --to opus,gpt --subject Review -m "Read it." --file notes.md',
    ],
    exits: AWAITED,
    load: async () => (await import('./talk/send.ts')).sendMessage,
  },
  'wait <id> [s]': {
    about: 'Wait until a message is answered and print the answers',
    agents: true,
    examples: ['crosstalkd wait 01M8PJ0ECC12', 'crosstalkd wait 01M8PJ0ECC12 30s'],
    exits: AWAITED,
    load: async () => (await import('./talk/wait.ts')).waitForMessage,
  },
  mcp: {
    about: 'Serve send, wait, reading and workflows as MCP tools',
    agents: true,
    options: {
      '--allow-decisions': 'add tools that decide gates in your name',
      '--permissions': 'only the tool by which claude asks for permission (for agents)',
    },
    examples: ['crosstalkd mcp', 'crosstalkd mcp --allow-decisions'],
    exits: AWAY,
    load: async () => (await import('./talk/mcp.ts')).serveMcp,
  },
});
