import { BuildError } from '../error.ts';
import type { Base } from './base.ts';

/** What a user may ask for. */
export type BaseChoice = 'auto' | 'debian';

/**
 * The base a user asked for. Bases are loaded when they are asked for: their readers are not small.
 * @throws BuildError if there is no such base
 */
export async function selectBase(choice: BaseChoice): Promise<Base> {
  switch (choice) {
    case 'auto':
    case 'debian':
      return (await import('./debian/base.ts')).debian;
    default:
      throw new BuildError({
        what: `there is no base ${JSON.stringify(choice)}`,
        fix: 'Write BASE=debian.',
      });
  }
}
