/** Folders of the system with all that is below them. */
const TREES = ['/boot', '/dev', '/etc', '/proc', '/quantix', '/run', '/sys', '/tmp', '/usr'];

/** Folders of the system of which something below may well hold volumes. */
const FOLDERS = ['/', '/home', '/mnt/system', '/opt', '/root', '/var', '/var/lib', '/var/log'];

/** True for a folder that is never a storage pool, whatever is mounted there. */
export function isSystemPath(path: string): boolean {
  return (
    FOLDERS.includes(path) || TREES.some((tree) => path === tree || path.startsWith(`${tree}/`))
  );
}
