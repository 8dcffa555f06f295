/** Owner and permissions as the installed database writes them. */
export interface Ownership {
  readonly uid: number;
  readonly gid: number;
  /** 0 to 0o7777. */
  readonly mode: number;
  /** SHA-1 of the extended attributes, lower-case hex; absent if there are none. */
  readonly xattrs?: string | undefined;
}

/** What is not written down since it goes without saying. */
export const DEFAULT_DIRECTORY: Ownership = { uid: 0, gid: 0, mode: 0o755 };
export const DEFAULT_FILE: Ownership = { uid: 0, gid: 0, mode: 0o644 };

/** Whether two owners and permissions are the same in all they have. */
export function sameOwnership(a: Ownership, b: Ownership): boolean {
  return a.uid === b.uid && a.gid === b.gid && a.mode === b.mode && a.xattrs === b.xattrs;
}
