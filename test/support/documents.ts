import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';

export const ROOT = path.join(import.meta.dirname, '../..');

/** A page of documentation. */
export interface Document {
  /** Relative to the root of the project. */
  readonly file: string;
  readonly text: string;
}

/** A fenced block of a page. */
export interface CodeBlock {
  readonly language: string;
  readonly code: string;
}

/** Reads the README, the other pages beside it, and `docs`. */
export function readDocuments(): Document[] {
  return globSync(['*.md', 'docs/**/*.md'], { cwd: ROOT })
    .sort()
    .map((file) => readDocument(file));
}

/** @param file is relative to the root of the project. */
export function readDocument(file: string): Document {
  return { file, text: readFileSync(path.join(ROOT, file), 'utf8') };
}

/** Returns the fenced blocks of a page, in order. */
export function findCodeBlocks({ text }: Document): CodeBlock[] {
  return [...text.matchAll(/^```(\w*)\n(.*?)\n```$/gms)].map(([, language = '', code = '']) => ({ language, code }));
}

/** Returns a page without its fenced blocks. */
export function readProse({ text }: Document): string {
  return text.replaceAll(/^```\w*\n.*?\n```$/gms, '');
}
