import type { FinishContext } from '../../contract/base.ts';
import type { Entry } from '../../tree/entry.ts';
import { getParent, nameOf } from '../../tree/path.ts';
import type { Tree } from '../../tree/tree.ts';
import { makeAccountFiles, makeHomeDirectories } from '../system/accounts.ts';
import { listApplets, makeAppletLinks } from '../system/applets.ts';
import { BUNDLE, makeCaBundle } from '../system/ca-bundle.ts';
import { scanDependencies } from '../system/dependency-scan.ts';
import { generateLink } from '../system/generated.ts';
import { makeIdentityFiles } from '../system/identity.ts';
import { makeRunlevelLinks } from '../system/runlevels.ts';

/** Folder in which Alpine's busybox package lists the paths of its applets, one per line. */
const APPLET_PATHS = 'etc/busybox-paths.d';

/** Adds what Alpine's package scripts would create; see `Base.finish`. */
export function finishAlpine(tree: Tree, context: FinishContext): void {
  const { profile } = context;
  for (const [path, target] of Object.entries(profile.settings.links)) {
    tree.add(generateLink(path.slice(1), target));
  }
  const derived: Entry[] = [
    ...makeAccountFiles(context),
    ...makeHomeDirectories(tree, context),
    ...makeIdentityFiles(context),
    ...busyboxLinks(tree),
    ...(tree.file(BUNDLE) === undefined ? [makeCaBundle(tree)] : []),
    ...makeRunlevelLinks(tree, profile),
    scanDependencies(tree),
  ];
  for (const entry of derived) tree.replace(entry);
}

/**
 * Returns links to busybox at the paths that its package lists, else at the usual paths; a path that exists in the tree
 * is left out.
 */
function busyboxLinks(tree: Tree): Entry[] {
  const paths = tree
    .names(APPLET_PATHS)
    .flatMap((name) => (tree.text(`${APPLET_PATHS}/${name}`) ?? '').split('\n'))
    .map((path) => path.replace(/^\//, ''))
    .filter((path) => path !== '' && path !== 'bin/busybox');
  if (paths.length === 0) return makeAppletLinks(tree, listApplets(tree, 'busybox'));
  return paths
    .filter((path) => !isTaken(tree, path))
    .map((path) => generateLink(path, '/bin/busybox'));
}

function isTaken(tree: Tree, path: string): boolean {
  const directory = tree.canonical(getParent(path));
  return directory !== undefined && tree.at(`${directory}/${nameOf(path)}`) !== undefined;
}
