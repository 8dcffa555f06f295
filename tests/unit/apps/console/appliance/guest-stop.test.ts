import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readGuestStop } from '../../../../../apps/console/appliance/guest-stop.ts';
import { cutShort } from '../../../../../apps/guests/places.ts';
import { temporaryFolder } from '../../../folder.ts';

test('a shutdown shows which guests it waits for, and the wait can be ended', async () => {
  const folder = await temporaryFolder();
  const places = { stopping: join(folder, 'stopping'), cutShort: join(folder, 'cut-short') };
  expect(await readGuestStop(places)).toEqual({ waits: null });
  await writeFile(places.stopping, '1 of 2 guests still run, 9 s left: web\n');
  expect(await readGuestStop(places)).toEqual({ waits: '1 of 2 guests still run, 9 s left: web' });
  await cutShort(places);
  await expect(cutShort({ cutShort: join(folder, 'absent/cut-short') })).rejects.toThrow('ENOENT');
});
