import { test as everywhere } from 'vitest';
import { hindrance } from './hindrance.ts';

/** A test that needs network namespaces; it is skipped where they cannot be made. */
export const test = everywhere.skipIf(hindrance !== '');
