import { BuildError } from '../error.ts';
import { errorCode } from '../process/errno.ts';

/** Error code of a disk that cannot be written → explanation and fix. */
const REFUSALS: Readonly<Record<string, readonly [what: string, fix: string]>> = {
  ENOSPC: [
    'the disk is full',
    'Free space there, or set QUANTIX_CACHE to a folder on another disk.',
  ],
  EDQUOT: [
    'the disk quota is used up',
    'Free space there, or set QUANTIX_CACHE to another folder.',
  ],
  EROFS: ['the file system is read-only', 'Set QUANTIX_CACHE to a folder that can be written.'],
  EACCES: ['the folder cannot be written', 'Set QUANTIX_CACHE to a folder of your own.'],
  EPERM: ['the folder cannot be written', 'Set QUANTIX_CACHE to a folder of your own.'],
};

/** Converts errors about a full or read-only disk to messages for the user; returns any other error unchanged. */
export function diskError(error: unknown, folder: string): unknown {
  const refusal = REFUSALS[errorCode(error) ?? ''];
  if (refusal === undefined) return error;
  const [what, fix] = refusal;
  return new BuildError({
    what,
    where: folder,
    fix: `${fix} What the cache holds is intact.`,
    cause: error,
  });
}
