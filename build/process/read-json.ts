import { readFileSync } from 'node:fs';
import { errorCode } from './errno.ts';

/** The value in a file of JSON; `undefined` if there is no such file, or it is no JSON. @throws if it cannot be read */
export function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    if (error instanceof SyntaxError || errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
