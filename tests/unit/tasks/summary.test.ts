import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { reportResult } from '../../../tasks/summary.ts';
import type { BuildEvent } from '../../../tasks/ui/events.ts';
import { temporaryFolder } from '../folder.ts';

const SUM = 'ab'.repeat(32);

async function builtImage() {
  const file = join(await temporaryFolder(), 'qvdc.iso');
  await writeFile(file, 'image');
  const times = [{ step: 'squashfs', began: 0, seconds: 2, cached: false }];
  return { image: 'qvdc', file, sha256: SUM, times };
}

function listening() {
  const [said, events]: [string[], BuildEvent[]] = [[], []];
  const output = {
    ...{ json: false, interactive: false },
    say: (text: string) => said.push(text),
    emit: (event: BuildEvent) => events.push(event),
  };
  return { said, events, output };
}

test('a built image is reported with its size, its hash and its steps', async () => {
  const built = await builtImage();
  const { said, events, output } = listening();
  reportResult([built], output);
  expect(said.join()).toMatch(new RegExp(`qvdc\\.iso +5 B +${SUM}[^]*qvdc +squashfs +2\\.00 s`));
  const told = { event: 'built', image: 'qvdc', file: built.file, size: 5, sha256: SUM };
  expect(events).toEqual([{ ...told, upToDate: false }]);
});

test('each file of a release is reported once, the image among them', async () => {
  const { said, output } = listening();
  const files = ['qvdc.iso', 'qvdc.ova'].map((path) => ({ path, size: 5, sha256: SUM }));
  reportResult([await builtImage()], output, files);
  expect(said.join().match(/qvdc\.(iso|ova)/g)).toEqual(['qvdc.iso', 'qvdc.ova']);
});
