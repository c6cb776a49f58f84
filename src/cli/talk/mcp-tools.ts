/**
 * The tools of `crosstalkd mcp`: which command each one is, and which of its arguments and options
 * it takes. A table; nothing is done here.
 */
import type { CommandSpec, OptionSpec } from '../command.ts';

/** One tool. `inputs` name arguments first, in order, then options of the command. */
export interface McpTool {
  readonly name: string;
  readonly spec: CommandSpec;
  readonly args: readonly { readonly name: string; readonly required: boolean }[];
  readonly options: readonly OptionSpec[];
  readonly readOnly: boolean;
}

/**
 * Tool, command, options. What reads files of this machine is left out: text of a stranger must not
 * choose which of them are published.
 */
const TABLE: readonly (readonly [tool: string, command: string, options: readonly string[]])[] = [
  [
    'send',
    'send',
    ['to', 'message', 'channel', 're', 'subject', 'as', 'priority', 'project', 'wait'],
  ],
  ['ask', 'ask', ['to', 'message']],
  ['wait', 'wait', []],
  ['channels', 'channels', []],
  ['log', 'log', ['number', 'from', 'to', 'model', 'failed', 'since']],
  ['show', 'show', []],
  ['thread', 'thread', []],
  ['search', 'search', ['channel', 'number', 'from', 'to', 'model', 'failed', 'since']],
  ['status', 'status', []],
  ['why', 'why', []],
  ['workflow_run', 'workflow run', ['input', 'channel', 'wait']],
  ['workflow_show', 'workflow show', []],
  ['workflow_list', 'workflow list', ['number', 'open']],
];

/**
 * What decides in the name of a person: there only when that person has said so, because what a
 * model reads may talk it into anything.
 */
const DECISIONS: typeof TABLE = [
  ['workflow_approve', 'workflow approve', ['message', 'choice']],
  ['workflow_deny', 'workflow deny', ['message']],
  ['answer', 'answer', ['message']],
];

const CHANGES = ['send', 'ask', 'workflow_run', 'workflow_approve', 'workflow_deny', 'answer'];

/** The tools, out of the table of all commands. */
export function toolsOf(
  commands: readonly CommandSpec[],
  { allowDecisions }: { readonly allowDecisions: boolean },
): readonly McpTool[] {
  return [...TABLE, ...(allowDecisions ? DECISIONS : [])].map(([name, command, options]) => {
    const spec = findSpec(commands, command);
    return {
      name,
      spec,
      args: name === 'send' ? [] : spec.args.split(' ').flatMap(readSlot),
      options: spec.options.filter((one) => options.includes(one.name)),
      readOnly: !CHANGES.includes(name),
    };
  });
}

function findSpec(commands: readonly CommandSpec[], command: string): CommandSpec {
  const [parent = ''] = command.split(' ');
  const top = commands.find(({ name }) => name === parent);
  const spec = top?.name === command ? top : top?.subcommands?.find(({ name }) => name === command);
  if (spec === undefined) throw new Error(`no command "${command}"`);
  return spec;
}

/** `<id|model|host>` → `id`, required; `[s]` → `s`. */
function readSlot(slot: string): readonly { readonly name: string; readonly required: boolean }[] {
  const name = /^[<[]([a-z]+)/.exec(slot)?.[1];
  return name === undefined
    ? []
    : [{ name: name === 'file' ? 'name' : name, required: slot.startsWith('<') }];
}

/** The JSON Schema of a tool's input. */
export function inputSchemaOf({ args, options, spec }: McpTool): {
  readonly type: 'object';
  readonly properties: Readonly<Record<string, object>>;
  readonly required: string[];
  readonly additionalProperties: false;
} {
  const properties = Object.fromEntries([
    ...args.map(
      ({ name }) => [name, { type: 'string', description: `${spec.name}: ${spec.args}` }] as const,
    ),
    ...options.map((one) => [one.name, schemaOfOption(one)] as const),
  ]);
  const required = args.flatMap((arg) => (arg.required ? [arg.name] : []));
  return { type: 'object', properties, required, additionalProperties: false };
}

function schemaOfOption({ value, many, about }: OptionSpec): object {
  const text = { type: 'string' };
  if (value === undefined) return { type: 'boolean', description: about };
  return many === true
    ? { anyOf: [text, { type: 'array', items: text }], description: about }
    : { ...text, description: about };
}
