import { resolve } from 'node:path';
import { execa } from 'execa';
import { beforeAll, expect, test } from 'vitest';
import { PROJECT, parseBuilt } from './build-images.ts';
import { boot, logIn, succeed } from './story.ts';

const FOLDER = 'dist/tests/hardware';
let iso: string;

beforeAll(async () => {
  const args = ['iso', '--json', '--profile', 'quantix-os', '--flavour', 'full'];
  const { stdout } = await execa(
    process.execPath,
    ['tasks/qx-build.ts', ...args, '--output', FOLDER],
    {
      cwd: PROJECT,
    },
  );
  iso = parseBuilt(stdout).get('quantix-os') ?? '';
  expect(iso).toContain(resolve(PROJECT, FOLDER));
});

test('an image with the kernel for hardware boots under UEFI from a USB stick', async () => {
  await using story = await boot('quantix-os-hardware-usb', {
    firmware: 'uefi',
    medium: { as: 'usb', image: iso },
  });
  await story.guest.waitForMilestone('ready');
  await logIn(story);
  expect(await succeed(story, 'uname -r')).not.toContain('cloud');
  expect(await succeed(story, 'mount')).toMatch(/^\/dev\/sd[a-z]\d* on \/run\/quantix\/medium /m);
  await story.guest.powerOff();
  story.expectGoodConsole();
});
