import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { CacheDirectory } from '../build/cache/directory.ts';
import { errorCode } from '../build/process/errno.ts';
import { ToolLog } from '../build/process/tool-log.ts';

/** Number of logs that are kept: the newest ones. */
const KEPT = 10;

/** Name of a log, from the time when the build began and the id of its process: `2026-11-28T19-40-12.345Z-4711.log`. */
const LOG_NAME = /^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}Z-\d+\.log$/;

/** Error that ended a build → the build's log. */
const logs = new WeakMap<object, string>();

/**
 * Runs a build, and logs the tools that it runs to a file in the cache's `logs`, as well as the error that ends the
 * build. A build that runs no tool leaves no log. Old logs are removed.
 * @param what description of the build: `iso of qvdc`
 */
export async function withBuildLog<T>(
  cache: CacheDirectory,
  what: string,
  build: () => Promise<T>,
): Promise<T> {
  const began = new Date().toISOString().replaceAll(':', '-');
  const log = new ToolLog(
    join(cache.logs, `${began}-${process.pid}.log`),
    `${what} (Node ${process.version}, process ${process.pid})`,
  );
  try {
    return await log.during(build);
  } catch (error) {
    if (log.isWritten && error instanceof Error) {
      log.write(`The build failed: ${formatStack(error)}`);
      logs.set(error, log.file);
    }
    throw error;
  } finally {
    log.close();
    if (log.isWritten) await removeOldLogs(cache.logs);
  }
}

/** Returns the log of the build that failed with this error; undefined if no build did, or the build ran no tool. */
export function logOf(error: unknown): string | undefined {
  return error instanceof Error ? logs.get(error) : undefined;
}

/** Returns the stack traces of an error and of its causes. */
export function formatStack(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? '' : `\nCaused by: ${formatStack(error.cause)}`;
  return `${error.stack ?? error.message}${cause}`;
}

async function removeOldLogs(folder: string): Promise<void> {
  const names = await readdir(folder).catch((error: unknown) => {
    // The folder was removed with the rest of the cache, for example by `qx-build clean`.
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  });
  // The names sort in the order of the times in them.
  const old = names
    .filter((name) => LOG_NAME.test(name))
    .sort()
    .slice(0, -KEPT);
  for (const name of old) await rm(join(folder, name), { force: true });
}
