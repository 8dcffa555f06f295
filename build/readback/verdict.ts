import { BuildError } from '../error.ts';

/** Maximum number of differences in a message. */
const MOST_LISTED = 20;

const FIX =
  'Check disk and memory of this machine, then build again; if it fails again, this is a bug of the builder.';

/** Returns the error for an image that was just made and violates its format. */
export function unreadable(what: string, where: string, cause?: unknown): BuildError {
  return new BuildError({
    what: `the image cannot be read back: ${what}`,
    where,
    fix: FIX,
    cause,
  });
}

/**
 * Refuses an image that differs from its expected content.
 * @param problems one clause per difference
 * @throws BuildError that lists them, if there are any
 */
export function assertNone(
  problems: readonly string[],
  { what, where }: { what: string; where: string },
): void {
  if (problems.length === 0) return;
  const more = problems.length - MOST_LISTED;
  const listed = problems.slice(0, MOST_LISTED).join('; ');
  throw new BuildError({
    what: `${what} does not read back as it was written: ${listed}${more > 0 ? `; and ${more} more` : ''}`,
    where,
    fix: FIX,
  });
}
