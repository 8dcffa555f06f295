/** Host programs that bases run → Debian package that contains them. */
export const BASE_TOOL_PACKAGES = {
  '/usr/lib/apt/apt-helper': 'apt',
  'apt-cache': 'apt',
  'apt-config': 'apt',
  'apt-get': 'apt',
  dpkg: 'dpkg',
  'dpkg-deb': 'dpkg',
  flock: 'util-linux',
} as const;

type BaseTool = keyof typeof BASE_TOOL_PACKAGES;

/** A supplier of packages: the facts that other parts of a build need about it. */
export interface BaseFacts {
  /** Name shown to people. */
  readonly title: string;
  /** C library of its programs. */
  readonly libc: 'glibc' | 'musl';
  /** How package URLs name its packages (purl specification, `PURL-TYPES`), and the supplier of the packages. */
  readonly packageUrl: {
    readonly type: string;
    readonly namespace: string;
    readonly supplier: string;
  };
  /**
   * Release name → release number (`VERSION_ID` of os-release(5)), for releases whose name does not contain it:
   * `trixie` → `13`.
   */
  readonly releases: Readonly<Record<string, string>>;
  /** Address of an advisory about its packages, without the advisory's id at the end. */
  readonly advisories: string;
  /** What the host must have to resolve and open its packages. */
  readonly host: {
    /** Programs that resolve packages. */
    readonly resolve: readonly BaseTool[];
    /** Programs that open packages. */
    readonly open: readonly BaseTool[];
    /** Files for resolving: absolute path → Debian package that contains it. */
    readonly files: Readonly<Record<string, string>>;
  };
  /** Tree paths at which its packages may have busybox; the first one that exists is used. */
  readonly busybox: readonly string[];
}

/** All bases. If a profile leaves the choice open, the first base with a lock is used. */
export const BASES = {
  alpine: {
    title: 'Alpine',
    libc: 'musl',
    packageUrl: { type: 'apk', namespace: 'alpine', supplier: 'Alpine Linux' },
    releases: {},
    advisories: 'https://security.alpinelinux.org/vuln/',
    host: { resolve: [], open: [], files: {} },
    busybox: ['bin/busybox', 'bin/busybox.static'],
  },
  debian: {
    title: 'Debian',
    libc: 'glibc',
    packageUrl: { type: 'deb', namespace: 'debian', supplier: 'Debian' },
    releases: { bookworm: '12', trixie: '13', forky: '14' },
    advisories: 'https://security-tracker.debian.org/tracker/',
    host: {
      resolve: ['apt-get', 'dpkg', 'flock'],
      open: ['dpkg-deb'],
      files: { '/usr/share/keyrings/debian-archive-keyring.gpg': 'debian-archive-keyring' },
    },
    busybox: ['bin/busybox'],
  },
} as const satisfies Readonly<Record<string, BaseFacts>>;

/** Name of a base. */
export type BaseName = keyof typeof BASES;

/** Names of all bases. */
export const BASE_NAMES = Object.keys(BASES).filter((name): name is BaseName => name in BASES);
