import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../folder.ts';
import { PROJECT } from '../profile/profiles.ts';

const SCRIPT = join(PROJECT, 'overlay/quantix-os/etc/init.d/quantix-guests');
const STOPPING = 'run/quantix/guests/stopping';

/** Stops the guests of a host. @param running files below /run/libvirt/qemu @returns the mark of the stop, and calls */
async function stopped(shell: string, running: readonly string[]) {
  const folder = await temporaryFolder();
  await mkdir(join(folder, 'run/libvirt/qemu'), { recursive: true });
  for (const name of running) await writeFile(join(folder, 'run/libvirt/qemu', name), '');
  const script = (await readFile(SCRIPT, 'utf8')).replaceAll(
    /(?<=[\s<>"'=]|^)\/(?=run\/)/gm,
    `${folder}/`,
  );
  const standIn = `#!/bin/sh\necho "$*" >>${folder}/calls\n`;
  await writeFile(join(folder, 'qx-node'), standIn, { mode: 0o755 });
  await execa(shell, ['-c', `${script}\nPATH=${folder}:$PATH; stop; touch ${folder}/calls`]);
  return {
    mark: await readFile(join(folder, STOPPING), 'utf8').catch(() => undefined),
    calls: await readFile(join(folder, 'calls'), 'utf8'),
  };
}

test('a host that goes down before its first guest runs starts none any more', async () => {
  // The start of the guests may still wait for libvirt; it starts none while there is the mark.
  const mark = 'no further virtual machine is started\n';
  expect(await stopped('dash', [])).toEqual({ mark, calls: '' });
  expect(await stopped('dash', ['web.xml'])).toEqual({ mark, calls: 'guests stop\n' });
});
