import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** Writes a temporary file and returns its path. The end of the test file removes it. */
export async function temporaryFile(name: string, content: string | Buffer): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'order-items-file-'));
  temporaryFolders.push(folder);
  const file = path.join(folder, name);
  await writeFile(file, content);
  return file;
}

const temporaryFolders: string[] = [];
afterAll(async () => {
  for (const folder of temporaryFolders) await rm(folder, { recursive: true });
});
