import { ensureInstalled } from '../../build/host/install.ts';
import { buildRequirements, qemuRequirements } from '../../build/host/requirements.ts';
import { FIRMWARES } from '../../build/qemu/machine.ts';
import { buildOptions, chooseProfiles, givenOnce, imagePaths, toImageOptions } from './context.ts';
import { defineCommand } from './define.ts';

/** A check for yargs: a person looks at one machine at a time, and says which. */
function onlyOne(profiles: readonly string[]): true | string {
  return profiles.length === 1 || `Which image is to boot? One of: ${profiles.join(', ')}`;
}

/** `qx-build qemu`: boots an ISO for a person, in a window or on this terminal. */
export const qemuCommand = defineCommand({
  command: 'qemu',
  describe: 'Boot an ISO in QEMU: in a window or, without a display, on this terminal',
  builder: (yargs) =>
    buildOptions(yargs)
      .option('firmware', {
        choices: FIRMWARES,
        default: 'uefi' as const,
        describe: 'Firmware to boot with; uefi-secure has Secure Boot on',
      })
      .option('memory', { type: 'number', default: 2048, describe: 'MiB of the machine' })
      .option('boot-chart', {
        type: 'string',
        describe: 'Boot until ready, print what took how long, and draw it into this file as SVG',
      })
      .check(givenOnce('firmware', 'memory', 'boot-chart'))
      .check(({ profile }) => onlyOne(chooseProfiles({ profile }))),
  paths: (options) => imagePaths(options),
  handler: async (options, { output, signal }) => {
    const requirements = [...buildRequirements(options.arch), ...qemuRequirements(options.arch)];
    await ensureInstalled(requirements, { say: output.say, signal });
    const { chartBoot, runInQemu } = await import('../qemu.ts');
    const { firmware, memory, bootChart: chart } = options;
    const image = toImageOptions(options, { output, signal });
    for (const profile of chooseProfiles(options)) {
      if (chart === undefined) await runInQemu(profile, { firmware, memory }, image, output);
      else await chartBoot(profile, { memory, chart }, image, output);
    }
  },
});
