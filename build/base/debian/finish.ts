import type { FinishContext } from '../../contract/base.ts';
import type { Entry } from '../../tree/entry.ts';
import type { Tree } from '../../tree/tree.ts';
import { accountFiles, homeDirectories } from '../system/accounts.ts';
import { appletLinks, listApplets } from '../system/applets.ts';
import { caBundle } from '../system/ca-bundle.ts';
import { dependencyScan } from '../system/dependency-scan.ts';
import { generatedLink } from '../system/generated.ts';
import { identityFiles } from '../system/identity.ts';
import { runlevelLinks } from '../system/runlevels.ts';

/**
 * Adds what Debian's package scripts would have created; see `Base.finish`. glibc's loader cache is not needed: every
 * library is in a folder of the default search path, which the audit checks.
 */
export function finishDebian(tree: Tree, context: FinishContext): void {
  const { profile } = context;
  for (const [path, target] of Object.entries(profile.settings.links)) {
    tree.add(generatedLink(path.slice(1), target));
  }
  const derived: Entry[] = [
    generatedLink('etc/mtab', '../proc/self/mounts'),
    generatedLink('var/lock', '../run/lock'),
    generatedLink('var/run', '../run'),
    ...accountFiles(context),
    ...homeDirectories(tree, context),
    ...identityFiles(context),
    ...appletLinks(tree, listApplets(tree, 'busybox-static')),
    caBundle(tree),
    generatedLink('usr/lib/ssl/cert.pem', '/etc/ssl/certs/ca-certificates.crt'),
    ...runlevelLinks(tree, profile),
    dependencyScan(tree),
  ];
  for (const entry of derived) tree.replace(entry);
}
