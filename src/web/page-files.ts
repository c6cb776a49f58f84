/**
 * The files of the page, as the build made them: read once, served from memory, so that no path of
 * a request ever reaches the disk.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CrosstalkError } from '../base/errors.ts';

export interface PageFile {
  readonly bytes: Uint8Array;
  readonly type: string;
  readonly etag: string;
}

/** Path of the address → file: `/index.html`, `/assets/page.js`. */
export type PageFiles = ReadonlyMap<string, PageFile>;

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.webmanifest': 'application/manifest+json',
  '.txt': 'text/plain; charset=utf-8',
};

/** A page that does nothing but lead to an address. */
export function formatRedirect(url: string): string {
  const value = url.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
  return [
    '<!doctype html><meta charset="utf-8"><title>crosstalk</title>',
    '<meta name="referrer" content="no-referrer">',
    `<meta http-equiv="refresh" content="0;url=${value}">\n`,
  ].join('');
}

/** Reads the built page. Throws INTERNAL when this installation has none. */
export async function readPageFiles(): Promise<PageFiles> {
  const folder = findFolder();
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = new Map<string, PageFile>();
  for (const entry of entries) {
    const type = TYPES[extname(entry.name)];
    if (!entry.isFile() || type === undefined) continue;
    const full = join(entry.parentPath, entry.name);
    const bytes = await readFile(full);
    const etag = `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`;
    files.set(`/${full.slice(folder.length).split('\\').join('/')}`, { bytes, type, etag });
  }
  if (!files.has('/index.html'))
    throw new CrosstalkError('INTERNAL', `the page was not built: ${folder} has no index.html`, {
      fix: 'npm run build',
    });
  return files;
}

/** What the build makes of web/page; seen from the program, and from this file's source. */
function findFolder(): string {
  return fileURLToPath(new URL('../../dist/web/static/', import.meta.url));
}
