/** Every command, in the order of the help. */
import type { CommandSpec } from './command.ts';
import { BEGIN_COMMANDS } from './commands-begin.ts';
import { CARE_COMMANDS } from './commands-care.ts';
import { CONTROL_COMMANDS } from './commands-control.ts';
import { LOOK_COMMANDS } from './commands-look.ts';
import { TALK_COMMANDS } from './commands-talk.ts';
import { WORKFLOW_COMMANDS } from './commands-workflow.ts';

export const COMMANDS: readonly CommandSpec[] = [
  ...BEGIN_COMMANDS,
  ...TALK_COMMANDS,
  ...LOOK_COMMANDS,
  ...CONTROL_COMMANDS,
  ...WORKFLOW_COMMANDS,
  ...CARE_COMMANDS,
];
