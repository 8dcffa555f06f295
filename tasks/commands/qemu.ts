import { ensureInstalled } from '../../build/host/install.ts';
import { buildRequirements, listQemuRequirements } from '../../build/host/requirements.ts';
import { FIRMWARES } from '../../build/qemu/machine.ts';
import {
  addAdditionOptions,
  buildOptions,
  chooseProfiles,
  listImagePaths,
  toImageOptions,
} from './context.ts';
import { defineCommand, requireOnce } from './define.ts';

/** A check for yargs that exactly one profile is chosen: one machine runs at a time. */
function onlyOne(profiles: readonly string[]): true | string {
  return profiles.length === 1 || `Which image is to boot? One of: ${profiles.join(', ')}`;
}

const EPILOGUE = `Boots an image only if it was built from these sources; otherwise prints how to build it.
What the guest writes to the medium is dropped when it ends; what it writes to a --disk is kept in
OUTPUT/disks/NAME/DISK.qcow2 until that file is removed, and the guest sees the disk's name as its serial number.
Several guests on one network, each in a terminal of its own:

  qx-build qemu --profile qvdc --network lab --forward 9443:443
  qx-build qemu --profile quantix-os --network lab --name host-a --disk data=20G
  qx-build qemu --profile quantix-os --network lab --name host-b --disk data=20G

Nobody gives out addresses on that network: configure them at the consoles of the guests. Its first card is on
QEMU's own network, where each guest is alone and has 10.0.2.15 by DHCP.`;

/** Rule for names, which are used as folder names, and from which hardware addresses are derived. */
const NAME_RULE = 'at most 40 of a-z, 0-9, . and -, with a letter or digit first';

function isName(text: string | undefined): boolean {
  return text === undefined || /^[a-z0-9][a-z0-9.-]{0,39}$/.test(text);
}

function isWhole(number: number): boolean {
  return Number.isInteger(number) && number >= 1;
}

/** `qx-build qemu`: boots an ISO for a person, in a window or on this terminal. */
export const qemuCommand = defineCommand({
  command: 'qemu',
  describe: 'Boot an ISO in QEMU: in a window or, without a display, on this terminal',
  builder: (yargs) =>
    addAdditionOptions(buildOptions(yargs))
      .option('firmware', {
        choices: FIRMWARES,
        default: 'uefi' as const,
        describe: 'Firmware to boot with; uefi-secure has Secure Boot on',
      })
      .option('memory', { type: 'number', default: 2048, describe: 'Memory in MiB' })
      .option('cpus', {
        type: 'number',
        describe: 'Number of CPUs',
        defaultDescription: '2 under KVM, else 1',
      })
      .option('disk', {
        type: 'string',
        array: true,
        nargs: 1,
        default: [] as string[],
        defaultDescription: 'none',
        describe: 'Disk that is kept: data=20G creates it, later data is enough',
      })
      .option('forward', {
        type: 'string',
        array: true,
        nargs: 1,
        default: [] as string[],
        defaultDescription: 'none',
        describe: 'Forwards a TCP port of this host to one of the guest: 8443:443',
      })
      .option('network', {
        type: 'string',
        describe: 'Second network card, on a network with all guests that name it',
      })
      .option('name', {
        type: 'string',
        describe: 'Name of the guest; its disks and hardware addresses depend on it',
        defaultDescription: "the profile's",
      })
      .option('boot-chart', {
        type: 'string',
        describe:
          'Boot until ready, print how long each step took, and draw a chart: FILE.svg and FILE.json',
      })
      .check(requireOnce('firmware', 'memory', 'cpus', 'network', 'name', 'boot-chart'))
      .check(({ memory }) => isWhole(memory) || '--memory is a number of MiB, 1 or more')
      .check(({ cpus }) => cpus === undefined || isWhole(cpus) || '--cpus is a number, 1 or more')
      .check(({ name }) => isName(name) || `--name is ${NAME_RULE}`)
      .check(({ network }) => isName(network) || `--network is ${NAME_RULE}`)
      .check(
        ({ disk }) =>
          new Set(disk.map((one) => one.split('=', 1)[0])).size === disk.length ||
          '--disk may name each disk once',
      )
      .check(
        ({ bootChart, disk, forward, network, name }) =>
          bootChart === undefined ||
          [...disk, ...forward, network, name].every((one) => one === undefined) ||
          '--boot-chart cannot be combined with --disk, --forward, --network and --name',
      )
      .check(({ profile }) => onlyOne(chooseProfiles({ profile })))
      .epilogue(EPILOGUE),
  paths: (options) => listImagePaths(options),
  handler: async (options, { output, signal }) => {
    const requirements = [
      ...buildRequirements(options.arch),
      ...listQemuRequirements(options.arch),
    ];
    await ensureInstalled(requirements, { say: output.say, signal });
    const { chartBoot, runInQemu } = await import('../qemu.ts');
    const { parseForward } = await import('../../build/qemu/guest-network.ts');
    const { parseLastingDisk } = await import('../../build/qemu/lasting-disk.ts');
    const { firmware, memory, cpus, network, name, bootChart: chart } = options;
    const disks = options.disk.map(parseLastingDisk);
    const forwards = options.forward.map(parseForward);
    const guest = { firmware, memory, cpus, disks, forwards, network, name };
    const image = toImageOptions(options, { output, signal });
    for (const profile of chooseProfiles(options)) {
      if (chart === undefined) await runInQemu(profile, guest, image, output);
      else await chartBoot(profile, { memory, cpus, chart }, image, output);
    }
  },
});
