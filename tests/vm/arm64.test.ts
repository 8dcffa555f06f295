import { execa } from 'execa';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { PROJECT, parseBuilt } from './build-images.ts';
import { boot, logIn, succeed, untilReady } from './story.ts';

const statusSchema = z.object({ host: z.object({ value: z.object({ hostname: z.string() }) }) });

/** Builds Quantix-OS for arm64, on whatever CPU the tests run. */
async function buildImage(): Promise<string> {
  const args = ['iso', '--json', '--profile', 'quantix-os', '--arch', 'arm64'];
  const { stdout } = await execa(process.execPath, ['tasks/qx-build.ts', ...args], {
    cwd: PROJECT,
  });
  const image = parseBuilt(stdout).get('quantix-os') ?? '';
  expect(image).toMatch(/-arm64\.iso$/);
  return image;
}

test('Quantix-OS for arm64 boots under UEFI, and its agent answers', async () => {
  const image = await buildImage();
  await using story = await boot('quantix-os-arm64', {
    architecture: 'arm64',
    firmware: 'uefi',
    medium: { as: 'cdrom', image },
    cpus: 2,
  });
  await untilReady(story);
  await story.screenshot();
  await logIn(story);
  expect(await succeed(story, 'uname -m')).toBe('aarch64\n');
  expect(await succeed(story, 'virsh -q capabilities')).toContain('<arch>aarch64</arch>');
  const told: unknown = JSON.parse(await succeed(story, 'qx-node status --json'));
  expect(statusSchema.parse(told).host.value.hostname).toBe('quantix');
  story.expectGoodConsole();
});
