import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { execa } from 'execa';
import { hashFile } from '../../build/process/hash-file.ts';
import { ARCHIVE_FOLDER, locateToolchainNode } from '../../build/sea/runtime.ts';

/** The Node of the toolchain, which also runs these tests. */
const { version } = process;
const FOLDER = `node-${version}-linux-${process.arch}`;

/** Returns the path of the archive in a mirror. */
export function nodeArchive(mirror: string): string {
  return join(mirror, ARCHIVE_FOLDER, `${FOLDER}.tar.gz`);
}

/**
 * Packs the toolchain's Node into a mirror, as nodejs.org does. The programs use it where packages have Alpine's format
 * and Debian's C library.
 */
export async function packNode(mirror: string, projectDirectory: string): Promise<void> {
  const file = nodeArchive(mirror);
  await mkdir(dirname(file), { recursive: true });
  const same = ['--mtime=@1', '--owner=0', '--group=0', '--numeric-owner'];
  const gzip = '--use-compress-program=gzip -1 -n';
  const folder = resolve(locateToolchainNode(projectDirectory), '../..');
  const from = ['--directory', folder, 'bin/node'];
  const inFolder = `--transform=s,^,${FOLDER}/,`;
  await execa('tar', ['--create', `--file=${file}`, gzip, ...same, inFolder, ...from]);
}

/**
 * Sets a mirror's Node as the one for Alpine, in a copy of the project.
 * @param projectDirectory the copy
 * @param url address of the folder with the archive, for the profile; used if the mirror that the user names does not
 *   have it
 */
export async function nameNode(
  projectDirectory: string,
  { mirror, url }: { mirror: string; url: string },
): Promise<void> {
  const file = nodeArchive(mirror);
  const [{ size }, { whole: sha256 }] = await Promise.all([stat(file), hashFile(file)]);
  const node = { version: version.slice(1), url: `${url}/${FOLDER}.tar.gz`, size, sha256 };
  const settings = join(projectDirectory, 'profiles/shared/alpine.ts');
  const text = await readFile(settings, 'utf8');
  const named = text.replace(/^( *)keys,$/m, `$&\n$1node: ${JSON.stringify(node)},`);
  if (named === text) throw new Error(`${settings} has no place for a Node`);
  await writeFile(settings, named);
}
