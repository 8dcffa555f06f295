import { join } from 'node:path';
import { parseOsRelease } from './os-release.ts';
import { readText } from './read.ts';

/** The image that runs: what an agent must be made for. */
export interface Image {
  /** Name of its profile. */
  product: string;
  version: string;
  base: string;
  architecture: string;
  /** Of its build; `null` where this is no appliance. */
  build: string | null;
}

/** What Node calls processors, and what releases do. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'x86_64', arm64: 'arm64' };

/** The architecture of this machine as releases name it: `x86_64`. */
export const ARCHITECTURE = ARCHITECTURES[process.arch] ?? process.arch;

/** Reads what the image says it is. @param root folder in which etc and proc are */
export async function readImage(root = '/'): Promise<Image> {
  const [release, commandLine] = await Promise.all([
    readText(join(root, 'etc/os-release')),
    readText(join(root, 'proc/cmdline')),
  ]);
  const values = parseOsRelease(release);
  // The last one counts, as for the initramfs.
  const builds = [...commandLine.matchAll(/(?:^|\s)quantix\.build=([0-9a-f]{8,64})(?=\s|$)/g)];
  return {
    product: values.get('ID') ?? 'not known',
    version: values.get('VERSION_ID') ?? 'not known',
    base: values.get('QUANTIX_BASE') ?? 'not known',
    architecture: ARCHITECTURE,
    build: builds.at(-1)?.[1] ?? null,
  };
}
