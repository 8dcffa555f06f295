import { resolve } from 'node:path';

/** The project this toolchain belongs to. In a file of its own, so that whoever needs no more loads no more. */
export const PROJECT = resolve(import.meta.dirname, '..');
