import { resolve } from 'node:path';

/** The project that contains this toolchain. In a separate file, so that importing it loads nothing else. */
export const PROJECT = resolve(import.meta.dirname, '..');
