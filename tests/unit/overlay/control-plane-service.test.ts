import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../folder.ts';
import { PROJECT } from '../profile/profiles.ts';

const OVERLAY = join(PROJECT, 'overlay');

/** Asks for the status of the service of a control plane that has written this state. */
async function status(state: string) {
  const folder = await temporaryFolder();
  await mkdir(join(folder, 'run'));
  await writeFile(join(folder, 'run/state'), state);
  const script = await readFile(join(OVERLAY, 'qvdc/etc/init.d/qx-controlplane'), 'utf8');
  const service = join(folder, 'qx-controlplane');
  const own = script
    .replace('/usr/lib/quantix/vdc/', join(OVERLAY, 'qvdc/usr/lib/quantix/vdc/'))
    .replace('/usr/lib/quantix/probe.sh', join(OVERLAY, 'common/usr/lib/quantix/probe.sh'))
    .replace('folder=/run/quantix-vdc', `folder=${folder}/run`);
  await writeFile(service, `${own}\ndefault_status() { echo ' * status: started'; }\n`);
  const run = join(OVERLAY, 'debian/lib/rc/sh/openrc-run.sh');
  const { exitCode, all } = await execa('busybox', ['sh', run, service, 'status'], {
    ...{ all: true, reject: false, env: { RC_SVCNAME: 'qx-controlplane', RC_SVCDIR: folder } },
  });
  return { exitCode, lines: all.split('\n') };
}

test('the service status of a control plane that cannot serve shows the reason', async () => {
  expect(await status('ready\n')).toEqual({ exitCode: 0, lines: [' * status: started'] });
  expect(await status('failed\nno key "port" (config.yaml)\n')).toEqual({
    exitCode: 8,
    lines: [
      ' * status: started',
      ' * WARNING: it is not ready',
      ' * WARNING: the control plane cannot serve: no key "port" (config.yaml)',
    ],
  });
});
