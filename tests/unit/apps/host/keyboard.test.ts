import { expect, test } from 'vitest';
import { readKeyboard } from '../../../../apps/host/keyboard.ts';
import { makeRootFolder } from './root-folder.ts';

const MAPS = {
  'usr/share/quantix/keymaps/de.map': '# German\n# more\nkeycode 21 = z\n',
  'usr/share/quantix/keymaps/us.map': '# English (US)\n',
};

test.each([
  [undefined, 'us'],
  ['de\n', 'de'],
  ['../x\n', 'us'],
  ['de\nfr\n', 'us'],
])('with the stored value %j the layout is %s', async (kept, chosen) => {
  const files = kept === undefined ? MAPS : { ...MAPS, 'quantix/keyboard': kept };
  expect(await readKeyboard(await makeRootFolder(files))).toEqual({
    chosen,
    layouts: [
      { name: 'de', title: 'German' },
      { name: 'us', title: 'English (US)' },
    ],
  });
});
