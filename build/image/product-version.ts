import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

/** The product's version, `0.1.0`: that of the project in a folder. */
export function readProductVersion(projectDirectory: string): string {
  const text = readFileSync(join(projectDirectory, 'package.json'), 'utf8');
  return z.object({ version: z.string() }).parse(JSON.parse(text)).version;
}
