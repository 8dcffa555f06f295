import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

let folder: string | undefined;

/** A folder for files that must be on disk; removed when the process ends. */
export function room(): string {
  if (folder !== undefined) return folder;
  const made = mkdtempSync(join(tmpdir(), 'quantix-fuzz-'));
  process.once('exit', () => rmSync(made, { recursive: true, force: true }));
  folder = made;
  return made;
}
