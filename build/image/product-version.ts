import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

/** Returns the product version, `0.1.0`, from the project's package.json. */
export function readProductVersion(projectDirectory: string): string {
  const text = readFileSync(join(projectDirectory, 'package.json'), 'utf8');
  return z.object({ version: z.string() }).parse(JSON.parse(text)).version;
}
