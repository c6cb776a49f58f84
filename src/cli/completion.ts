/** `crosstalkd completion <shell>`: the words of the command line for a shell, made from the same table as the help. */
import { CrosstalkError } from '../base/errors.ts';
import { COMMON_OPTIONS, type CommandSpec, type Invocation } from './command.ts';

/** Shells for which a script can be printed, with the line that puts it in force. */
const SHELLS: Readonly<Record<string, { readonly write: (commands: readonly CommandSpec[]) => string; readonly use: string }>> = {
  bash: { write: writeBash, use: 'crosstalkd completion bash > ~/.local/share/bash-completion/completions/crosstalkd' },
  zsh: { write: writeZsh, use: 'crosstalkd completion zsh > "${fpath[1]}/_crosstalkd"' },
  fish: { write: writeFish, use: 'crosstalkd completion fish > ~/.config/fish/completions/crosstalkd.fish' },
};

/** Prints the script of one shell. */
export function printCompletion(invocation: Invocation): Promise<number> {
  const name = invocation.args[0] ?? '';
  const shell = SHELLS[name];
  if (shell === undefined)
    throw new CrosstalkError('USAGE', `completion: "${name}" is none of ${Object.keys(SHELLS).join(', ')}`, {
      fix: 'crosstalkd completion bash',
    });
  invocation.io.print(`# ${shell.use}\n${shell.write(invocation.commands)}`);
  return Promise.resolve(0);
}

function wordsOf(spec: CommandSpec): readonly string[] {
  const below = (spec.subcommands ?? []).map(({ name }) => name.slice(spec.name.length + 1));
  return [
    ...below,
    ...[...spec.options, ...COMMON_OPTIONS].flatMap(({ name, short }) => [`--${name}`, ...(short === undefined ? [] : [`-${short}`])]),
  ];
}

/** In single quotes for any of the shells; texts of the table have no backslashes. */
function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function writeBash(specs: readonly CommandSpec[]): string {
  const cases = specs.map((spec) => `    ${spec.name}) words=${quote(wordsOf(spec).join(' '))} ;;`);
  return [
    '_crosstalkd() {',
    '  local current="${COMP_WORDS[COMP_CWORD]}" command="" words word',
    '  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do',
    '    case "$word" in -*) ;; *) command="$word"; break ;; esac',
    '  done',
    '  case "$command" in',
    `    '') words=${quote(specs.map(({ name }) => name).join(' '))} ;;`,
    ...cases,
    '  esac',
    '  COMPREPLY=()',
    '  if [[ -z "$command" || "$current" == -* || "$command" == workflow ]]; then',
    '    COMPREPLY=($(compgen -W "$words" -- "$current"))',
    '  fi',
    '}',
    'complete -o bashdefault -o default -F _crosstalkd crosstalkd',
  ].join('\n');
}

function writeZsh(specs: readonly CommandSpec[]): string {
  const escape = (text: string): string => text.replace(/[:[\]]/g, ' ');
  const commands = specs.map(({ name, about }) => `    ${quote(`${name}:${escape(about)}`)}`);
  const cases = specs.map((spec) => {
    const options = [...spec.options, ...COMMON_OPTIONS].map(({ name, value, about }) =>
      quote(`*--${name}${value === undefined ? '' : '='}[${escape(about)}]${value === undefined ? '' : `:${escape(value)}:_files`}`),
    );
    return `    ${spec.name}) _arguments ${options.join(' ')} '*:file:_files' ;;`;
  });
  return [
    '#compdef crosstalkd',
    '_crosstalkd() {',
    '  local -a commands',
    '  commands=(',
    ...commands,
    '  )',
    '  if (( CURRENT == 2 )); then _describe command commands; return; fi',
    '  local command="$words[2]"',
    '  case "$command" in',
    ...cases,
    '  esac',
    '}',
    'compdef _crosstalkd crosstalkd',
  ].join('\n');
}

function writeFish(specs: readonly CommandSpec[]): string {
  const commands = specs.map(({ name, about }) => `complete -c crosstalkd -f -n __fish_use_subcommand -a ${name} -d ${quote(about)}`);
  const options = specs.flatMap((spec) =>
    [...spec.options, ...COMMON_OPTIONS].map(({ name, short, value, optional, about }) => {
      const takes = value !== undefined && optional !== true ? ' -r' : '';
      return `complete -c crosstalkd -n '__fish_seen_subcommand_from ${spec.name}' -l ${name}${short === undefined ? '' : ` -s ${short}`}${takes} -d ${quote(about)}`;
    }),
  );
  return [...commands, ...options].join('\n');
}
