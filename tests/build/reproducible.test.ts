import { rm } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { hashFile } from '../../build/process/hash-file.ts';
import { imageOf } from '../vm/story.ts';
import { openWorkshop } from './workshop.ts';

test('two builds in different folders, at different times, with different settings give the same ISOs', async () => {
  await using workshop = await openWorkshop({ depth: 3 });
  await rm(workshop.cache.opened, { recursive: true, force: true });
  const { built, stderr } = await workshop.run(['iso', '--json', '--output', 'elsewhere'], {
    env: {
      TZ: 'Asia/Tokyo',
      LANG: 'de_DE.UTF-8',
      SOURCE_DATE_EPOCH: '1',
      NODE_OPTIONS: '--max-old-space-size=999',
    },
  });
  expect(stderr).toBe('');
  expect([...built.keys()]).toEqual(['quantix-os', 'qvdc']);
  for (const [image, { file, sha256 }] of built) {
    const first = imageOf(image).iso;
    expect(first).not.toBe(file);
    expect((await hashFile(first)).whole).toBe(sha256);
  }
});
