import { homedir } from 'node:os';
import { join } from 'node:path';

/**
 * The cache folder: what the user names, else `$QUANTIX_CACHE`, else `quantix` in `$XDG_CACHE_HOME` or `~/.cache`
 * (XDG Base Directory Specification).
 */
export function cacheDirectory(named: string | undefined, env = process.env): string {
  return (
    named || env.QUANTIX_CACHE || join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'quantix')
  );
}
