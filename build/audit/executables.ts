import type { FileEntry } from '../tree/entry.ts';
import type { Tree } from '../tree/tree.ts';

/** `PATH` of services and consoles. */
const PATH = ['usr/local/sbin', 'usr/local/bin', 'usr/sbin', 'usr/bin', 'sbin', 'bin'];

/** Whether anyone may execute a file. */
export function isExecutable({ mode }: FileEntry): boolean {
  return (mode & 0o111) !== 0;
}

/** Returns the executable file of a command: a command with a slash is a path, any other is searched for on `PATH`. */
export function findExecutable(tree: Tree, command: string): FileEntry | undefined {
  const paths = command.includes('/') ? [command] : PATH.map((path) => `${path}/${command}`);
  return paths
    .map((path) => tree.file(path))
    .filter((file) => file !== undefined)
    .find(isExecutable);
}
