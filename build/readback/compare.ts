import type { Entry, FileEntry } from '../tree/entry.ts';
import type { ImageNode } from './node.ts';

/** The expected content of an image. */
export interface ExpectedContent {
  /** Every path except the root, once. */
  entries: readonly Entry[];
  /** Time stamp of all entries, in seconds since 1970. */
  epoch: number;
}

/** A file of the tree, and the node of the image that has its content. */
export interface FilePair<Node extends ImageNode> {
  entry: FileEntry;
  node: Node;
}

/** Result of comparing paths. */
export interface Comparison<Node extends ImageNode> {
  /** Differences, one clause each. */
  problems: string[];
  /** Files of equal size whose contents still have to be compared; hard links of a file are not repeated. */
  files: FilePair<Node>[];
}

/**
 * Compares every path of an image with the expected ones: type, mode, owner, time, target, device, size, extended
 * attributes, and which names are the same file.
 */
export function comparePaths<Node extends ImageNode>(
  nodes: readonly Node[],
  { entries, epoch }: ExpectedContent,
): Comparison<Node> {
  const byPath = new Map(nodes.map((node) => [node.path, node]));
  const owners = new Map<number, string>();
  const problems: string[] = [];
  const files: FilePair<Node>[] = [];
  if (byPath.size !== nodes.length) problems.push('a path is in it twice');
  for (const entry of entries) {
    const node = byPath.get(entry.path);
    byPath.delete(entry.path);
    if (node === undefined) {
      problems.push(`/${entry.path} is missing`);
      continue;
    }
    if (entry.type === 'hardlink') continue;
    const different = differences(entry, node, epoch);
    problems.push(...different.map((what) => `/${entry.path} ${what}`));
    const other = owners.get(node.inode);
    if (other !== undefined) problems.push(`/${entry.path} and /${other} are one file`);
    owners.set(node.inode, entry.path);
    if (entry.type === 'file' && node.type === 'file' && node.size === entry.size) {
      files.push({ entry, node });
    }
  }
  problems.push(...linkProblems(nodes, entries, owners));
  byPath.delete('');
  problems.push(...[...byPath.keys()].map((path) => `/${path} is unexpected`));
  return { problems, files };
}

function linkProblems(
  nodes: readonly ImageNode[],
  entries: readonly Entry[],
  owners: ReadonlyMap<number, string>,
): string[] {
  const inodes = new Map(nodes.map(({ path, inode }) => [path, inode]));
  return entries.flatMap((entry) => {
    const inode = entry.type === 'hardlink' ? inodes.get(entry.path) : undefined;
    if (entry.type !== 'hardlink' || inode === undefined) return [];
    return owners.get(inode) === entry.target
      ? []
      : [`/${entry.path} is not the same file as /${entry.target}`];
  });
}

function differences(
  entry: Exclude<Entry, { type: 'hardlink' }>,
  node: ImageNode,
  epoch: number,
): string[] {
  if (node.type !== entry.type) return [`is a ${node.type}, not a ${entry.type}`];
  const found: string[] = [];
  const expect = (what: string, is: string | number, expected: string | number): void => {
    if (is !== expected) found.push(`has ${what} ${is}, not ${expected}`);
  };
  expect('mode', node.mode.toString(8), entry.mode.toString(8));
  expect('owner', `${node.uid}:${node.gid}`, `${entry.uid}:${entry.gid}`);
  expect('time', node.mtime, epoch);
  expect('size', node.size, entry.type === 'file' ? entry.size : 0);
  expect(
    'target',
    JSON.stringify(node.target),
    JSON.stringify('target' in entry ? entry.target : ''),
  );
  const [major, minor] = 'major' in entry ? [entry.major, entry.minor] : [0, 0];
  expect('device number', `${node.major}:${node.minor}`, `${major}:${minor}`);
  expect('attributes', sorted(node.attributes), sorted(entry.attributes ?? {}));
  return found;
}

function sorted(attributes: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1));
  return pairs.map(([name, value]) => `${name}=0x${value}`).join(' ') || 'none';
}
