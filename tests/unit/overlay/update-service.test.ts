import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../folder.ts';
import { PROJECT } from '../profile/profiles.ts';

const OVERLAY = join(PROJECT, 'overlay/common');

/** A script of the overlay, which reads its files and runs its programs from a folder. */
async function within(folder: string, script: string): Promise<string> {
  const text = await readFile(join(OVERLAY, script), 'utf8');
  return text.replaceAll(/(?<=[\s<>"'=]|^)\/(?=(?:proc|run|dev|quantix|usr)\/)/gm, `${folder}/`);
}

/** Returns what the service starts at a boot. */
async function started(
  parameters: string,
  record: string | undefined,
  shell: readonly string[],
): Promise<string[]> {
  const folder = await temporaryFolder();
  for (const name of ['proc', 'quantix/update', 'usr/lib/quantix', 'usr/sbin', 'dev']) {
    await mkdir(join(folder, name), { recursive: true });
  }
  await writeFile(join(folder, 'proc/cmdline'), `${parameters}\n`);
  if (record !== undefined) await writeFile(join(folder, 'quantix/update/record.json'), record);
  for (const name of ['update-guard', 'logged']) {
    const text = `#!/bin/sh\necho "${name} $*" >>${folder}/started\n`;
    await writeFile(join(folder, 'usr/lib/quantix', name), text, { mode: 0o755 });
  }
  const script = (await within(folder, 'etc/init.d/quantix-update')).replaceAll(
    /^.*\/dev\/null.*$/gm,
    (line) => line.replaceAll(`${folder}/dev/null`, '/dev/null'),
  );
  const [program = 'sh', ...args] = shell;
  await execa(program, [...args, '-c', `${script}\nstart; wait; touch ${folder}/started`]);
  const text = await readFile(join(folder, 'started'), 'utf8');
  return text.replaceAll(folder, '').split('\n').filter(Boolean).sort();
}

const SETTLE = 'logged qx-update /usr/sbin/qx-update settle';
const SLOT = 'quiet quantix.slot=a quantix.medium=PARTUUID=x';

describe.each([[['busybox', 'sh']], [['dash']]])('in %j', (shell) => {
  test('a live system, and an ordinary boot of an installed one, start no update program', async () => {
    expect(await started('quiet', '{"trial":{', shell)).toEqual([]);
    expect(await started(SLOT, undefined, shell)).toEqual([]);
    expect(await started(SLOT, '{"floor":1,"seen":{},"trial":null,"last":null}', shell)).toEqual(
      [],
    );
  });

  test('a trial boot is judged and guarded, for any update record', async () => {
    const trial = `${SLOT} quantix.trial`;
    expect(await started(trial, undefined, shell)).toEqual([SETTLE, 'update-guard ']);
  });

  test('a boot of the previous version reports the result of the trial, without a guard', async () => {
    const record = '{"floor":0,"seen":{},"trial":{"slot":"b"},"last":null}';
    expect(await started(SLOT, record, shell)).toEqual([SETTLE]);
  });

  /** Returns the actions of the guard; each sleep is ten seconds. */
  async function guarded(before: string): Promise<string[]> {
    const folder = await temporaryFolder();
    for (const name of ['proc', 'run/quantix/update', 'dev']) {
      await mkdir(join(folder, name), { recursive: true });
    }
    await writeFile(join(folder, 'proc/uptime'), '20.00 1.00\n');
    const script = await within(folder, 'usr/lib/quantix/update-guard');
    const standIns = `
      told() { read -r now _ <${folder}/proc/uptime; echo "$1 \${now%.*}"; }
      reboot() { told "reboot \${1:-in order}"; }
      sleep() {
        read -r now _ <${folder}/proc/uptime
        now=$((\${now%.*} + $1))
        echo "$now.00 1.00" >${folder}/proc/uptime
        [ "$now" -lt 900 ] || [ ! -e ${folder}/early ] || : >${folder}/run/quantix/update/settled
      }
      cd ${folder}; ${before}`;
    const [program = 'sh', ...args] = shell;
    const { stdout } = await execa(program, [...args, '-c', `${standIns}\n${script}`]);
    return stdout.split('\n').filter(Boolean);
  }

  test('the guard restarts a machine whose version is not judged within half an hour, and forces the restart if it hangs', async () => {
    expect(await guarded(':')).toEqual(['reboot in order 1800', 'reboot -f 1980']);
  });

  test('the guard waits until the deadline of the judging program', async () => {
    expect(await guarded('echo 3000 >run/quantix/update/deadline')).toEqual([
      'reboot in order 3000',
      'reboot -f 3180',
    ]);
  });

  test('the guard ends when the version is judged', async () => {
    expect(await guarded(': >early')).toEqual([]);
  });
});
