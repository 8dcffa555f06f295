import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { BuildError } from '../error.ts';
import { sha256 } from '../step/digest.ts';
import type { Entry } from './entry.ts';

/** A folder of `overlay/`, read. */
export interface Overlay {
  name: string;
  /** Files, links and directories, all root's: 0755 if executable or a directory, else 0644. */
  entries: Entry[];
  /** Path in the overlay → digest over type, mode and content; belongs into the key of what is made of it. */
  digests: Record<string, string>;
}

/**
 * Reads a folder whose files are injected into the root filesystem as they are.
 * @param directory the folder: `overlay/common`
 * @param name its name for messages: `common`
 * @throws BuildError if there is no such folder, or something in it is neither file, link nor directory
 */
export function readOverlay(directory: string, name: string): Overlay {
  if (!existsSync(directory)) {
    throw new BuildError({
      what: `there is no overlay ${JSON.stringify(name)}`,
      where: directory,
      fix: 'Make the folder, or take the name out of the profile.',
    });
  }
  const overlay: Overlay = { name, entries: [], digests: {} };
  const origin = `overlay ${name}`;
  const read = (path: string): void => {
    const { entry, digest } = readOne(join(directory, path), path, origin);
    overlay.entries.push(entry);
    overlay.digests[`${name}/${path}`] = digest;
    if (entry.type === 'directory') readAll(path);
  };
  const readAll = (path: string): void => {
    for (const child of readdirSync(join(directory, path)).sort()) {
      read(path === '' ? child : `${path}/${child}`);
    }
  };
  readAll('');
  return overlay;
}

function readOne(file: string, path: string, origin: string): { entry: Entry; digest: string } {
  const stat = lstatSync(file);
  const owner = { path, uid: 0, gid: 0, origin };
  if (stat.isDirectory()) {
    return { entry: { ...owner, type: 'directory', mode: 0o755 }, digest: 'directory' };
  }
  if (stat.isSymbolicLink()) {
    const target = readlinkSync(file);
    return { entry: { ...owner, type: 'symlink', mode: 0o777, target }, digest: `link ${target}` };
  }
  if (!stat.isFile()) {
    throw new BuildError({
      what: 'an overlay may hold files, links and directories only',
      where: file,
      fix: 'Declare devices and the like elsewhere.',
    });
  }
  const mode = (stat.mode & 0o111) === 0 ? 0o644 : 0o755;
  const bytes = readFileSync(file);
  const content = { in: 'memory', bytes } as const;
  return {
    entry: { ...owner, type: 'file', mode, size: bytes.length, content },
    digest: sha256(`${mode.toString(8)} ${sha256(bytes)}`),
  };
}
