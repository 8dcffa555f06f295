/** Paths of the files that only our appliances have on a medium. */
export interface MediumPaths {
  /** The folder that contains all of these files. */
  folder: string;
  /** The root filesystem. */
  system: string;
  /** The hash tree of the root filesystem. */
  verity: string;
  /** The list of the medium's files; see `formatMediumFiles`. */
  list: string;
  /** The folder with the boot files of an installed disk; see `readBootFiles`. */
  bootFiles: string;
}

/** Returns the paths for an appliance. @param namespace `namespace` of its profile, which is the folder's name */
export function makeMediumPaths(namespace: string): MediumPaths {
  const folder = `/${namespace}`;
  return {
    folder,
    system: `${folder}/system.squashfs`,
    verity: `${folder}/system.verity`,
    list: `${folder}/SHA256SUMS`,
    bootFiles: `${folder}/disk`,
  };
}

/** Whether a path on a medium is that of the root filesystem, whatever the appliance's namespace is. */
export function isSystemPath(path: string): boolean {
  const [, namespace] = /^\/([^/]+)\//.exec(path) ?? [];
  return namespace !== undefined && path === makeMediumPaths(namespace).system;
}

/** Returns the path on a medium of a file that no other system has; GRUB and the initramfs find the medium by it. */
export function makeMarkerPath(namespace: string, buildId: string): string {
  return `${makeMediumPaths(namespace).folder}/build-${buildId}`;
}
