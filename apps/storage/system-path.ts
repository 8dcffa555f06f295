/** Folders of the system, including everything below them. */
const TREES = ['/boot', '/dev', '/etc', '/proc', '/quantix', '/run', '/sys', '/tmp', '/usr'];

/** Folders of the system whose subfolders may be pools. */
const FOLDERS = ['/', '/home', '/mnt/system', '/opt', '/root', '/var', '/var/lib', '/var/log'];

/** Returns whether a folder can never be a storage pool, whatever is mounted there. */
export function isSystemPath(path: string): boolean {
  return (
    FOLDERS.includes(path) || TREES.some((tree) => path === tree || path.startsWith(`${tree}/`))
  );
}
