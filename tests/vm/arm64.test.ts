import { expect, test } from 'vitest';
import { z } from 'zod';
import { buildImage } from './build-images.ts';
import { boot, logIn, succeed, untilReady, untilSucceeds } from './story.ts';

const statusSchema = z.object({ host: z.object({ value: z.object({ hostname: z.string() }) }) });

test('Quantix-OS for arm64 boots under UEFI, and its agent answers', async () => {
  const image = await buildImage('quantix-os', '--arch', 'arm64');
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
  await untilSucceeds(story, 'virsh -q uri');
  expect(await succeed(story, 'virsh -q capabilities')).toContain('<arch>aarch64</arch>');
  const told: unknown = JSON.parse(await succeed(story, 'qx-node status --json'));
  expect(statusSchema.parse(told).host.value.hostname).toBe('quantix');
  story.expectGoodConsole();
});
