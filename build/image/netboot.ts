import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { makeMediumPaths } from '../disk/medium-paths.ts';
import { BuildError } from '../error.ts';
import { makeAtomically } from '../process/atomic-write.ts';
import { type WrittenFile, writeStream } from '../process/write-stream.ts';
import { type CpioMember, computeCpioSize, streamCpio } from './cpio.ts';
import { TAR_END, tarHeader, tarMember, tarPadding } from './tar-member.ts';

/** Files and parameters for booting from a network; the files are given as paths on the host. */
export interface NetbootSet {
  kernel: string;
  initramfs: string;
  /** The squashfs and its hash tree. */
  system: string;
  tree: string;
  /** `/netboot-init`, which finds the system within the initramfs. */
  init: Buffer;
  /** `namespace` of the profile. */
  namespace: string;
  /** Name shown to people. */
  title: string;
  /** Kernel parameters. */
  parameters: readonly string[];
  /** Time stamp, in seconds since 1970. */
  epoch: number;
  signal?: AbortSignal | undefined;
}

/**
 * Writes the files for booting from a network as a tar to unpack on a server: `vmlinuz`, `initramfs`, `medium.cpio` (a
 * second initramfs with the system), and `boot.ipxe`, an iPXE script that names them. Any boot loader that supports two
 * initramfs files can be used. The same set gives the same bytes.
 * @returns SHA-256, hex
 * @throws BuildError if the disk is full, or a kernel parameter has a character that is special to iPXE
 */
export async function writeNetboot(path: string, set: NetbootSet): Promise<string> {
  const script = tarMember('boot.ipxe', Buffer.from(formatIpxeScript(set)), set.epoch);
  const chunks = async function* () {
    yield script;
    yield* fileMember('vmlinuz', set.kernel, set.epoch);
    yield* fileMember('initramfs', set.initramfs, set.epoch);
    yield* mediumMember(set);
    yield TAR_END;
  };
  const { sha256 } = await makeAtomically<WrittenFile>(path, (file) => writeStream(file, chunks()));
  return sha256;
}

async function* fileMember(path: string, file: string, epoch: number): AsyncGenerator<Buffer> {
  const { size } = await stat(file);
  yield tarHeader(path, { size, epoch });
  yield* createReadStream(file, { highWaterMark: 1024 * 1024 });
  yield tarPadding(size);
}

async function* mediumMember({ system, tree, init, namespace, epoch, signal }: NetbootSet) {
  const content = async (file: string) => ({ file, size: (await stat(file)).size });
  const paths = makeMediumPaths(namespace);
  const members: CpioMember[] = [
    { path: 'netboot-init', mode: 0o755, content: init },
    { path: 'medium', mode: 0o755 },
    { path: `medium${paths.folder}`, mode: 0o755 },
    { path: `medium${paths.system}`, mode: 0o644, content: await content(system) },
    { path: `medium${paths.verity}`, mode: 0o644, content: await content(tree) },
  ];
  const size = computeCpioSize(members);
  yield tarHeader('medium.cpio', { size, epoch });
  for await (const chunk of streamCpio(members, epoch)) {
    signal?.throwIfAborted();
    yield chunk;
  }
  yield tarPadding(size);
}

/**
 * Returns the iPXE script (ipxe.org/scripting) for files in its folder. Kernels started by UEFI need `initrd=`.
 * @throws BuildError if a kernel parameter has a character that is special to iPXE
 */
export function formatIpxeScript({
  title,
  parameters,
}: Pick<NetbootSet, 'title' | 'parameters'>): string {
  const strange = parameters.find((one) => !/^[\w.,:=/@+-]+$/.test(one));
  if (strange !== undefined) {
    throw new BuildError({
      what: `iPXE would not pass the kernel parameter ${JSON.stringify(strange)} on unchanged`,
      where: 'cmdline of the profile',
      fix: 'Remove it, or leave the format netboot out.',
    });
  }
  const initramfs = ['initramfs', 'medium.cpio'];
  const words = ['vmlinuz', ...initramfs.map((name) => `initrd=${name}`), 'rdinit=/netboot-init'];
  return [
    '#!ipxe',
    `echo ${title.replaceAll(/[^\w. -]/g, ' ')}`,
    `kernel ${[...words, ...parameters].join(' ')}`,
    ...initramfs.map((name) => `initrd ${name}`),
    'boot',
    '',
  ].join('\n');
}
