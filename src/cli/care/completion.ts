/**
 * `crosstalkd completion <shell>`: the words of the command line for a shell, made from the same
 * table as the help. Own code: packages want the command line declared a second time in their form.
 */
import { CrosstalkError } from '../../base/errors.ts';
import { COMMON_OPTIONS, type CommandSpec, type Invocation, type OptionSpec } from '../command.ts';

/** Shells for which a script can be printed, with the line that puts it in force. */
const SHELLS: Readonly<
  Record<
    string,
    { readonly write: (commands: readonly CommandSpec[]) => string; readonly use: string }
  >
> = {
  bash: {
    write: writeBash,
    use: 'crosstalkd completion bash > ~/.local/share/bash-completion/completions/crosstalkd',
  },
  zsh: { write: writeZsh, use: 'crosstalkd completion zsh > "${fpath[1]}/_crosstalkd"' },
  fish: {
    write: writeFish,
    use: 'crosstalkd completion fish > ~/.config/fish/completions/crosstalkd.fish',
  },
};

/** Prints the script of one shell. */
export function printCompletion(invocation: Invocation): Promise<number> {
  const name = invocation.args[0] ?? '';
  const shell = SHELLS[name];
  if (shell === undefined)
    throw new CrosstalkError(
      'USAGE',
      `completion: "${name}" is none of ${Object.keys(SHELLS).join(', ')}`,
      {
        fix: 'crosstalkd completion bash',
      },
    );
  invocation.io.print(`# ${shell.use}\n${shell.write(invocation.commands)}`);
  return Promise.resolve(0);
}

/** Something that can be typed so far, with what may follow it. */
interface Level {
  /** Empty = nothing but the program's name. */
  readonly typed: string;
  /** Words that may follow; empty = anything, such as a file. */
  readonly next: readonly { readonly word: string; readonly about: string }[];
  readonly options: readonly OptionSpec[];
}

/** Every command, those that hold others with the names of these, and the beginning of the line. */
function levelsOf(specs: readonly CommandSpec[]): readonly Level[] {
  const levelOf = (spec: CommandSpec): readonly Level[] => {
    const below = spec.subcommands ?? [];
    const next =
      spec.name === 'completion'
        ? Object.keys(SHELLS).map((word) => ({ word, about: 'shell' }))
        : below.map(({ name, about }) => ({ word: name.slice(spec.name.length + 1), about }));
    return [
      { typed: spec.name, next, options: [...spec.options, ...COMMON_OPTIONS] },
      ...below.flatMap(levelOf),
    ];
  };
  return [
    { typed: '', next: specs.map(({ name, about }) => ({ word: name, about })), options: [] },
    ...specs.flatMap(levelOf),
  ];
}

function groupsOf(specs: readonly CommandSpec[]): readonly string[] {
  return specs.filter(({ subcommands }) => subcommands !== undefined).map(({ name }) => name);
}

/** In single quotes for any of the shells; texts of the table have no backslashes. */
function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/**
 * The body of a loop over the words before this one, as bash and zsh both take it, and then what is
 * to be offered after them: `cases`.
 */
function followTyped(specs: readonly CommandSpec[], cases: readonly string[]): readonly string[] {
  return [
    '    [[ "$word" == wf && -z "$typed" ]] && word=workflow',
    '    case "$typed $word" in',
    `      *" "-*) ;;`,
    `      " "*) typed="$word" ;;`,
    ...groupsOf(specs).map((name) => `      ${quote(`${name} `)}*) typed="$typed $word" ;;`),
    '    esac',
    '  done',
    '  case "$typed" in',
    ...cases,
    '  esac',
  ];
}

function writeBash(specs: readonly CommandSpec[]): string {
  const cases = levelsOf(specs).map(({ typed, next, options }) => {
    const words = options.flatMap(({ name, short }) => [
      `--${name}`,
      ...(short === undefined ? [] : [`-${short}`]),
    ]);
    return `    ${quote(typed)}) next=${quote(next.map(({ word }) => word).join(' '))} options=${quote(words.join(' '))} ;;`;
  });
  return [
    '_crosstalkd() {',
    '  local current="${COMP_WORDS[COMP_CWORD]}" typed="" next="" options="" word',
    '  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do',
    ...followTyped(specs, cases),
    '  COMPREPLY=()',
    '  if [[ "$current" == -* ]]; then next="$options"; fi',
    '  if [[ -n "$next" ]]; then COMPREPLY=($(compgen -W "$next" -- "$current")); fi',
    '}',
    'complete -o bashdefault -o default -F _crosstalkd crosstalkd',
  ].join('\n');
}

function writeZsh(specs: readonly CommandSpec[]): string {
  const escape = (text: string): string => text.replace(/[:[\]]/g, ' ');
  const cases = levelsOf(specs).map(({ typed, next, options }) => {
    const described = next.map(({ word, about }) => quote(`${word}:${escape(about)}`)).join(' ');
    const words = options.map(({ name, value, about }) =>
      quote(
        `*--${name}${value === undefined ? '' : '='}[${escape(about)}]${value === undefined ? '' : `:${escape(value)}:_files`}`,
      ),
    );
    const line = next.length === 0 ? '' : `next=(${described}); `;
    return `    ${quote(typed)}) ${line}options=(${words.join(' ')}) ;;`;
  });
  return [
    '#compdef crosstalkd',
    '_crosstalkd() {',
    '  local -a next options',
    '  local typed="" word',
    '  for word in "${(@)words[2,CURRENT-1]}"; do',
    ...followTyped(specs, cases),
    '  if (( $#next )) && [[ "$words[CURRENT]" != -* ]]; then _describe command next; return; fi',
    `  _arguments $options '*:file:_files'`,
    '}',
    'compdef _crosstalkd crosstalkd',
  ].join('\n');
}

function writeFish(specs: readonly CommandSpec[]): string {
  const levels = levelsOf(specs);
  const words = levels.flatMap(({ typed, next }) =>
    next.map(
      ({ word, about }) =>
        `complete -c crosstalkd -f -n ${quote(`__crosstalkd_is ${typed}`.trim())} -a ${word} -d ${quote(about)}`,
    ),
  );
  const options = levels.flatMap(({ typed, options: own }) =>
    own.map(({ name, short, value, optional, about }) => {
      const takes = value !== undefined && optional !== true ? ' -r' : '';
      return `complete -c crosstalkd -n ${quote(`__crosstalkd_in ${typed}`)} -l ${name}${short === undefined ? '' : ` -s ${short}`}${takes} -d ${quote(about)}`;
    }),
  );
  return [
    '# The commands that are typed so far, without options.',
    'function __crosstalkd_typed',
    '  for word in (commandline -opc)[2..-1]',
    `    string match -q -- '-*' $word; or echo $word`,
    '  end | string replace -r "^wf\\$" workflow',
    'end',
    'function __crosstalkd_is',
    '  test "$(__crosstalkd_typed | string join " ")" = "$(string join " " -- $argv)"',
    'end',
    'function __crosstalkd_in',
    '  string match -q -- "$(string join " " -- $argv) *" "$(__crosstalkd_typed | string join " ") "',
    'end',
    ...words,
    ...options,
  ].join('\n');
}
