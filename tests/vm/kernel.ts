import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { PROJECT } from './build-images.ts';
import { type Story, succeed } from './story.ts';

const SETTINGS = join(PROJECT, 'overlay/common/etc/sysctl.d/quantix.conf');

/** Checks that the kernel has all settings of the image, and hides its messages and addresses from other users. */
export async function expectKernelSettings(story: Story): Promise<void> {
  const wanted = (await readFile(SETTINGS, 'utf8'))
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.replace(/\s+/g, ' '));
  const names = wanted.map((line) => line.split(' ')[0]);
  const told = await succeed(story, `sysctl ${names.join(' ')}`);
  expect(
    told
      .trim()
      .split('\n')
      .map((line) => line.replace(/\s+/g, ' ')),
  ).toEqual(wanted);
  const asNobody = (command: string) => `su -s /bin/sh nobody -c '${command}'`;
  await succeed(story, `! ${asNobody('dmesg')} 2>/dev/null`);
  expect(await succeed(story, asNobody('head -n 1 /proc/kallsyms'))).toMatch(/^0+ /);
}

/** Checks that the firmware starts only signed programs, and that the kernel accepts only signed code. */
export async function expectSecureBoot(story: Story): Promise<void> {
  // Four bytes of attributes, then 1 if it is on (UEFI 2.10, 3.3; efivarfs of the kernel's documentation).
  const variable = 'SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c';
  const told = await succeed(
    story,
    `od -An -tu1 /sys/firmware/efi/efivars/${variable}; cat /sys/kernel/security/lockdown`,
  );
  expect(told).toMatch(/^( +\d+){4} +1\nnone \[integrity\] confidentiality\n$/);
}

/** Checks that the board's watchdog is active, and restarts the machine a minute after the watchdog was last reset. */
export async function expectWatchdog(story: Story): Promise<void> {
  const told = 'cd /sys/class/watchdog/watchdog0 && cat state timeout; cd';
  expect(await succeed(story, told)).toBe('active\n60\n');
}
