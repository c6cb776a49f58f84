/**
 * A message that was written outside every channel, on its way to where it will stand: what it
 * names beside itself goes along, and is named from there.
 */
import { dirname } from 'node:path';
import { fixBy } from '../../base/fix.ts';
import { CrosstalkError } from '../../base/errors.ts';
import { isWholePath } from '../../protocol/attachments.ts';
import { decodeMessage, type Message } from '../../protocol/message.ts';
import { lineOfKey } from '../../protocol/yaml.ts';
import { type AttachedFile, attachBeside } from './attach-files.ts';
import { type Letter, requireMessage } from './compose-message.ts';

/** A file of a person with front matter of its own. */
export interface WrittenFile {
  /** As the person gave it. */
  readonly name: string;
  readonly full: string;
  readonly bytes: Uint8Array;
}

/**
 * The letter at `path`. It goes out byte for byte, but for a `files:` that names what lies beside
 * the draft. Throws MESSAGE_REJECTED, and USAGE for a file that cannot be read.
 */
export async function carryDraft(path: string, draft: WrittenFile): Promise<Letter> {
  const { name, bytes } = draft;
  const message = requireMessage(name, bytes, { fileName: name, at: path });
  const beside = message.fields.files.filter((file) => !isWholePath(file));
  if (beside.length === 0) return { path, content: bytes, message };
  const attachments = await attachBeside(dirname(draft.full), path, beside);
  const content = nameAnew(message, attachments);
  const renamed = decodeMessage(Buffer.from(content), path);
  if (renamed.kind === 'message' && saysTheSame(message, renamed.message))
    return { path, content, message: renamed.message, attachments };
  throw new CrosstalkError(
    'MESSAGE_REJECTED',
    `${name}: "files:" names what lies beside it, and cannot be rewritten here; expected the key on separate lines`,
    { fix: fixBy`crosstalkd lint ${name}` },
  );
}

/** The file with other lines for `files:`; all other lines are as they were. */
function nameAnew({ fields, yaml, body }: Message, attached: readonly AttachedFile[]): string {
  const names = [...fields.files.filter(isWholePath), ...attached.map(({ field }) => field)];
  const lines = yaml.split('\n');
  const at = lineOfKey(yaml, ['files']) - 1;
  const length = lines.slice(at + 1).findIndex((line) => /^[^\s\-#\]]/.test(line));
  const rest = length < 0 ? [''] : lines.slice(at + 1 + length);
  const head = [...lines.slice(0, at), `files: ${JSON.stringify(names)}`, ...rest];
  return `---\n${head.join('\n')}---\n${body}`;
}

function saysTheSame(before: Message, after: Message): boolean {
  const rest = ({ fields, body }: Message) => JSON.stringify({ ...fields, files: [], body });
  return rest(before) === rest(after);
}
