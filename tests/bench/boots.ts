import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../../build/process/run.ts';
import { extractDirectBoot } from '../../build/qemu/direct-boot.ts';
import { Guest } from '../../build/qemu/guest.ts';
import type { Disk, Machine } from '../../build/qemu/machine.ts';
import { awaitShell, openShell } from '../../build/qemu/shell.ts';
import { buildImage } from '../vm/build-images.ts';
import { dataDisk } from '../vm/data-disk.ts';
import { type Figure, median, secondsOf } from './measure.ts';

/**
 * Measures boots of an ISO, by direct kernel boot under TCG, against boots of its kernel and initramfs into a shell.
 * @param dataLabel label of a disk for data; if present, the boot that creates the databases is a separate figure
 */
export async function measureBoots(
  profile: string,
  iso: string,
  { runs, dataLabel }: { runs: number; dataLabel?: string | undefined },
): Promise<Figure[]> {
  const directory = await mkdtemp(join(tmpdir(), 'quantix-bench-'));
  try {
    const boot = await extractDirectBoot(directory, iso);
    const first: number[] = [];
    const ready: number[] = [];
    const shell: number[] = [];
    for (let attempt = 0; attempt < runs; attempt += 1) {
      shell.push(await secondsUntil(directory, { medium: boot('init=/bin/sh') }, / # $/));
      const machine = { medium: boot(''), disks: await dataDisks(directory, dataLabel) };
      if (dataLabel !== undefined) first.push(await secondsUntil(directory, machine, READY));
      ready.push(await secondsUntil(directory, machine, READY));
    }
    const [whole, least] = [median(ready), median(shell)];
    const note = `${whole.toFixed(1)} s, shell ${least.toFixed(1)} s`;
    const what = `${profile}: boot to ready`;
    if (dataLabel === undefined)
      return [{ what, value: whole / least, limit: 1.5, unit: '×', note }];
    return [
      { what: `${profile}: first boot to ready`, value: median(first), limit: 60, unit: 's' },
      { what: `${what}, later`, value: whole / least, limit: 1.6, unit: '×', note },
    ];
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/**
 * Measures boots of a disk that an image is installed on against boots of the image as a CD, both under BIOS and TCG.
 * The times include the seconds for which GRUB shows its menu. Before these boots, the disk is started once, because
 * its first start does additional work.
 * @param dataLabel label of the disk for data that the CD is booted with
 */
export async function measureInstalledBoots(
  profile: string,
  iso: string,
  { runs, dataLabel }: { runs: number; dataLabel?: string | undefined },
): Promise<Figure> {
  const directory = await mkdtemp(join(tmpdir(), 'quantix-bench-'));
  try {
    const base = await buildImage(profile, '--format', 'qcow2');
    const image = join(directory, 'disk.qcow2');
    await run('qemu-img', ['create', '-q', '-f', 'qcow2', '-F', 'qcow2', '-b', base, image, '12G']);
    const installed = { as: 'disk', bus: 'virtio', image, format: 'qcow2' } as const;
    const disks = await dataDisks(directory, dataLabel);
    const live = { medium: { as: 'cdrom', image: iso }, disks } as const;
    await secondsUntil(directory, { medium: { ...installed, isKept: true } }, READY);
    await secondsUntil(directory, live, READY);
    const fromDisk: number[] = [];
    const fromCd: number[] = [];
    for (let attempt = 0; attempt < runs; attempt += 1) {
      fromCd.push(await secondsUntil(directory, live, READY));
      fromDisk.push(await secondsUntil(directory, { medium: installed }, READY));
    }
    const [disk, cd] = [median(fromDisk), median(fromCd)];
    const note = `${disk.toFixed(1)} s, CD ${cd.toFixed(1)} s`;
    const what = `${profile}: boot from a disk, against from CD`;
    return { what, value: disk / cd, limit: 0.8, unit: '×', note };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Measures how much of 2 GiB of memory an idle appliance with a disk for data uses. */
export async function measureMemory(
  profile: string,
  iso: string,
  dataLabel: string,
): Promise<Figure> {
  const directory = await mkdtemp(join(tmpdir(), 'quantix-bench-'));
  try {
    const medium = { as: 'cdrom', image: iso } as const;
    const disks = await dataDisks(directory, dataLabel);
    const options = { acceleration: 'tcg', log: join(directory, 'serial.log') } as const;
    await using guest = await Guest.start({ firmware: 'bios', medium, disks }, options);
    await guest.waitFor(READY);
    await openShell(guest);
    await awaitShell(guest);
    guest.type('free -k; echo "[done]"');
    const [, used] = await guest.waitFor(/Mem: +\d+ +(\d+)[^[]*\[done\]\n/);
    return {
      what: `${profile}: memory in use when idle`,
      value: (Number(used) * 1024) / 1e6,
      limit: 400,
      unit: 'MB',
    };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

const READY = /quantix: ready /;

async function dataDisks(directory: string, label: string | undefined): Promise<Disk[]> {
  if (label === undefined) return [];
  return [{ file: await dataDisk(directory, label), format: 'raw', bus: 'virtio' }];
}

async function secondsUntil(
  directory: string,
  machine: Omit<Machine, 'firmware'>,
  sign: RegExp,
): Promise<number> {
  const options = { acceleration: 'tcg', log: join(directory, 'serial.log') } as const;
  await using guest = await Guest.start({ firmware: 'bios', cpus: 2, ...machine }, options);
  return await secondsOf(() => guest.waitFor(sign));
}
