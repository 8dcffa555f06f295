import { expect, test } from 'vitest';
import { checkPrograms } from '../../../build/sea/known-programs.ts';
import { PROJECT, shippedProfile } from '../profile/profiles.ts';

test.each(['quantix-os', 'qvdc'])('there are the programs that %s names', async (name) => {
  await expect(checkPrograms(PROJECT, await shippedProfile(name))).resolves.toBeUndefined();
});

test('a program that there is not is reported, with those that there are', async () => {
  const profile = { file: '/my/appliance.ts', programs: ['qx-disk', 'qx-nodes', 'qx-constructor'] };
  await expect(checkPrograms(PROJECT, profile)).rejects.toThrow(
    /^the profile names programs that do not exist: qx-nodes, qx-constructor \(\/my\/appliance\.ts\)\. The programs are: qx-disk, qx-node, /,
  );
});
