import { makeExt4 } from '../../../apps/disk/make-ext4.ts';
import { openBlockDevice } from '../../../apps/disk/open-block-device.ts';
import { answerFor } from '../../../apps/installer/answer.ts';
import type { DiskFacts } from '../../../apps/installer/facts.ts';
import { putFiles } from '../../../apps/installer/file-systems.ts';
import { install, type MachineOperations } from '../../../apps/installer/install.ts';
import { readImage } from '../../../apps/installer/medium.ts';
import { type InstallPlan, planInstall } from '../../../apps/installer/plan.ts';
import { findSignatures } from '../../../apps/installer/signatures.ts';
import { readGpt } from '../../../build/disk/gpt.ts';
import { counting, disk, machineWith } from '../../unit/apps/installer/machines.ts';

/** A planned installation onto a loop device, as `qx-install` does it. */
export interface LoopInstallation {
  plan: InstallPlan;
  /** @returns SHA-256 of the image, hex */
  carryOut(): Promise<string>;
}

/** Plans the installation of an image file onto a disk whose contents may be destroyed. */
export async function planOnLoop(
  path: string,
  { image, imageBytes }: { image: string; imageBytes: number },
): Promise<LoopInstallation> {
  const { signal } = new AbortController();
  const readMachine = async () => {
    const machine = machineWith([await look(path)], { hasBios: false });
    machine.image.bytes = imageBytes;
    return machine;
  };
  const operations: MachineOperations = {
    readMachine,
    release: () => Promise.reject(new Error('nothing is made of it')),
    claim: (of) => openBlockDevice(of, { write: true }),
    readImage: () => readImage(image, imageBytes, signal),
    checkMedium: async () => undefined,
    readBootFiles: async () => ({
      efi: new Map([['/EFI/BOOT/BOOTX64.EFI', Buffer.alloc(9000, 1)]]),
    }),
    makeFileSystem: (of, partition) => makeExt4(of.path, partition, signal),
    putFiles: (of, partition, files) => putFiles(of.path, partition, files, signal),
  };
  const machine = await readMachine();
  const answer = { ...answerFor({ path, pick: 'one' }), erase: 'S45PNA0M500001' };
  const planned = planInstall(machine, answer, counting());
  if ('reasons' in planned) throw new Error(planned.reasons.join());
  const { plan } = planned;
  const { product, version } = machine.image;
  const system = { base: 'debian', architecture: 'x86_64', buildId: 'abc' };
  return {
    plan,
    carryOut: () =>
      install({
        ...{ plan, operations, signal },
        trailer: { product, version, ...system, imageBytes },
        files: new Map([['ssh/authorized_keys', Buffer.from('a key\n')]]),
        epoch: 0,
        onProgress: () => undefined,
      }),
  };
}

async function look(path: string): Promise<DiskFacts> {
  await using device = await openBlockDevice(path);
  const { sectorSize, bytes } = device;
  const table = await readGpt(device);
  const partitions = table?.partitions ?? [];
  const contents = await findSignatures(device, partitions);
  return disk({ path, sectorSize, bytes, guid: table?.guid ?? null, partitions, contents });
}
