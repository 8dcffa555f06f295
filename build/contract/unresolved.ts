import { BuildError } from '../error.ts';
import { describeUnreviewed, type PackageScript } from './scripts.ts';

/** What prevents a profile from being resolved to a lock. */
export interface Obstacles {
  readonly profile: string;
  /** One line each. */
  readonly problems: readonly string[];
  /** Scripts of the packages that were found. */
  readonly scripts: readonly PackageScript[];
}

/** Error: the packages that profiles ask for cannot be resolved. Its message lists all problems. */
export class Unresolved extends BuildError {
  readonly obstacles: readonly Obstacles[];

  constructor(obstacles: readonly Obstacles[], cause?: unknown) {
    super({ ...describeObstacles(obstacles), cause });
    this.name = 'Unresolved';
    this.obstacles = obstacles;
  }
}

function describeObstacles(obstacles: readonly Obstacles[]): { what: string; fix: string } {
  const profiles = new Map<string, string[]>();
  for (const { profile, problems } of obstacles) {
    for (const problem of problems) {
      profiles.set(problem, [...(profiles.get(problem) ?? []), profile]);
    }
  }
  const failed = obstacles.filter(({ problems }) => problems.length > 0);
  const names = [...new Set(failed.map(({ profile }) => profile))].join(' and ');
  const lines = [...profiles].map(([problem, of]) => `  ${of.join(', ')}: ${problem}`);
  const scripts = describeUnreviewed(obstacles.flatMap((one) => one.scripts));
  const besides =
    scripts.length === 0 ? '' : `\n\n${SCRIPTS_HEAD}\n${scripts.join('\n')}\n\n${SCRIPTS_FIX}`;
  return {
    what: `the packages of ${names} cannot be resolved`,
    fix: `All problems:\n${lines.join('\n')}\nTake another name or version in the profile, or a mirror that has what is missing.${besides}`,
  };
}

/** Heading of a list of unreviewed scripts. */
export const SCRIPTS_HEAD =
  'Scripts of packages that nobody reviewed. None is ever run; development builds warn, releases are refused:';

/** Text below that list. */
export const SCRIPTS_FIX =
  'Make sure that the profile or `finish` does what each script would do, then enter each package with the reason in `bases.alpine.scripts` of the profile: profiles/shared/alpine.ts has those of all profiles.';
