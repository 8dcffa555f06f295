import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { run } from '../../build/process/run.ts';
import { Guest } from '../../build/qemu/guest.ts';
import type { Medium } from '../../build/qemu/machine.ts';
import { type Figure, median, secondsOf } from './measure.ts';

/** Measures boots of an ISO, by direct kernel boot under TCG, against the same kernel and initramfs going to a shell. */
export async function measureBoots(profile: string, iso: string, runs: number): Promise<Figure[]> {
  const directory = await mkdtemp(join(tmpdir(), 'quantix-bench-'));
  try {
    const boot = await directBoot(directory, iso);
    const ready: number[] = [];
    const shell: number[] = [];
    for (let attempt = 0; attempt < runs; attempt += 1) {
      shell.push(await secondsUntil(directory, boot('init=/bin/sh'), / # $/));
      ready.push(await secondsUntil(directory, boot(''), /quantix: ready /));
    }
    const [whole, least] = [median(ready), median(shell)];
    const note = `${whole.toFixed(1)} s, shell ${least.toFixed(1)} s`;
    return [
      { what: `${profile}: boot to ready`, value: whole / least, limit: 1.5, unit: '×', note },
    ];
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function secondsUntil(directory: string, medium: Medium, sign: RegExp): Promise<number> {
  const options = { acceleration: 'tcg', log: join(directory, 'serial.log') } as const;
  await using guest = await Guest.start({ firmware: 'bios', medium }, options);
  return await secondsOf(() => guest.waitFor(sign));
}

/** The kernel, the initramfs and the first menu entry's parameters of an ISO. */
async function directBoot(directory: string, iso: string): Promise<(more: string) => Medium> {
  const extracts = ['/boot/vmlinuz', '/boot/initramfs', '/boot/grub/grub.cfg'].flatMap((path) => [
    ...['-extract', path, join(directory, basename(path))],
  ]);
  await run('xorriso', ['-osirrox', 'on', '-indev', iso, ...extracts]);
  const menu = await readFile(join(directory, 'grub.cfg'), 'utf8');
  const cmdline = /^\s*linux \S+ (.*)$/m.exec(menu)?.[1] ?? '';
  return (more) => ({
    as: 'kernel',
    kernel: join(directory, 'vmlinuz'),
    initramfs: join(directory, 'initramfs'),
    cmdline: `${cmdline} ${more}`.trim(),
    cdrom: iso,
  });
}
