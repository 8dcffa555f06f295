import { makeAppletLinks } from '../../build/base/system/applets.ts';
import { makeSkeleton } from '../../build/base/system/skeleton.ts';
import { listBusyboxApplets } from '../../build/elf/busybox.ts';
import type { ContentReader } from '../../build/tree/content.ts';
import type { Entry, FileEntry, SymlinkEntry } from '../../build/tree/entry.ts';
import { Tree } from '../../build/tree/tree.ts';
import { withFolders } from './layout.ts';
import type { PackageRecipe } from './recipe.ts';

/** Parts of Debian from which the packages of the base system are made. */
export interface BaseParts {
  /** Name of a Debian package → its entries as from `laidOut`; those of the kernel's package include `/boot`. */
  readonly debian: ReadonlyMap<string, readonly Entry[]>;
  /** Name of the package with the kernel of the image. */
  readonly kernel: string;
  /** Files that replace those of Debian's OpenRC, or are added to them. */
  readonly overlay: readonly Entry[];
  /** Links that Debian's package scripts make: path → target. */
  readonly links: Readonly<Record<string, string>>;
  readonly reader: ContentReader;
}

/** Debian's packages that are not in the mirror themselves, because packages below are made from them. */
export const MADE_ANEW = new Set(['busybox-static', 'ca-certificates', 'openrc']);

/** Returns the packages of the base system, with the names and contents that they have in Alpine. */
export function baseSystem(parts: BaseParts): PackageRecipe[] {
  return [baselayout(parts), ...busybox(parts), certificates(parts), openrc(parts), kernel(parts)];
}

function baselayout({ debian, overlay, links }: BaseParts): PackageRecipe {
  const own = { 'etc/mtab': '../proc/mounts', 'var/lock': '../run/lock', 'var/run': '../run' };
  const more = Object.entries(links).map(([path, target]) => [path.slice(1), target] as const);
  const depends = ['base-files', 'mawk', 'netbase'].filter((name) => debian.has(name));
  return {
    name: 'alpine-baselayout',
    version: '3.7.1-r0',
    depends,
    replaces: depends,
    replacesPriority: 1000,
    entries: withFolders([
      ...makeSkeleton().filter(({ path }) => path !== 'data'),
      ...[...Object.entries(own), ...more].map(([path, target]) => link(path, target)),
      ...overlay.filter(({ path, type }) => path === 'etc/nsswitch.conf' && type === 'file'),
    ]),
  };
}

/** Busybox’s files stay in `/bin`, as in Alpine, so that paths through directory links are tested, too. */
function busybox({ debian, reader }: BaseParts): PackageRecipe[] {
  const program = fileOf(debian.get('busybox-static'), 'usr/bin/busybox');
  const paths = appletPaths(listBusyboxApplets(reader.bytes(program)), debian, reader);
  const version = '1.37.0-r6';
  const common = { version, origin: 'busybox' };
  return [
    {
      ...common,
      name: 'busybox',
      depends: ['alpine-baselayout'],
      provides: [`cmd:busybox=${version}`],
      entries: withFolders([
        { ...program, path: 'bin/busybox' },
        text('etc/busybox-paths.d/busybox', `${paths.join('\n')}\n`),
      ]),
    },
    {
      ...common,
      name: 'busybox-binsh',
      depends: [`busybox=${version}`],
      provides: ['/bin/sh', `cmd:sh=${version}`],
      providerPriority: 100,
      entries: withFolders([link('bin/sh', '/bin/busybox')]),
    },
    {
      ...common,
      name: 'busybox-static',
      depends: ['alpine-baselayout'],
      entries: withFolders([{ ...program, path: 'bin/busybox.static' }]),
    },
  ];
}

/** Returns the paths of busybox's applets, except those at which Debian has a program. */
function appletPaths(
  applets: readonly string[],
  debian: BaseParts['debian'],
  reader: ContentReader,
): string[] {
  const tree = new Tree(reader);
  for (const entry of makeSkeleton()) tree.add(entry);
  for (const [name, entries] of debian) {
    if (!MADE_ANEW.has(name)) for (const entry of entries) tree.replace(entry);
  }
  return makeAppletLinks(tree, applets).map(({ path }) => `/${path}`);
}

function certificates({ debian, reader }: BaseParts): PackageRecipe {
  const texts = (debian.get('ca-certificates') ?? []).flatMap((entry) =>
    entry.type === 'file' && entry.path.endsWith('.crt') ? reader.text(entry) : [],
  );
  return {
    name: 'ca-certificates-bundle',
    version: '20250419-r0',
    entries: withFolders([
      text('etc/ssl/certs/ca-certificates.crt', texts.join('')),
      link('etc/ssl/cert.pem', 'certs/ca-certificates.crt'),
      link('usr/lib/ssl/cert.pem', '/etc/ssl/certs/ca-certificates.crt'),
    ]),
  };
}

function openrc({ debian, overlay }: BaseParts): PackageRecipe {
  const own = overlay.filter(({ path }) => path.startsWith('usr/lib/rc/'));
  const replaced = new Set(own.map(({ path }) => path));
  const entries = (debian.get('openrc') ?? []).filter(({ path }) => !replaced.has(path));
  const libraries = 'libaudit1 libc6 libcap2 libeinfo1 libpam0g librc1t64 libselinux1'.split(' ');
  return {
    name: 'openrc',
    version: '0.56-r1',
    depends: ['ifupdown-any', '/bin/sh', ...libraries.filter((name) => debian.has(name))],
    entries: withFolders([...entries, ...own]),
  };
}

/** Modules are below `/lib`, as Alpine has them. */
function kernel({ debian, kernel: name }: BaseParts): PackageRecipe {
  const entries = (debian.get(name) ?? []).flatMap((entry): Entry[] => {
    const { path } = entry;
    if (path.startsWith('usr/lib/modules')) return [{ ...entry, path: path.slice('usr/'.length) }];
    return /^boot\/vmlinuz-/.test(path) ? [{ ...entry, path: 'boot/vmlinuz-lts' }] : [];
  });
  return {
    name: 'linux-lts',
    version: '6.12.0-r0',
    depends: ['alpine-baselayout', 'initramfs-generator', 'linux-firmware-any'],
    entries: withFolders(entries),
  };
}

function fileOf(entries: readonly Entry[] | undefined, path: string): FileEntry {
  const found = entries?.find((entry) => entry.path === path);
  if (found?.type === 'file') return found;
  throw new Error(`Debian's packages have no /${path}`);
}

function link(path: string, target: string): SymlinkEntry {
  return { type: 'symlink', path, target, mode: 0o777, uid: 0, gid: 0, origin: 'fixture' };
}

function text(path: string, content: string): FileEntry {
  const bytes = Buffer.from(content);
  const owner = { mode: 0o644, uid: 0, gid: 0, origin: 'fixture' };
  return { type: 'file', path, size: bytes.length, content: { in: 'memory', bytes }, ...owner };
}
