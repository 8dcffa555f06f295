import { BlobStore } from '../build/cache/blob-store.ts';
import { listPackages } from '../build/image/facts.ts';
import { type ImageOptions, prepareLock } from '../build/image/prepare.ts';
import { findReasons, type Reason } from '../build/lock/reasons.ts';
import { findSettings } from '../build/profile/profile.ts';
import type { Output, ShownPackage } from './ui/events.ts';
import { formatBytes, formatCount, formatTable } from './ui/format.ts';

/** What to show of an image. */
export type Subject = 'profile' | 'packages';

/**
 * Shows the effective profile for one base, architecture and flavour, and the packages in its lock.
 * @param wanted see `loadProfile`
 * @throws BuildError if the profile or its lock is wrong
 */
export async function showImage(
  wanted: string,
  { subjects, ...options }: ImageOptions & { subjects: readonly Subject[] },
  output: Output,
): Promise<void> {
  const { profile, lock, flavour, lockRequest } = await prepareLock(wanted, {
    ...options,
    withoutTools: true,
  });
  const { base, cache, signal } = lockRequest;
  const { bases: _, ...keys } = profile;
  const { name } = profile;
  const effective = { ...keys, base: base.name, [base.name]: findSettings(profile, base.name) };
  const heading = { image: name, base: base.name, architecture: profile.architecture, flavour };
  if (subjects.includes('profile')) {
    if (output.json) output.emit({ event: 'profile', ...heading, profile: effective });
    else output.say(await yamlOf(effective));
  }
  if (!subjects.includes('packages')) return;
  const store = new BlobStore(cache, output.say);
  const archives = await Promise.all(
    listPackages(lock, flavour).map(async (locked) =>
      (await store.has(locked)) ? { locked, file: store.path(locked.sha256) } : { locked },
    ),
  );
  const relations = await base.relations(archives, signal);
  const { packages: always, flavours, kernel } = lock.request;
  const asked = [...always, ...(flavours?.[flavour] ?? []), kernel[flavour] ?? []].flat();
  const reasons = findReasons({
    packages: archives.map(({ locked }) => locked.name),
    // Without the repository tag of `name@tag`, which is not part of the name.
    asked: asked.map((one) => one.replace(/@.*$/, '')),
    relations,
  });
  const packages = archives.map(
    ({ locked }): ShownPackage => ({
      name: locked.name,
      version: locked.version,
      archiveSize: locked.size,
      installedSize: relations.get(locked.name)?.installedSize ?? null,
      why: reasons.get(locked.name) ?? null,
    }),
  );
  if (output.json) output.emit({ event: 'packages', ...heading, packages });
  else output.say(describePackages(packages));
  const unknown = archives.length - relations.size;
  if (unknown > 0) {
    output.say(
      `${name}: ${formatCount(unknown, 'package')} are not in the cache, so neither their sizes are known nor what they need. A build fetches them.`,
    );
  }
}

async function yamlOf(value: object): Promise<string> {
  const { stringify } = await import('yaml');
  return stringify(value, { lineWidth: 0, aliasDuplicateObjects: false }).trimEnd();
}

/** Formats a table of packages, largest first, with their number and total size. */
function describePackages(packages: readonly ShownPackage[]): string {
  const bySize = packages.toSorted(
    (a, b) => (b.installedSize ?? 0) - (a.installedSize ?? 0) || (a.name < b.name ? -1 : 1),
  );
  const rows = bySize.map(({ name, version, installedSize, why }) => [
    name,
    version,
    installedSize === null ? '?' : formatBytes(installedSize),
    describeReason(why),
  ]);
  const sum = packages.reduce((all, { installedSize }) => all + (installedSize ?? 0), 0);
  const table = formatTable([['Package', 'Version', 'Installed', 'Why'], ...rows]);
  return `${table}\n${formatCount(packages.length, 'package')}, ${formatBytes(sum)} installed`;
}

/** Formats a reason: `needed by a ← b` if a needs the package, b needs a, and the profile asks for b. */
function describeReason(why: Reason | null): string {
  if (why === null) return 'not known';
  const [, ...above] = why.chain;
  if (above.length === 0) return 'asked for';
  return `${why.comesWith ? 'comes with' : 'needed by'} ${above.join(' ← ')}`;
}
