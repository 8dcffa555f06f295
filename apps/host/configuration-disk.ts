import { join } from 'node:path';
import { readMounts } from './mounts.ts';
import { readText } from './read.ts';

/** Mount point of the configuration. */
const CONFIGURATION = '/quantix';
/** Written by the initramfs: why an existing configuration is not mounted. */
const UNMOUNTED = 'run/quantix/unmounted-quantix';

/**
 * Reads why the machine runs without its own configuration.
 * @param root folder that contains run
 * @returns undefined if it has its configuration, or never had one
 */
export async function readUnmountedConfiguration(root = '/'): Promise<string | undefined> {
  const why = (await readText(join(root, UNMOUNTED))).trim();
  return why === '' ? undefined : why;
}

/**
 * Reads what is wrong with the file system of the configuration, in one line.
 * @param root folder that contains proc and run
 * @returns undefined if nothing is wrong, if there is no configuration, or if it is on a CD, which is always read-only
 */
export async function readConfigurationProblem(root = '/'): Promise<string | undefined> {
  const unmounted = await readUnmountedConfiguration(root);
  if (unmounted !== undefined) return unmounted;
  const disk = (await readMounts(root)).find(({ path }) => path === CONFIGURATION);
  if (disk?.readOnly !== true || disk.type === 'iso9660') return undefined;
  return `${CONFIGURATION} can only be read: ${disk.source} has errors, or is write-protected`;
}
