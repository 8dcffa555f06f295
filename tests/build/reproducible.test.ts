import { rm } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { openWorkshop } from './workshop.ts';

test('two builds in different folders, at different times, with different settings give the same ISOs', async () => {
  await using first = await openWorkshop();
  await using second = await openWorkshop({ depth: 3 });
  await rm(second.cache.opened, { recursive: true, force: true });
  const one = await first.run(['iso', '--json'], { env: { TZ: 'Asia/Tokyo', LANG: 'C' } });
  const other = await second.run(['iso', '--json', '--output', 'elsewhere'], {
    env: {
      TZ: 'America/New_York',
      LANG: 'de_DE.UTF-8',
      SOURCE_DATE_EPOCH: '1',
      NODE_OPTIONS: '--max-old-space-size=999',
    },
  });
  expect(one.stderr + other.stderr).toBe('');
  const digests = ({ built }: typeof one) =>
    [...built].map(([image, { sha256 }]) => [image, sha256]);
  expect(digests(one).map(([image]) => image)).toEqual(['quantix-os', 'qvdc']);
  expect(digests(other)).toEqual(digests(one));
});
