/** Files that go with a message. */
import type { VNode } from 'preact';
import type { Upload } from './api.ts';
import { formatBytes, plural } from './format.ts';
import { Icon } from './icon.tsx';
import { say } from './state.ts';

/** What the server takes. */
const FILES_MAX = 32;
const BYTES_MAX = 8 * 1_048_576;

export function Attach({
  files,
  onChange,
}: {
  readonly files: readonly Upload[];
  readonly onChange: (next: readonly Upload[]) => void;
}): VNode {
  const take = async (list: FileList | null): Promise<void> => {
    const chosen = [...(list ?? [])];
    const bytes =
      files.reduce((sum, file) => sum + bytesOf(file), 0) +
      chosen.reduce((sum, { size }) => sum + size, 0);
    if (files.length + chosen.length > FILES_MAX || bytes > BYTES_MAX)
      say(`Not attached: ${FILES_MAX} files and ${formatBytes(BYTES_MAX)} together is the limit`);
    else onChange([...files, ...(await Promise.all(chosen.map(readFile)))]);
  };
  return (
    <div class="attach">
      <label class="button small">
        <Icon name="clip" /> Attach
        <input
          type="file"
          multiple
          aria-label="Attach files"
          onChange={(event) => {
            const input = event.currentTarget;
            void take(input.files).finally(() => (input.value = ''));
          }}
        />
      </label>
      {files.map((file, at) => (
        <span class="chip" key={`${file.name} ${at}`}>
          {file.name} <span class="soft">{formatBytes(bytesOf(file))}</span>
          <button
            type="button"
            class="link"
            aria-label={`Take ${file.name} out`}
            onClick={() => onChange(files.filter((one) => one !== file))}
          >
            ✕
          </button>
        </span>
      ))}
      {files.length > 1 ? <span class="soft small">{plural(files.length, 'file')}</span> : null}
    </div>
  );
}

function bytesOf({ base64 }: Upload): number {
  return Math.floor((base64.replace(/(?<!=)=+$/, '').length * 3) / 4);
}

async function readFile(file: File): Promise<Upload> {
  const bytes = new Uint8Array(await file.arrayBuffer());
  let text = '';
  // A call takes only so many arguments.
  for (let at = 0; at < bytes.length; at += 8_192)
    text += String.fromCharCode(...bytes.subarray(at, at + 8_192));
  return { name: file.name, base64: btoa(text) };
}
