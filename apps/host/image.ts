import { join } from 'node:path';
import { parseOsRelease } from './os-release.ts';
import { readText } from './read.ts';

/** The running image, which an agent must match. */
export interface Image {
  /** Name of its profile. */
  product: string;
  version: string;
  base: string;
  architecture: string;
  /** Identifier of its build; `null` if this is not an appliance. */
  build: string | null;
}

/** Node's name of an architecture → the name in releases. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'x86_64', arm64: 'arm64' };

/** The architecture of this machine, named as in releases: `x86_64`. */
export const ARCHITECTURE = ARCHITECTURES[process.arch] ?? process.arch;

/** Reads the facts of the running image. @param root folder that contains etc and proc */
export async function readImage(root = '/'): Promise<Image> {
  const [release, commandLine] = await Promise.all([
    readText(join(root, 'etc/os-release')),
    readText(join(root, 'proc/cmdline')),
  ]);
  const values = parseOsRelease(release);
  // Of several parameters, the last one counts, as in the initramfs.
  const builds = [...commandLine.matchAll(/(?:^|\s)quantix\.build=([0-9a-f]{8,64})(?=\s|$)/g)];
  return {
    product: values.get('ID') ?? 'not known',
    version: values.get('VERSION_ID') ?? 'not known',
    base: values.get('QUANTIX_BASE') ?? 'not known',
    architecture: ARCHITECTURE,
    build: builds.at(-1)?.[1] ?? null,
  };
}
