import {
  describeUnreviewed,
  listUnreviewed,
  nameScripts,
  type PackageScript,
} from '../build/contract/scripts.ts';
import { SCRIPTS_FIX } from '../build/contract/unresolved.ts';
import { BuildError } from '../build/error.ts';
import type { ImageFacts } from '../build/image/facts.ts';

/**
 * Prints, for a development build, one line that names the unreviewed package scripts.
 * @throws BuildError that lists them with their texts, for a release
 */
export function reportUnreviewed(
  scripts: readonly PackageScript[],
  { release, base, profile }: Pick<ImageFacts, 'release' | 'base' | 'profile'>,
  say: (line: string) => void,
): void {
  const open = listUnreviewed(scripts);
  if (open.length === 0) return;
  if (!release) {
    say(
      `${profile.name}: nobody reviewed these scripts of packages, and none is run: ${nameScripts(open)}. The manifest says what they would do, \`make lock BASE=${base.name}\` how to review them; RELEASE=1 refuses.`,
    );
    return;
  }
  throw new BuildError({
    what: `nobody reviewed these scripts of packages, so this cannot be a release: ${nameScripts(open)}`,
    where: `bases.${base.name}.scripts of the profile`,
    fix: ['What they do:', ...describeUnreviewed(scripts), '', SCRIPTS_FIX].join('\n'),
  });
}
