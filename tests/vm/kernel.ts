import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { PROJECT } from './build-images.ts';
import { type Story, succeed } from './story.ts';

const SETTINGS = join(PROJECT, 'overlay/common/etc/sysctl.d/quantix.conf');

/** Every setting of the image is the running kernel's, and its messages and addresses are root's alone. */
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

/** The board's watchdog is fed, and restarts the machine a minute after it is not. */
export async function expectWatchdog(story: Story): Promise<void> {
  const told = 'cd /sys/class/watchdog/watchdog0 && cat state timeout; cd';
  expect(await succeed(story, told)).toBe('active\n60\n');
}
