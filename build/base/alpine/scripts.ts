import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import pLimit from 'p-limit';
import type { PackageArchive } from '../../contract/base.ts';
import type { PackageScript } from '../../contract/scripts.ts';
import { BuildError } from '../../error.ts';
import { findSettings, type Profile } from '../../profile/profile.ts';
import { readControl } from './package/control.ts';

/** Maximum number of files open at the same time. */
const AT_ONCE = 16;

/** Scripts that apk runs when installing into an empty root; it only stores the others. */
const AT_INSTALL: ReadonlySet<string> = new Set(['pre-install', 'post-install', 'trigger']);

const IDLE = 'runs at an upgrade or a removal; an image is never changed in place';

type Reviews = NonNullable<Profile['bases']['alpine']>['scripts'];

/**
 * Reads the scripts of packages, in the order of the packages, with the profile's verdict on each.
 * @param archives archives whose identity has been checked: it covers the scripts
 * @throws BuildError if an archive is damaged
 */
export async function readScripts(
  archives: readonly PackageArchive[],
  profile: Profile,
): Promise<PackageScript[]> {
  const { scripts: reviews } = findSettings(profile, 'alpine');
  const limit = pLimit(AT_ONCE);
  const read = archives.map((one) => limit(() => scriptsOf(one)));
  return (await Promise.all(read)).flat().map((one) => ({ ...one, ...judge(one, reviews) }));
}

type Found = Pick<PackageScript, 'package' | 'version' | 'script' | 'sha256' | 'text'>;

async function scriptsOf({ locked, file }: PackageArchive): Promise<Found[]> {
  const { name, version } = locked;
  const where = `package ${name} ${version}`;
  const handle = await open(file, 'r').catch((cause: unknown) => {
    throw new BuildError({ what: `${where} cannot be read`, where: file, cause });
  });
  try {
    const { size } = await handle.stat();
    const { scripts } = await readControl({ handle, size, where });
    return [...scripts].map(([script, body]) => ({
      ...{ package: name, version, script },
      sha256: createHash('sha256').update(body).digest('hex'),
      text: body.toString('utf8'),
    }));
  } finally {
    await handle.close();
  }
}

function judge(found: Found, reviews: Reviews): Pick<PackageScript, 'verdict' | 'reason'> {
  const { package: name, script, sha256 } = found;
  if (!AT_INSTALL.has(script)) return { verdict: 'idle', reason: IDLE };
  const review = Object.hasOwn(reviews, name) ? reviews[name] : undefined;
  if (review === undefined) return { verdict: 'unseen' };
  const { reason } = review;
  const seen = new Map(Object.entries(review.sha256)).get(script);
  if (seen === sha256) return { verdict: 'reviewed', reason };
  return { verdict: seen === undefined ? 'unseen' : 'changed', reason };
}
