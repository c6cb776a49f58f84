/** The files that a new transport begins with, as the package brings them. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const TEMPLATE = fileURLToPath(new URL('../../template', import.meta.url));

/** What a models.yaml begins with. */
export const MODELS_HEADER = `# Who can be addressed in this transport. Form and keys: PROTOCOL.md "Models".
# A host runs an entry only after its operator approved it: crosstalkd models, crosstalkd allow <name>.
`;

/** One file: its path in a transport, and where it is here. */
export interface TemplateFile {
  readonly path: string;
  readonly source: string;
}

/**
 * All of them. Hooks belong to a remote, where its owner puts them, and not into the conversation.
 */
export async function listTemplate(): Promise<readonly TemplateFile[]> {
  const entries = await readdir(TEMPLATE, { recursive: true, withFileTypes: true });
  return entries.flatMap((entry) => {
    const source = join(entry.parentPath, entry.name);
    const path = source.slice(TEMPLATE.length + 1).replaceAll('\\', '/');
    if (!entry.isFile() || path.startsWith('hooks/')) return [];
    // npm leaves a file named .gitignore out of packages.
    return [{ path: path === 'gitignore' ? '.gitignore' : path, source }];
  });
}
