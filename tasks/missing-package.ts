import { BuildError } from '../build/error.ts';
import { errorCode } from '../build/process/errno.ts';

/**
 * Explains how to install an npm package of the toolchain that is missing, as after `npm install --omit=dev`. This
 * module must not import npm packages itself.
 * @param error the error of an import
 * @returns `undefined` if the error has another reason
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
