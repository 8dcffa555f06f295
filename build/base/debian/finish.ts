import type { FinishContext } from '../../contract/base.ts';
import type { Entry } from '../../tree/entry.ts';
import type { Tree } from '../../tree/tree.ts';
import { makeAccountFiles, makeHomeDirectories } from '../system/accounts.ts';
import { listApplets, makeAppletLinks } from '../system/applets.ts';
import { makeCaBundle } from '../system/ca-bundle.ts';
import { scanDependencies } from '../system/dependency-scan.ts';
import { generateLink } from '../system/generated.ts';
import { makeIdentityFiles } from '../system/identity.ts';
import { makeRunlevelLinks } from '../system/runlevels.ts';

/**
 * Adds what Debian's package scripts would create; see `Base.finish`. glibc's loader cache is not needed: every library
 * is in a folder of the default search path, which the audit checks.
 */
export function finishDebian(tree: Tree, context: FinishContext): void {
  const { profile } = context;
  for (const [path, target] of Object.entries(profile.settings.links)) {
    tree.add(generateLink(path.slice(1), target));
  }
  const derived: Entry[] = [
    generateLink('etc/mtab', '../proc/self/mounts'),
    generateLink('var/lock', '../run/lock'),
    generateLink('var/run', '../run'),
    ...makeAccountFiles(context),
    ...makeHomeDirectories(tree, context),
    ...makeIdentityFiles(context),
    ...makeAppletLinks(tree, listApplets(tree, 'busybox-static')),
    makeCaBundle(tree),
    generateLink('usr/lib/ssl/cert.pem', '/etc/ssl/certs/ca-certificates.crt'),
    ...makeRunlevelLinks(tree, profile),
    scanDependencies(tree),
  ];
  for (const entry of derived) tree.replace(entry);
}
