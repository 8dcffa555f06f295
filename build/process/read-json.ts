import { readFileSync } from 'node:fs';
import { errorCode } from './errno.ts';

/** Parses a JSON file; `undefined` if it does not exist or is not JSON. @throws if it cannot be read */
export function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    if (error instanceof SyntaxError || errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
