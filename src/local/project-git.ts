/** Git in a project of this machine, as the files that make and read worktrees use it. */

/** Runs git in a directory, within limits; given by who knows how git is started safely. */
export type ProjectGit = (
  directory: string,
  args: readonly string[],
  more?: {
    readonly stdin?: string | Uint8Array;
    readonly env?: Readonly<Record<string, string>>;
  },
) => Promise<{
  readonly ended: string;
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}>;

/** What a git command did, and in its own words why it did not. */
export interface Ran {
  readonly ok: boolean;
  readonly bytes: Buffer;
  readonly why: string;
}

/** Runs git and judges its end. */
export async function runGit(git: ProjectGit, ...call: Parameters<ProjectGit>): Promise<Ran> {
  const { ended, code, stdout, stderr } = await git(...call);
  const why = stderr.trim().split('\n').at(-1) ?? '';
  return {
    ok: ended === 'exited' && code === 0,
    bytes: stdout,
    why: why === '' ? `git ${ended} (${code ?? 'killed'})` : why,
  };
}

/** A file, link or submodule of a commit. */
export interface TreeEntry {
  readonly mode: string;
  readonly oid: string;
  /** Of its content; 0 for a submodule. */
  readonly sizeBytes: number;
}

/**
 * Everything in a commit by its path, or why it cannot be used. A path is a text of one character a
 * byte: not every name is Unicode.
 */
export async function listCommit(
  git: ProjectGit,
  project: string,
  commit: string,
): Promise<ReadonlyMap<string, TreeEntry> | string> {
  const ran = await runGit(git, project, ['ls-tree', '-r', '-z', '-l', '--full-tree', commit]);
  if (!ran.ok) return `git ls-tree: ${ran.why}`;
  const entries = new Map<string, TreeEntry>();
  for (const line of splitZero(ran.bytes)) {
    const tab = line.indexOf('\t');
    const [mode = '', , oid = '', size = ''] = line.slice(0, tab).split(/ +/);
    const path = line.slice(tab + 1);
    if (!isPlainPath(path) || entries.has(path))
      return `the commit contains a path that cannot be written: ${JSON.stringify(path.slice(0, 200))}`;
    entries.set(path, { mode, oid, sizeBytes: Number.parseInt(size, 10) || 0 });
  }
  return entries;
}

/** The texts between zero bytes, one character a byte. */
export function splitZero(bytes: Buffer): readonly string[] {
  const text = bytes.toString('latin1');
  return text === '' ? [] : text.replace(/\0$/, '').split('\0');
}

/** What file systems that fold names take for nothing. */
const IGNORABLE = /\p{Default_Ignorable_Code_Point}/gu;

/** Whether a path stays in its directory and is nothing of git's own, on any file system. */
export function isPlainPath(path: string): boolean {
  return path.split('/').every((part) => {
    if (part === '' || part === '.' || part === '..') return false;
    const name = Buffer.from(part, 'latin1').toString('utf8').replace(IGNORABLE, '').toLowerCase();
    return name !== '.git' && !/^git~\d$/.test(name);
  });
}

/** The place of a path below a directory, as the file system takes it. */
export function placeOf(directory: string, path: string): Buffer {
  return Buffer.concat([Buffer.from(`${directory}/`), Buffer.from(path, 'latin1')]);
}
