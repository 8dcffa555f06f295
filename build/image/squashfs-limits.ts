import { BuildError } from '../error.ts';
import type { Entry } from '../tree/entry.ts';
import type { Tree } from '../tree/tree.ts';

/** Namespaces of extended attributes that squashfs 4.0 supports, and the kernel's longest value in bytes. */
const SPACES = /^(?:user|trusted|security)\../;
const LONGEST_VALUE = 65_535;

/** Maximum number of owners: they are numbered with 16 bits. */
const MOST_OWNERS = 65_535;

/** Largest device numbers (`new_encode_dev`). */
const [LARGEST_MAJOR, LARGEST_MINOR] = [0xfff, 0xf_ffff];

/**
 * Refuses trees that a squashfs cannot hold, before anything is compressed.
 * @throws BuildError naming the path and its origin
 */
export function assertFitsSquashfs(tree: Tree): void {
  const owners = new Set<number>();
  for (const entry of tree.entries()) {
    owners.add(entry.uid).add(entry.gid);
    const what = problem(entry);
    if (what === undefined) continue;
    throw new BuildError({
      what: `/${entry.path} ${what}, which a squashfs cannot hold`,
      where: entry.origin,
      fix: 'Drop it in the profile, or replace it by an overlay.',
    });
  }
  if (owners.size <= MOST_OWNERS) return;
  throw new BuildError({
    what: `the files have ${owners.size} owners and groups; a squashfs holds ${MOST_OWNERS}`,
  });
}

function problem(entry: Entry): string | undefined {
  for (const [name, hex] of Object.entries(entry.attributes ?? {})) {
    if (!SPACES.test(name)) return `has the attribute ${name}`;
    if (hex.length / 2 > LONGEST_VALUE)
      return `has an attribute ${name} of ${hex.length / 2} bytes`;
  }
  if (!('major' in entry)) return undefined;
  const { major, minor } = entry;
  return major > LARGEST_MAJOR || minor > LARGEST_MINOR
    ? `has the device number ${major}:${minor}`
    : undefined;
}
