import { BuildError } from '../error.ts';
import { comparePackages, type PackageChange } from '../lock/compare.ts';
import { describeCapabilities } from './capabilities.ts';
import { type Content, type ContentNode, PARTS, type Part } from './content.ts';
import { KERNEL_RELEASE } from './settings.ts';

/** How something differs between two contents. */
export type Change = 'added' | 'removed' | 'changed';

/** One property of a path that differs. */
export interface Aspect {
  /** `mode`, `owner`, `size`, … */
  aspect: string;
  before: string;
  after: string;
}

/** A path that exists in one content only, or differs. */
export interface FileChange {
  part: Part;
  path: string;
  change: Change;
  /** What changed; empty if it was added or removed. */
  aspects: Aspect[];
}

/** A folder whose files differ in total size. */
export interface FolderChange {
  part: Part;
  /** Empty for the whole part. */
  path: string;
  /** Total size of all files below it, in bytes. */
  before: number;
  after: number;
}

/** A setting that exists in one content only, or has different values. */
export interface SettingChange {
  change: Change;
  name: string;
  before?: string | undefined;
  after?: string | undefined;
}

/** All differences of two contents. */
export interface Differences {
  packages: PackageChange[];
  settings: SettingChange[];
  /** Sorted by part, then path. */
  files: FileChange[];
  folders: FolderChange[];
}

/** Levels of folders whose sizes are compared. */
const DEPTH = 3;

/**
 * Compares the parts that two contents have in common.
 * @throws BuildError if they have nothing in common to compare
 */
export function compareContent(before: Content, after: Content): Differences {
  const parts = PARTS.flatMap((part) => {
    const [old, fresh] = [before.parts.get(part), after.parts.get(part)];
    return old === undefined || fresh === undefined ? [] : [{ part, old, fresh }];
  });
  const areLocks = [before, after].every((content) => content.parts.size === 0);
  const packages =
    before.packages === undefined || after.packages === undefined
      ? undefined
      : comparePackages(before.packages, after.packages);
  if (parts.length === 0 && packages === undefined) {
    throw new BuildError({
      what: `${before.file} and ${after.file} have nothing in common that can be compared`,
      fix: 'Compare two images, or two locks.',
    });
  }
  const names = (content: Content) => new Set(content.parts.keys());
  // Settings that a format cannot contain are not differences: a tar has no boot menu, a lock no services.
  const tellsSettings = areLocks || names(before).symmetricDifference(names(after)).size === 0;
  const settings = tellsSettings ? settingChanges(before.settings, after.settings) : [];
  const release = settings.find(({ name }) => name === KERNEL_RELEASE);
  const paired = parts.map(({ part, old, fresh }) => ({
    ...{ part, fresh },
    old: release === undefined ? old : underRelease(old, release),
  }));
  return {
    packages: packages ?? [],
    settings,
    files: paired.flatMap(({ part, old, fresh }) => fileChanges(part, old, fresh)),
    folders: paired.flatMap(({ part, old, fresh }) => folderChanges(part, old, fresh)),
  };
}

/**
 * Moves the old modules to the folder of the new kernel release: each module is compared with the one of the same name,
 * and the folder's name is reported once, as a setting.
 */
function underRelease(nodes: readonly ContentNode[], { before, after }: SettingChange) {
  if (before === undefined || after === undefined) return nodes;
  return nodes.map((node) => {
    const [, modules = '', release, rest = ''] =
      /^((?:usr\/)?lib\/modules\/)([^/]+)(.*)$/s.exec(node.path) ?? [];
    return release === before ? { ...node, path: `${modules}${after}${rest}` } : node;
  });
}

/** Whether two contents are equal. */
export function isSame({ packages, settings, files, folders }: Differences): boolean {
  return [packages, settings, files, folders].every((list) => list.length === 0);
}

function settingChanges(
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
): SettingChange[] {
  const names = [...new Set([...before.keys(), ...after.keys()])].sort();
  return names.flatMap((name) => {
    const [old, fresh] = [before.get(name), after.get(name)];
    return old === fresh ? [] : [{ change: changeOf(old, fresh), name, before: old, after: fresh }];
  });
}

function changeOf(before: unknown, after: unknown): Change {
  if (before === undefined) return 'added';
  return after === undefined ? 'removed' : 'changed';
}

function fileChanges(
  part: Part,
  before: readonly ContentNode[],
  after: readonly ContentNode[],
): FileChange[] {
  const old = new Map(before.map((node) => [node.path, node]));
  const fresh = new Map(after.map((node) => [node.path, node]));
  return [...new Set([...old.keys(), ...fresh.keys()])].sort().flatMap((path) => {
    const [was, is] = [old.get(path), fresh.get(path)];
    const aspects = was === undefined || is === undefined ? [] : aspectsOf(was, is);
    if (was !== undefined && is !== undefined && aspects.length === 0) return [];
    return [{ part, path, change: changeOf(was, is), aspects }];
  });
}

function aspectsOf(before: ContentNode, after: ContentNode): Aspect[] {
  const aspects: [string, (node: ContentNode) => string][] = [
    ['type', ({ type }) => type],
    ['mode', ({ mode }) => mode.toString(8).padStart(4, '0')],
    ['owner', ({ uid, gid }) => `${uid}:${gid}`],
    ['size', ({ size }) => String(size)],
    ['sha256', ({ sha256 }) => sha256],
    ['target', ({ target }) => target],
    ['device', ({ major, minor }) => `${major}:${minor}`],
    ['same file as', ({ sameAs }) => sameAs],
  ];
  const names = new Set([...Object.keys(before.attributes), ...Object.keys(after.attributes)]);
  for (const name of [...names].sort()) {
    aspects.push([name, ({ attributes }) => describeAttribute(name, attributes[name])]);
  }
  return aspects.flatMap(([aspect, of]) => {
    const [was, is] = [of(before), of(after)];
    return was === is ? [] : [{ aspect, before: was, after: is }];
  });
}

function describeAttribute(name: string, hex: string | undefined): string {
  if (hex === undefined) return '';
  const capabilities = name === 'security.capability' ? describeCapabilities(hex) : undefined;
  return capabilities ?? `0x${hex}`;
}

function folderChanges(
  part: Part,
  before: readonly ContentNode[],
  after: readonly ContentNode[],
): FolderChange[] {
  const [old, fresh] = [folderSizes(before, DEPTH), folderSizes(after, DEPTH)];
  return [...new Set([...old.keys(), ...fresh.keys()])].sort().flatMap((path) => {
    const [was, is] = [old.get(path) ?? 0, fresh.get(path) ?? 0];
    return was === is ? [] : [{ part, path, before: was, after: is }];
  });
}

/**
 * Returns the total size of the files below each folder; a file with several names counts once.
 * @param depth levels of folders; deeper files count for the folders above
 * @returns path → bytes; the empty path is the total
 */
function folderSizes(nodes: readonly ContentNode[], depth: number): Map<string, number> {
  const sizes = new Map<string, number>();
  for (const { path, type, size, sameAs } of nodes) {
    if (type !== 'file' || sameAs !== '') continue;
    const folders = path.split('/').slice(0, -1).slice(0, depth);
    for (let level = 0; level <= folders.length; level += 1) {
      const folder = folders.slice(0, level).join('/');
      sizes.set(folder, (sizes.get(folder) ?? 0) + size);
    }
  }
  return sizes;
}
