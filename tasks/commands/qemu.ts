import { ensureInstalled } from '../../build/host/install.ts';
import { buildRequirements, qemuRequirements } from '../../build/host/requirements.ts';
import { buildOptions, givenOnce, imageOptionsOf, imagePaths } from './context.ts';
import { defineCommand } from './define.ts';

/** `qx-build qemu`: boots an ISO for a person, in a window or on this terminal. */
export const qemuCommand = defineCommand({
  command: 'qemu',
  describe: 'Boot an ISO in QEMU: in a window or, without a display, on this terminal',
  builder: (yargs) =>
    buildOptions(yargs)
      .option('firmware', {
        choices: ['bios', 'uefi'] as const,
        default: 'uefi' as const,
        describe: 'Firmware to boot with',
      })
      .option('memory', { type: 'number', default: 2048, describe: 'MiB of the machine' })
      .check(givenOnce('firmware', 'memory')),
  paths: (options) => imagePaths(options),
  handler: async (options, { output, signal }) => {
    const requirements = [...buildRequirements(options.arch), ...qemuRequirements(options.arch)];
    await ensureInstalled(requirements, { say: output.say, signal });
    const { runInQemu } = await import('../qemu.ts');
    const [profile = 'quantix-os'] = options.profile;
    const { firmware, memory } = options;
    await runInQemu(
      profile,
      { firmware, memory },
      imageOptionsOf(options, { output, signal }),
      output,
    );
  },
});
