/** Returns the operating system's error code (`ENOENT`, `ENOSPC`, …; errno(3)), or `undefined`. */
export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
