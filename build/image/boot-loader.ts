import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../process/run.ts';
import { defineStep } from '../step/step.ts';
import { makeEsp } from './esp.ts';
import { type ImageFacts, type ImageWork, toolsOf } from './facts.ts';
import { CORE_MODULES, earlyConfig } from './grub-config.ts';

/** Where Debian's grub-pc-bin and grub-efi-amd64-bin put their modules on the host; both are of grub-mkimage's version. */
const GRUB_DIRECTORY = '/usr/lib/grub';

/** Files that the step makes. */
export const BIOS_IMAGE = 'bios.img';
export const ESP_IMAGE = 'esp.img';

/** The boot sector that makes the ISO bootable from a disk under BIOS. */
export const HYBRID_BOOT_SECTOR = join(GRUB_DIRECTORY, 'i386-pc', 'boot_hybrid.img');

/**
 * The boot loader of an image: `bios.img`, GRUB for BIOS, and `esp.img`, an EFI system partition with
 * GRUB for UEFI. Both look for the medium of this build, and for no other.
 */
export const planBootLoader = defineStep({
  name: 'boot-loader',
  module: import.meta.filename,
  read: (facts: ImageFacts & { buildId: string }) => ({
    'build id': facts.buildId,
    epoch: facts.lock.sourceDateEpoch,
    tool: toolsOf(facts, 'grub-mkimage', 'mformat'),
  }),
  make: (directory, inputs, { signal }: ImageWork) =>
    makeBootLoader(directory, { buildId: inputs['build id'], epoch: inputs.epoch, signal }),
});

/**
 * Makes GRUB for BIOS and for UEFI.
 * @throws BuildError if GRUB's tools or modules are missing
 */
export async function makeBootLoader(
  directory: string,
  { buildId, epoch, signal }: { buildId: string; epoch: number; signal?: AbortSignal | undefined },
): Promise<void> {
  const config = join(directory, 'early.cfg');
  await writeFile(config, earlyConfig(buildId));
  const core = (format: string, output: string, modules: readonly string[]) =>
    run(
      'grub-mkimage',
      [
        ...['--format', format, '--prefix', '/boot/grub', '--config', config],
        ...['--output', join(directory, output), ...CORE_MODULES, ...modules],
      ],
      { signal },
    );
  await Promise.all([
    core('i386-pc-eltorito', BIOS_IMAGE, ['biosdisk']),
    core('x86_64-efi', 'bootx64.efi', ['efi_gop', 'efi_uga']),
  ]);
  await makeEsp(join(directory, ESP_IMAGE), {
    files: { '/EFI/BOOT/BOOTX64.EFI': join(directory, 'bootx64.efi') },
    serial: buildId.slice(0, 8),
    epoch,
    signal,
  });
}
