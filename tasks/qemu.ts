import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join } from 'node:path';
import { ARCHITECTURES } from '../build/architecture.ts';
import { BuildError } from '../build/error.ts';
import { FORMATS } from '../build/image/format.ts';
import { KERNEL_FILE } from '../build/image/initramfs.ts';
import { type ImageOptions, prepareImage } from '../build/image/prepare.ts';
import { isUpToDate, readRecord } from '../build/image/record.ts';
import { makeScratchFolder } from '../build/process/scratch-folder.ts';
import { makeCallerShell } from '../build/process/shell.ts';
import { describeAdditions } from '../build/profile/additions.ts';
import type { Additions, Flavour } from '../build/profile/profile.ts';
import { findAcceleration } from '../build/qemu/acceleration.ts';
import {
  CHART_PARAMETER,
  drawSvgChart,
  drawTextChart,
  parseBootChart,
} from '../build/qemu/boot-chart.ts';
import { extractDirectBoot } from '../build/qemu/direct-boot.ts';
import { copyFirmwareVariables, Guest } from '../build/qemu/guest.ts';
import { deriveHardwareAddress, joinSegment } from '../build/qemu/guest-network.ts';
import { ensureLastingDisk, type LastingDisk } from '../build/qemu/lasting-disk.ts';
import {
  type Disk,
  type Forward,
  type Machine,
  makeMachineArguments,
} from '../build/qemu/machine.ts';
import { StepCache } from '../build/step/cache.ts';
import { writeChart } from './chart.ts';
import type { Output } from './ui/events.ts';

/** A machine as requested by a user. */
export interface GuestOptions extends Pick<Machine, 'firmware' | 'memory' | 'cpus'> {
  /** Disks that are kept after it ends, in `disks/NAME` of the output folder. */
  disks: readonly LastingDisk[];
  forwards: readonly Forward[];
  /** Name of a network that it shares with other guests; none if absent. */
  network?: string | undefined;
  /** Name that its disks and hardware addresses are derived from; the profile's name if absent. */
  name?: string | undefined;
}

/**
 * Boots the ISO of a profile for a person, until the machine is switched off.
 * @throws BuildError if the ISO was not built or is out of date, or an existing disk has another size
 */
export async function runInQemu(
  profile: string,
  wanted: GuestOptions,
  options: ImageOptions,
  output: Output,
): Promise<void> {
  const { firmware, memory, cpus, forwards } = wanted;
  const built = await findBuilt(profile, options);
  const { architecture, flavour, kind, layout, file, acceleration } = built;
  const { name = built.product } = wanted;
  const { bios, qemu } = ARCHITECTURES[architecture];
  if (firmware === 'bios' && bios === undefined) {
    throw new BuildError({
      what: `a machine for ${architecture} has no BIOS`,
      fix: 'Write FIRMWARE=uefi.',
    });
  }
  const window = [process.env.DISPLAY, process.env.WAYLAND_DISPLAY].some((one) => one);
  output.say(
    window
      ? `${file} under ${firmware}, ${acceleration}; the serial port is this terminal`
      : `${file} under ${firmware}, ${acceleration}; Ctrl-A X ends it`,
  );
  const folder = join(dirname(file), 'disks', name);
  const disks: Disk[] = [];
  for (const disk of wanted.disks) {
    const path = await ensureLastingDisk(disk, { folder, signal: options.signal });
    output.say(`disk ${disk.name}: ${path}`);
    disks.push({ file: path, format: 'qcow2', bus: 'virtio', serial: disk.name });
  }
  for (const { hostPort, guestPort } of forwards) {
    output.say(`127.0.0.1:${hostPort} leads to port ${guestPort} of the guest`);
  }
  const { network } = wanted;
  const segment = network === undefined ? undefined : joinSegment(network, name);
  if (segment !== undefined) {
    output.say(`its second card, ${segment.mac}, is on the network ${network}, as ${name}`);
  }
  const directory = await makeScratchFolder('qx-build-vm-');
  try {
    const machine: Machine = {
      architecture,
      firmware,
      memory,
      cpus,
      disks,
      forwards,
      segment,
      mac: segment && deriveHardwareAddress(name),
      medium:
        kind === 'cdrom'
          ? { as: 'cdrom', image: file, ...cdBus(flavour) }
          : { as: 'disk', bus: 'virtio', image: file, format: layout, isKept: 'until end' },
    };
    const variables = await copyFirmwareVariables(directory, machine);
    const access = { by: 'terminal', window } as const;
    const args = makeMachineArguments(machine, { acceleration, access, variables });
    const shell = makeCallerShell({ stdio: 'inherit', signal: options.signal });
    await shell`exec ${qemu.program} ${args}`;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** The bus of the CD: the kernel for virtual machines has no driver for the AHCI controller of a q35 board. */
function cdBus(flavour: Flavour): { bus?: 'scsi' } {
  return flavour === 'virt' ? { bus: 'scsi' } : {};
}

/**
 * Boots the ISO of a profile directly, without firmware and boot loader, until it is ready, and draws how long each
 * part took: as text for a person, as an SVG file, and as a JSON file beside it.
 * @throws BuildError if the ISO was not built, or does not become ready
 */
export async function chartBoot(
  profile: string,
  { memory, cpus, chart }: Pick<GuestOptions, 'memory' | 'cpus'> & { chart: string },
  options: ImageOptions,
  output: Output,
): Promise<void> {
  const { architecture, flavour, kind, file, acceleration } = await findBuilt(profile, options);
  if (kind !== 'cdrom') {
    throw new BuildError({ what: 'a boot chart is made of an ISO', fix: 'Leave out FORMAT.' });
  }
  const directory = await makeScratchFolder('qx-build-vm-');
  try {
    const medium = (await extractDirectBoot(directory, file))(CHART_PARAMETER);
    const firmware = ARCHITECTURES[architecture].bios === undefined ? 'uefi' : 'bios';
    output.say(`${file} boots, ${acceleration}`);
    const { signal } = options;
    await using guest = await Guest.start(
      { architecture, firmware, memory, cpus, medium: { ...medium, ...cdBus(flavour) } },
      { acceleration, log: join(directory, 'serial.log'), signal },
    );
    await guest.waitForMilestone('ready');
    await guest.waitForMilestone('network');
    const bars = parseBootChart(guest.log);
    const title = `Boot of ${basename(file)}, ${acceleration}`;
    const text = drawTextChart(bars);
    const drawn = {
      title,
      svg: drawSvgChart(bars, title),
      text,
      data: { image: basename(file), bars },
    };
    for (const line of text.trimEnd().split('\n')) output.say(line);
    for (const path of await writeChart(chart.replace(/\.svg$/, ''), drawn, output)) {
      output.say(path);
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Returns the command that builds the image of a profile. */
function buildCommand(profile: string, added: Additions | undefined): string {
  if (added !== undefined) return `qx-build iso --profile ${profile} ${describeAdditions(added)}`;
  return isAbsolute(profile) ? `qx-build iso --profile ${profile}` : `make iso PROFILE=${profile}`;
}

/**
 * Finds the built image of a profile, and the machine to run it in.
 * @throws BuildError if it was not built or is out of date
 */
export async function findBuilt(profile: string, options: ImageOptions) {
  const { facts, plan, file } = await prepareImage(profile, options);
  const { architecture, name: product } = facts.profile;
  const { kind, layout } = FORMATS[facts.format];
  const initramfs = await new StepCache(options.cache.steps).find(plan.initramfs);
  if (initramfs === undefined || !isUpToDate(readRecord(options.cache, file), file, plan)) {
    throw new BuildError({
      what: existsSync(file)
        ? 'the image was not built from these sources'
        : 'the image is not there',
      where: file,
      fix: `Build it first, with the same options: ${buildCommand(profile, facts.profile.added)}`,
    });
  }
  const answers = join(options.cache.root, 'acceleration.json');
  const kernel = join(initramfs.directory, KERNEL_FILE);
  const acceleration = await findAcceleration(kernel, architecture, answers);
  return { product, architecture, flavour: facts.flavour, kind, layout, file, acceleration };
}
