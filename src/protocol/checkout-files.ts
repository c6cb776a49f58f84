/**
 * Files of a checkout from which an agent program runs code: hooks, plugins, servers, settings.
 * Anyone may have pushed them, so a worktree omits them, and a program that cannot be told to
 * ignore them is not started beside them. Files that only instruct the model (AGENTS.md, CLAUDE.md)
 * are not code and stay.
 */

/** Program → names, from the directory where it looks. A folder stands for all below it. */
export const CHECKOUT_FILES = {
  claude: ['.claude', '.mcp.json'],
  codex: ['.codex'],
  // It looks for variables in ".env", where an address of its provider may stand.
  gemini: ['.gemini', '.env'],
  qwen: ['.qwen', '.mcp.json', '.env'],
  opencode: ['.opencode', 'opencode.json', 'opencode.jsonc'],
  pi: ['.pi'],
  copilot: [
    ...['.github/hooks', '.github/copilot', '.github/extensions', '.github/mcp.json'],
    ...['.copilot', '.mcp.json', '.vscode/mcp.json'],
  ],
  droid: ['.factory', '.mcp.json'],
  others: ['.cursor', '.kilo', '.kilocode', 'kilo.json', 'kilo.jsonc', '.cline', '.continue'],
} as const satisfies Readonly<Record<string, readonly string[]>>;

const ALL: readonly string[] = [...new Set(Object.values(CHECKOUT_FILES).flat())];

/** What file systems that fold names take for nothing. */
const IGNORABLE = /\p{Default_Ignorable_Code_Point}/gu;

/**
 * Whether a path of a checkout is such a file, in whichever folder: programs also look where their
 * tools work. Case and characters that a file system may ignore make no difference.
 */
export function isCheckoutConfig(path: string): boolean {
  const folded = `/${path.normalize('NFKC').replace(IGNORABLE, '').toLowerCase()}/`;
  return ALL.some((name) => folded.includes(`/${name}/`));
}
