import { expect, test } from 'vitest';
import { checkPrograms } from '../../../build/sea/known-programs.ts';
import { PROJECT, shippedProfile } from '../profile/profiles.ts';

test.each(['quantix-os', 'qvdc'])('the programs of %s exist', async (name) => {
  await expect(checkPrograms(PROJECT, await shippedProfile(name))).resolves.toBeUndefined();
});

test('an unknown program is reported with the known ones', async () => {
  const profile = { file: '/my/appliance.ts', programs: ['qx-disk', 'qx-nodes', 'qx-constructor'] };
  await expect(checkPrograms(PROJECT, profile)).rejects.toThrow(
    /^the profile names programs that do not exist: qx-nodes, qx-constructor \(\/my\/appliance\.ts\)\. The programs are: qx-disk, qx-node, /,
  );
});
