/** A commit made of changes, without index and work tree: one stream to `git fast-import`. */
import { type ProjectGit, runGit } from './project-git.ts';
import type { Change } from './read-worktree.ts';
import type { SaveText } from './worktree.ts';

/** The commit, or why there is none. `ref` names it for a moment and is removed again. */
export async function commitChanges(
  git: ProjectGit,
  {
    project,
    parent,
    ref,
  }: { readonly project: string; readonly parent: string; readonly ref: string },
  { changes, text }: { readonly changes: readonly Change[]; readonly text: SaveText },
): Promise<{ readonly commit: string } | { readonly why: string }> {
  const who = `${plain(text.name)} <${plain(text.email)}> now`;
  const head = [
    `commit ${ref}`,
    'mark :1',
    `author ${who}`,
    `committer ${who}`,
    `data ${Buffer.byteLength(text.message)}`,
    text.message,
    `from ${parent}`,
    '',
  ].join('\n');
  // What is gone goes first: a folder may stand where a file was.
  const gone = changes.filter(({ content }) => content === null);
  const stdin = Buffer.concat([
    Buffer.from(head),
    Buffer.from(gone.map(({ path }) => `D ${quote(path)}\n`).join(''), 'latin1'),
    ...changes.flatMap(({ path, content }) =>
      content === null
        ? []
        : [
            Buffer.from(
              `M ${content.mode} inline ${quote(path)}\ndata ${content.bytes.length}\n`,
              'latin1',
            ),
            content.bytes,
            Buffer.from('\n'),
          ],
    ),
    Buffer.from('\nget-mark :1\ndone\n'),
  ]);
  const args = ['fast-import', '--quiet', '--done', '--date-format=now'];
  const ran = await runGit(git, project, args, { stdin });
  await runGit(git, project, ['update-ref', '-d', ref]);
  const commit = ran.bytes.toString('utf8').trim();
  return ran.ok && /^[0-9a-f]{40,64}$/.test(commit)
    ? { commit }
    : { why: `git fast-import: ${ran.why}` };
}

/** As fast-import reads a path of any bytes. */
function quote(path: string): string {
  const escaped = path.replace(/[^ !#-[\]-~]/g, (char) => {
    return `\\${char.charCodeAt(0).toString(8).padStart(3, '0')}`;
  });
  return `"${escaped}"`;
}

function plain(text: string): string {
  return text.replace(/[<>\u0000-\u001f\u007f]/g, '');
}
