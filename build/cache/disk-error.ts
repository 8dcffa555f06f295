import { BuildError } from '../error.ts';
import { errorCode } from '../process/errno.ts';

/** Error code of a disk that cannot be written → explanation and fix. */
const REFUSALS: Readonly<Record<string, readonly [what: string, fix: string]>> = {
  ENOSPC: [
    'the disk is full',
    'Free space there, or name a folder on another disk with --cache-dir or QUANTIX_CACHE.',
  ],
  EDQUOT: [
    'the disk quota is used up',
    'Free space there, or name another folder with --cache-dir or QUANTIX_CACHE.',
  ],
  EROFS: [
    'the file system is read-only',
    'Name a folder that can be written with --cache-dir or QUANTIX_CACHE.',
  ],
  EACCES: [
    'the folder cannot be written',
    'Name a folder of your own with --cache-dir or QUANTIX_CACHE.',
  ],
  EPERM: [
    'the folder cannot be written',
    'Name a folder of your own with --cache-dir or QUANTIX_CACHE.',
  ],
};

/** Converts errors about a full or read-only disk to messages for the user; returns any other error unchanged. */
export function explainDiskError(error: unknown, folder: string): unknown {
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
