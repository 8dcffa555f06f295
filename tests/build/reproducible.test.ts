import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { hashFile } from '../../build/process/hash-file.ts';
import { temporaryFolder } from '../unit/folder.ts';
import { imageOf } from '../vm/story.ts';
import { HOSTILE_FOLDER, hostileMachine } from './hostile-machine.ts';
import { openWorkshop } from './workshop.ts';

test('a build with hostile settings of the machine gives the same ISOs, byte for byte', async () => {
  await using workshop = await openWorkshop({ within: HOSTILE_FOLDER });
  await rm(workshop.cache.opened, { recursive: true, force: true });
  const machine = join(workshop.directory, '../machine');
  const env = await hostileMachine(machine, await temporaryFolder());
  const { built, stderr } = await workshop.run(['iso', '--json', '--output', 'elsewhere'], { env });
  expect(stderr).toBe('');
  expect([...built.keys()]).toEqual(['quantix-os', 'qvdc']);
  for (const [image, { file, sha256 }] of built) {
    const first = imageOf(image).iso;
    expect(first).not.toBe(file);
    expect((await hashFile(first)).whole).toBe(sha256);
  }
});
