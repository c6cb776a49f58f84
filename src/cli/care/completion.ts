/**
 * `crosstalkd completion <shell>`: the words of the command line for a shell, made from the same
 * table as the help. With kinds it prints names of the transport, one a line: the script asks so
 * while a person types. Own code: packages want the command line declared a second time in their
 * form.
 */
import { CrosstalkError } from '../../base/errors.ts';
import type { CommandSpec, Invocation, OptionSpec } from '../command.ts';
import { COMMON_OPTIONS } from '../declare.ts';
import type { WordKind } from './complete-words.ts';

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

/** A word of `args` in the table → what is offered for it. */
const OF_ARGS: Readonly<Record<string, WordKind>> = {
  id: 'ids',
  run: 'runs',
  model: 'models',
  channel: 'channels',
  host: 'hosts',
};
/** An option → what is offered as its value; a file, where it is not here. */
const OF_OPTIONS: Readonly<Record<string, WordKind>> = {
  to: 'models',
  on: 'hosts',
  only: 'models',
  model: 'models',
  channel: 'channels',
  re: 'ids',
};

/** Prints the script of one shell, or names of the transport. */
export async function printCompletion(invocation: Invocation): Promise<number> {
  const [name = '', ...kinds] = invocation.args;
  const shell = SHELLS[name];
  if (shell === undefined)
    throw new CrosstalkError(
      'USAGE',
      `completion: "${name}" is not one of ${Object.keys(SHELLS).join(', ')}`,
      { fix: 'crosstalkd completion bash' },
    );
  if (kinds.length === 0) {
    invocation.io.print(`# ${shell.use}\n${shell.write(invocation.commands)}`);
    return 0;
  }
  const { completeWords } = await import('./complete-words.ts');
  // A person is typing: what cannot be looked up is not offered, and nothing is said.
  const words = await completeWords(invocation, kinds.filter(isKind)).catch(() => []);
  if (words.length > 0) invocation.io.print(words.join('\n'));
  return 0;
}

function isKind(word: string): word is WordKind {
  return Object.values(OF_ARGS).includes(word as WordKind);
}

/** What may follow as an argument: `<id|run>` → ids, runs. */
function kindsOf({ args }: CommandSpec): readonly WordKind[] {
  const words = args.match(/[a-z]+/g) ?? [];
  return words.flatMap((word) => (Object.hasOwn(OF_ARGS, word) ? [OF_ARGS[word] as WordKind] : []));
}

function kindOfValue({ name }: OptionSpec): WordKind | null {
  return Object.hasOwn(OF_OPTIONS, name) ? (OF_OPTIONS[name] ?? null) : null;
}

/** Something that can be typed so far, with what may follow it. */
interface Level {
  /** Empty = nothing but the program's name. */
  readonly typed: string;
  /** Words that may follow; empty = anything, such as a file. */
  readonly next: readonly { readonly word: string; readonly about: string }[];
  /** Names of the transport that may follow. */
  readonly kinds: readonly WordKind[];
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
      {
        typed: spec.name,
        next,
        kinds: kindsOf(spec),
        options: [...spec.options, ...COMMON_OPTIONS],
      },
      ...below.flatMap(levelOf),
    ];
  };
  return [
    {
      typed: '',
      next: specs.map(({ name, about }) => ({ word: name, about })),
      kinds: [],
      options: [],
    },
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
  const cases = levelsOf(specs).map(({ typed, next, kinds, options }) => {
    const words = options.flatMap(({ name, short }) => [
      `--${name}`,
      ...(short === undefined ? [] : [`-${short}`]),
    ]);
    const values = options.flatMap((one) =>
      one.value === undefined || one.optional === true
        ? []
        : [`--${one.name}`, ...(one.short === undefined ? [] : [`-${one.short}`])].map(
            (typedAs) => `${typedAs}=${kindOfValue(one) ?? ''}`,
          ),
    );
    return `    ${quote(typed)}) next=${quote(next.map(({ word }) => word).join(' '))} kinds=${quote(kinds.join(' '))} options=${quote(words.join(' '))} values=${quote(values.join(' '))} ;;`;
  });
  return [
    '_crosstalkd() {',
    '  local current="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}"',
    '  local typed="" next="" kinds="" options="" values="" list="" word value dir=.',
    '  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do',
    '    [[ "$list" == dir ]] && dir="$word"',
    '    list=""; [[ "$word" == -C || "$word" == --dir ]] && list=dir',
    ...followTyped(specs, cases),
    '  COMPREPLY=() list=""',
    '  for value in $values; do',
    '    if [[ "$before" == "${value%%=*}" ]]; then kinds="${value#*=}" next="" options=""; fi',
    '  done',
    '  if [[ "$current" == -* ]]; then next="$options" kinds=""; fi',
    '  if [[ -n "$kinds" ]]; then',
    '    # Several names have commas between; these are plain words, so nothing in them expands.',
    '    [[ "$current" == *,* ]] && list="${current%,*},"',
    '    next="$next $(crosstalkd completion bash $kinds -C "$dir" 2>/dev/null)"',
    '  fi',
    '  if [[ -n "$next" ]]; then',
    '    COMPREPLY=($(compgen -P "$list" -W "$next" -- "${current#"$list"}"))',
    '  fi',
    '}',
    'complete -o bashdefault -o default -F _crosstalkd crosstalkd',
  ].join('\n');
}

function writeZsh(specs: readonly CommandSpec[]): string {
  const escape = (text: string): string => text.replace(/[:[\]]/g, ' ');
  const offer = (kinds: readonly WordKind[]): string =>
    kinds.length === 0 ? '_files' : ` _crosstalkd_names ${kinds.join(' ')}`;
  const cases = levelsOf(specs).map(({ typed, next, kinds, options }) => {
    const described = next.map(({ word, about }) => quote(`${word}:${escape(about)}`)).join(' ');
    const words = options.map((one) => {
      const { name, value, about } = one;
      const kind = kindOfValue(one);
      const action =
        value === undefined ? '' : `:${escape(value)}:${offer(kind === null ? [] : [kind])}`;
      return quote(`*--${name}${value === undefined ? '' : '='}[${escape(about)}]${action}`);
    });
    const line = next.length === 0 ? '' : `next=(${described}); `;
    return `    ${quote(typed)}) ${line}rest=${quote(offer(kinds))} options=(${words.join(' ')}) ;;`;
  });
  return [
    '#compdef crosstalkd',
    '_crosstalkd_names() {',
    '  local -a names',
    '  names=("${(@f)$(crosstalkd completion zsh "$@" 2>/dev/null)}")',
    '  compadd -a names',
    '}',
    '_crosstalkd() {',
    '  local -a next options',
    '  local typed="" word rest=_files',
    '  for word in "${(@)words[2,CURRENT-1]}"; do',
    ...followTyped(specs, cases),
    '  if (( $#next )) && [[ "$words[CURRENT]" != -* ]]; then _describe command next; return; fi',
    '  _arguments $options "*:word:$rest"',
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
  const offer = (kinds: readonly WordKind[]): string =>
    `-f -a ${quote(`(crosstalkd completion fish ${kinds.join(' ')} 2>/dev/null)`)}`;
  const names = levels.flatMap(({ typed, kinds }) =>
    kinds.length === 0
      ? []
      : [`complete -c crosstalkd -n ${quote(`__crosstalkd_in ${typed}`)} ${offer(kinds)}`],
  );
  const options = levels.flatMap(({ typed, options: own }) =>
    own.map((one) => {
      const { name, short, value, optional, about } = one;
      const kind = kindOfValue(one);
      const takes = value === undefined || optional === true ? '' : ' -r';
      return `complete -c crosstalkd -n ${quote(`__crosstalkd_in ${typed}`)} -l ${name}${short === undefined ? '' : ` -s ${short}`}${takes}${kind === null ? '' : ` ${offer([kind])}`} -d ${quote(about)}`;
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
    ...names,
    ...options,
  ].join('\n');
}
