import { getParent } from '../../tree/path.ts';
import type { Tree } from '../../tree/tree.ts';
import type { AuditOptions, Finding } from '../finding.ts';
import type { Survey } from '../survey.ts';

/** Directories whose contents exist only at run time. */
const RUN_TIME = [
  'proc',
  'sys',
  'dev',
  'run',
  'tmp',
  'mnt',
  'media',
  'data',
  'var/run',
  'var/lock',
  'var/tmp',
];
/** Dangling links below this path are reported, with more detail, by rules/services.ts. */
const ELSEWHERE = 'etc/runlevels/';
/** Number of links that Linux follows in one path (path_resolution(7)). */
const MOST_LINKS = 40;

/** A symbolic link must point to something in the tree, or to a path that exists at run time. */
export function findDanglingLinks(
  { tree, links }: Survey,
  { mountPoints = [] }: Pick<AuditOptions, 'mountPoints'>,
): Finding[] {
  const isOfRunTime = (path: string) =>
    [...RUN_TIME, ...mountPoints].some((folder) => isWithin(path, folder));
  const findings: Finding[] = [];
  for (const { entry, canonical } of links) {
    if (canonical !== undefined || entry.path.startsWith(ELSEWHERE)) continue;
    const end = endOf(tree, entry.path, isOfRunTime);
    if (end !== undefined && isOfRunTime(end)) continue;
    findings.push({
      rule: 'link',
      path: entry.path,
      what:
        end === undefined
          ? `is a link to ${entry.target}, which forms a loop`
          : `is a link to ${entry.target}, which does not exist`,
      fix: 'Add the package that has the target, or drop the link.',
    });
  }
  return findings;
}

/** Returns the path at which a dangling link ends; `undefined` for a cycle. */
function endOf(
  tree: Tree,
  path: string,
  isOfRunTime: (path: string) => boolean,
): string | undefined {
  let here = path;
  for (let count = 0; count < MOST_LINKS; count += 1) {
    const entry = tree.at(here);
    if (entry?.type !== 'symlink') return here;
    const { target } = entry;
    const next = target.startsWith('/') ? target : `${getParent(here)}/${target}`;
    here = resolved(tree, next, isOfRunTime);
  }
  return undefined;
}

/** Resolves `.` and `..` in a path, and the links in its directory if that exists. */
function resolved(tree: Tree, path: string, isOfRunTime: (path: string) => boolean): string {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  const lexical = parts.join('/');
  if (isOfRunTime(lexical)) return lexical;
  const parent = tree.canonical(getParent(lexical));
  if (parent === undefined) return lexical;
  return parent === '' ? (parts.at(-1) ?? '') : `${parent}/${parts.at(-1) ?? ''}`;
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}
