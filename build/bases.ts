/** A supplier of packages, and what those who take part in a build have to know of it. */
export interface BaseFacts {
  /** Name for people. */
  readonly title: string;
  /** C library of its programs. */
  readonly libc: 'glibc' | 'musl';
  /** How package URLs name its packages (purl specification, `PURL-TYPES`), and who supplies them. */
  readonly packageUrl: {
    readonly type: string;
    readonly namespace: string;
    readonly supplier: string;
  };
  /** Number of a release, `VERSION_ID` of os-release(5), where it is not in the release's name: `trixie` → `13`. */
  readonly releases: Readonly<Record<string, string>>;
  /** Where its packages put busybox, as tree paths: the first that is there counts. */
  readonly busybox: readonly string[];
}

/** Every base; where a profile leaves the choice, the first one that is locked is taken. */
export const BASES = {
  alpine: {
    title: 'Alpine',
    libc: 'musl',
    packageUrl: { type: 'apk', namespace: 'alpine', supplier: 'Alpine Linux' },
    releases: {},
    busybox: ['bin/busybox', 'bin/busybox.static'],
  },
  debian: {
    title: 'Debian',
    libc: 'glibc',
    packageUrl: { type: 'deb', namespace: 'debian', supplier: 'Debian' },
    releases: { bookworm: '12', trixie: '13', forky: '14' },
    busybox: ['bin/busybox'],
  },
} as const satisfies Readonly<Record<string, BaseFacts>>;

/** The supplier of packages, by name. */
export type BaseName = keyof typeof BASES;

/** Names of all bases. */
export const BASE_NAMES = Object.keys(BASES).filter((name): name is BaseName => name in BASES);
