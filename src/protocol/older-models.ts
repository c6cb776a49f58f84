/**
 * The models.yaml of programs before 8, one command a model (`opus: claude -p`), in today's form.
 * PROTOCOL.md "Older transports".
 */
import { handsBack, READ_ONLY_ADAPTERS } from './models.ts';
import { writeYaml } from './yaml.ts';

/**
 * The entries of today for these commands, below `header`. The first that is an agent makes plans
 * of prose, as it did before: a run that had not begun needs one.
 */
export function upgradeModels(commands: ReadonlyMap<string, string>, header: string): string {
  const words = [...commands].map(([name, command]) => [name, command.split(/\s+/)] as const);
  const models = Object.fromEntries(words.map(([name, command]) => [name, entryOf(command)]));
  const [planner] = words.flatMap(([name, command]) => (handsBack(command) ? [] : [name]));
  return (
    header + writeYaml(planner === undefined ? { models } : { 'compile-model': planner, models })
  );
}

/**
 * A program that has an adapter is called by it, and its model by `model:`. Arguments that the
 * adapter does not give on its own may allow it more than reading, so they make it `external`.
 */
function entryOf(command: readonly string[]): Readonly<Record<string, unknown>> {
  const [program = '', ...given] = command;
  const adapter = program.slice(program.lastIndexOf('/') + 1);
  if (!READ_ONLY_ADAPTERS.includes(adapter) || adapter === 'http')
    return { adapter: 'command', command };
  const { model, rest } = takeModel(given);
  const isPlain = rest.length === 0 && program === adapter;
  return {
    adapter,
    ...(model === null ? {} : { model }),
    ...(isPlain ? {} : { command: [program, ...rest] }),
    ...(rest.length === 0 ? {} : { effects: 'external' }),
  };
}

/** Asking without a terminal is what every adapter does. */
const WITHOUT_TERMINAL = new Set(['-p', '--print', 'exec', 'run', '-']);

function takeModel(args: readonly string[]): {
  readonly model: string | null;
  readonly rest: readonly string[];
} {
  let model: string | null = null;
  const rest: string[] = [];
  for (let at = 0; at < args.length; at += 1) {
    const arg = args[at] ?? '';
    const next = args[at + 1];
    if ((arg === '--model' || arg === '-m') && next !== undefined) {
      model = next;
      at += 1;
    } else if (arg.startsWith('--model=')) model = arg.slice('--model='.length);
    else if (!WITHOUT_TERMINAL.has(arg)) rest.push(arg);
  }
  return { model, rest };
}
