import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { ARCHITECTURES, type ArchitectureName } from '../architecture.ts';
import { bundle } from './bundle.ts';
import { checkExecutable } from './check.ts';
import { compile } from './compile.ts';
import { unpackNode } from './unpack.ts';

/** Files that are made. */
export const EXECUTABLE_FILE = 'qx';
const PACKAGES_FILE = 'packages.json';

/** The module that the programs begin with. */
export const ENTRY = 'apps/qx.ts';

/** What the executable is made from. */
export interface MakeRequest {
  architecture: ArchitectureName;
  projectDirectory: string;
  /** Product version. */
  version: string;
  /** Version of the Node in it. */
  node: string;
  /** Path of the toolchain's Node, which is also the one in the executable where there is no archive. */
  compiler: string;
  /** Path of a downloaded archive with the Node of another C library. */
  archive: string | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * Bundles the programs, compiles them into one executable and tries it.
 * @param directory where `EXECUTABLE_FILE` goes, and the list of npm packages in it
 * @throws BuildError if the source cannot be bundled, the archive is damaged, or the executable does not run
 */
export async function makeExecutable(
  directory: string,
  { architecture, projectDirectory, version, node, compiler, archive, signal }: MakeRequest,
): Promise<void> {
  const output = join(directory, EXECUTABLE_FILE);
  const { code, packages } = await bundle({ projectDirectory, entry: ENTRY, version, node });
  const unpacked = await mkdtemp(join(directory, '.node-'));
  try {
    const runtime = archive === undefined ? compiler : join(unpacked, 'node');
    if (archive !== undefined) await unpackNode(archive, runtime);
    const { strip } = ARCHITECTURES[architecture];
    await compile({ code, compiler, node: runtime, strip, output, signal });
  } finally {
    await rm(unpacked, { recursive: true, force: true });
  }
  await checkExecutable(output, version, signal);
  await writeFile(join(directory, PACKAGES_FILE), JSON.stringify(packages));
}

/** Folders of the npm packages in the executable, as `makeExecutable` noted them. */
export async function readPackages(directory: string): Promise<string[]> {
  const text = await readFile(join(directory, PACKAGES_FILE), 'utf8');
  return z.array(z.string()).parse(JSON.parse(text));
}
