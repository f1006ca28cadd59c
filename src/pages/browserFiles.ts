import { readFile } from 'node:fs/promises';
import { stripTypeScriptTypes } from 'node:module';
import path from 'node:path';

const DIRECTORY = path.join(import.meta.dirname, 'browser');

export const SCRIPT = 'text/javascript; charset=utf-8';
export const STYLES = 'text/css; charset=utf-8';

const TYPES: Readonly<Record<string, string>> = {
  '.css': STYLES,
  '.html': 'text/html; charset=utf-8',
  '.svg': 'image/svg+xml; charset=utf-8',
  '.ts': SCRIPT,
};

/** A file of a page, in a form that a browser can read. */
export interface BrowserFile {
  readonly type: string;
  readonly text: string;
}

/** Reads a file of `src/pages/browser`. It strips the types of TypeScript. */
export async function readBrowserFile(name: string): Promise<BrowserFile> {
  const text = await readFile(path.join(DIRECTORY, name), 'utf8');
  const extension = path.extname(name);
  const type = TYPES[extension];
  if (type === undefined) throw new Error(`A browser would not know what ${name} is.`);
  return { type, text: extension === '.ts' ? stripTypeScriptTypes(text) : text };
}
