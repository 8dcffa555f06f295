import { BuildError } from '../build/error.ts';
import { errorCode } from '../build/process/errno.ts';

/**
 * What to do about a npm package of the toolchain that is not installed, as after `npm install --omit=dev`. Imports
 * nothing that is in a package itself.
 * @param error what an import threw
 * @returns `undefined` if it threw for another reason
 */
export function explainMissingPackage(error: unknown): BuildError | undefined {
  if (errorCode(error) !== 'ERR_MODULE_NOT_FOUND' || !(error instanceof Error)) return undefined;
  const name = /^Cannot find package '([^']+)'/.exec(error.message)?.[1];
  if (name === undefined) return undefined;
  return new BuildError({
    what: `node_modules lacks ${name}, which the toolchain is made with`,
    fix: 'Install all of it again: rm node_modules/.ready; make doctor',
    cause: error,
  });
}
