import { X509Certificate } from 'node:crypto';
import { chmod, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import type { TaskRun } from '../../../../../apps/agent/commands/commander.ts';
import { explainFailure } from '../../../../../apps/agent/commands/failure.ts';
import { updateVerb } from '../../../../../apps/agent/commands/update-verb.ts';
import { computeFingerprint } from '../../../../../apps/agent/membership/identity/pin.ts';
import type { UpdateStatus } from '../../../../../apps/api/update.ts';
import { makeRoot } from '../../../../../apps/control-plane/trust/issue.ts';
import { TaskErrorCode, TaskSchema } from '../../../../../apps/proto/gen/quantix/v1/task_pb.js';
import { deriveServerName } from '../../../../../apps/proto/names.ts';
import { writeFileAtomically } from '../../../../../build/process/atomic-write.ts';
import { temporaryFolder } from '../../../folder.ts';

/*
 * Tests the order of steps, with a stand-in for qx-update that records its calls. Its answers to `status` and `check`
 * are the files `status` and `checked`; `stage` replaces `status` by the file `staged`, and `activate` by `activated`,
 * if that exists.
 */
const STAND_IN = `
folder=\${0%/*}
[ ! -e "$folder/refuses-$1" ] || { cat "$folder/refuses-$1" >&2; exit 1; }
case $1 in
status) cat "$folder/status" ;;
check) cat "$folder/checked" ;;
stage) [ ! -e "$folder/staged" ] || cp "$folder/staged" "$folder/status" ;;
activate) [ ! -e "$folder/activated" ] || cp "$folder/activated" "$folder/status" ;;
esac
[ "$1" = status ] || echo "$*" >>"$folder/calls"`;

const root = await makeRoot();
const NAME = deriveServerName(computeFingerprint(new X509Certificate(root.certificate)));

let folder = '';

beforeEach(async () => {
  folder = await temporaryFolder();
  await writeFile(join(folder, 'qx-update'), `#!/bin/sh${STAND_IN}\n`);
  await chmod(join(folder, 'qx-update'), 0o755);
  await told('status', OLD);
});

const slot = (name: 'a' | 'b', version: string | null, serial: number | null, good: boolean) => ({
  ...{ slot: name, version, serial, good },
});

/** Version 0.1.0 runs in slot a, and nothing else is there. */
const OLD: UpdateStatus = {
  ...{ product: 'quantix-os', version: '0.1.0', state: 'good', problem: null, booted: 'a' },
  slots: [slot('a', '0.1.0', 1, true), slot('b', null, null, false)],
  ...{ trial: null, staging: null, last: null, floor: 0, server: null, channel: 'stable' },
  keys: ['2026'],
};
const STAGED: UpdateStatus = {
  ...OLD,
  slots: [slot('a', '0.1.0', 1, true), slot('b', '0.2.0', 2, false)],
};
const RUNS: UpdateStatus = {
  ...{ ...STAGED, version: '0.2.0', booted: 'b' },
  slots: [slot('a', '0.1.0', 1, false), slot('b', '0.2.0', 2, true)],
};
const TRIAL: UpdateStatus = { ...RUNS, state: 'trial', trial: { slot: 'b', left: 2 } };
const BEGUN = new Date('2026-03-01T12:00:00Z');
const BACK: UpdateStatus = {
  ...STAGED,
  last: {
    ...{ version: '0.2.0', before: '0.1.0', result: 'taken-back', at: '2026-03-01T12:09:00Z' },
    reasons: ['libvirt does not answer'],
  },
};

/** Written atomically, because the verb may be reading the file. */
const told = (name: string, status: UpdateStatus) =>
  writeFileAtomically(join(folder, name), JSON.stringify(status));
const calls = () => readFile(join(folder, 'calls'), 'utf8').catch(() => '');

/** Carries out a task. @returns its progress messages, and its outcome */
async function update(
  value: Partial<{ serial: bigint; version: string; channel: string; stageOnly: boolean }> = {},
  more: Partial<TaskRun> = {},
): Promise<{ code: TaskErrorCode | 'done'; message: string; steps: string[] }> {
  const steps: string[] = [];
  const whole = { channel: 'stable', serial: 2n, version: '0.2.0', ...value };
  const { caCertificates } = { caCertificates: root.certificate };
  const verb = updateVerb({
    ...{ program: join(folder, 'qx-update'), lookEvery: 20 },
    server: async () => ({ origin: 'https://10.0.0.2:9443', caCertificates }),
  });
  try {
    await verb.carryOut({
      task: create(TaskSchema, { verb: { case: 'updateHost', value: whole } }),
      ...{ signal: AbortSignal.timeout(60_000), again: false, begunAt: BEGUN },
      progress: (percent, message) => void steps.push(`${percent} ${message}`),
      ...more,
    });
    return { code: 'done', message: '', steps };
  } catch (error) {
    const { code, message } = explainFailure(error);
    return { code, message, steps };
  }
}

test('a release is staged from the control plane and tried; the task is done when the host keeps it', async () => {
  await told('staged', STAGED);
  await told('activated', TRIAL);
  const ended = update();
  await vi.waitFor(async () => expect(await calls()).toContain('activate'), { timeout: 30_000 });
  await told('status', RUNS);
  const { code, steps } = await ended;
  expect(code).toBe('done');
  expect(await calls()).toMatch(
    /^stage --server https:\/\/10\.0\.0\.2:9443\/updates\/at\/2 --channel stable --ca \S+\/ca\.pem --tls-name \S+\nactivate\n$/,
  );
  expect(await calls()).toContain(`--tls-name ${NAME}\n`);
  expect(steps.slice(0, 2)).toEqual(['0 asks for 0.2.0', '80 restarts into 0.2.0']);
});

describe('a host that was installed from a medium, without a release', () => {
  const MEDIUM: UpdateStatus = {
    ...{ ...OLD, version: '0.2.0' },
    slots: [slot('a', '0.2.0', null, true), slot('b', null, null, false)],
  };
  const checked = (answer: object) =>
    writeFile(join(folder, 'checked'), JSON.stringify({ version: '0.2.0', ...answer }));

  test('counts as updated by a roll-out if its image is the same', async () => {
    await told('status', MEDIUM);
    await checked({ serial: 2, runs: true });
    expect((await update()).code).toBe('done');
    expect(await calls()).toMatch(/^check --json --server \S+\/updates\/at\/2 .*\n$/);
  });

  test.each([
    ['another image of that version', { serial: 2, runs: false }],
    ['another release', { serial: 3, runs: true }],
    ['an older qx-update, which does not tell whether the image runs', { serial: 2 }],
  ])('gets the release, with a reported reason, if it has %s', async (_what, answer) => {
    await told('status', MEDIUM);
    await checked(answer);
    await told('staged', {
      ...STAGED,
      slots: [...MEDIUM.slots.slice(0, 1), ...STAGED.slots.slice(1)],
    });
    await told('activated', RUNS);
    const { code, steps } = await update();
    expect(code).toBe('done');
    expect(steps.slice(0, 2)).toEqual([
      '0 0.2.0 runs, and is not known to be this release',
      '0 asks for 0.2.0',
    ]);
    expect(await calls()).toMatch(/^check .*\nstage .*\nactivate\n$/);
  });
});

test('the progress of the download is reported', async () => {
  const staging = { version: '0.2.0', done: 512, bytes: 1024, running: true, problem: null };
  await writeFile(
    join(folder, 'qx-update'),
    `#!/bin/sh${STAND_IN.replace('stage)', 'stage) while [ ! -e "$folder/go" ]; do sleep 0.02; done; :;')}\n`,
  );
  await told('status', { ...OLD, staging });
  await told('staged', STAGED);
  const steps: string[] = [];
  const progress = (percent: number, message: string) => {
    steps.push(`${percent} ${message}`);
    if (percent > 0) void writeFile(join(folder, 'go'), '');
  };
  expect(await update({ stageOnly: true }, { progress })).toMatchObject({ code: 'done' });
  expect(steps[1]).toMatch(/^37 downloads 0\.2\.0: 512 \S+ of 1\.0 KiB$/);
});

test('a task for the version that runs is done at once', async () => {
  await told('status', RUNS);
  expect(await update()).toMatchObject({ code: 'done', steps: [] });
  expect(await calls()).toBe('');
});

test('a staged release is not downloaded again, and with stageOnly not tried', async () => {
  await told('status', STAGED);
  expect(await update({ stageOnly: true })).toMatchObject({ code: 'done' });
  expect(await calls()).toBe('');
  await told('activated', RUNS);
  expect(await update()).toMatchObject({ code: 'done' });
  expect(await calls()).toBe('activate\n');
});

describe('after a restart of the host', () => {
  const again = { again: true };

  test('the task waits for the end of the trial', async () => {
    await told('status', TRIAL);
    const ended = update({}, again);
    await told('status', RUNS);
    expect(await ended).toMatchObject({ code: 'done' });
    expect(await calls()).toBe('');
  });

  test('the task reports why the host went back', async () => {
    await told('status', BACK);
    expect(await update({}, again)).toMatchObject({
      code: TaskErrorCode.CONFLICT,
      message: 'the host went back from 0.2.0 to 0.1.0: libvirt does not answer.',
    });
    expect(await calls()).toBe('');
  });

  test('the result of an earlier trial of the same version is ignored', async () => {
    await told('status', BACK);
    await told('activated', RUNS);
    const late = { again: true, begunAt: new Date('2026-03-01T13:00:00Z') };
    expect(await update({}, late)).toMatchObject({ code: 'done' });
    expect(await calls()).toBe('activate\n');
  });

  test('a download during which the agent ended is continued', async () => {
    await told('staged', STAGED);
    await told('activated', RUNS);
    expect(await update({}, again)).toMatchObject({ code: 'done' });
    expect(await calls()).toMatch(/^stage .*\nactivate\n$/);
  });
});

describe('while the state of an update cannot be read', () => {
  const silent = () => writeFile(join(folder, 'refuses-status'), 'qx-update: EIO: i/o error\n');
  const answers = () => rm(join(folder, 'refuses-status'));
  const NOT_KNOWN = '90 the state of the update to 0.2.0 is not known: EIO: i/o error';

  test.each([
    ['the start of the trial', { again: false }],
    ['the restart of the host', { again: true }],
  ])('after %s, the task waits', async (_what, more) => {
    await told('status', more.again ? TRIAL : STAGED);
    await told('activated', TRIAL);
    if (more.again) await silent();
    const steps: string[] = [];
    const progress = (percent: number, message: string) => void steps.push(`${percent} ${message}`);
    const ended = update({}, { ...more, progress });
    if (!more.again) {
      await vi.waitFor(() => expect(steps).toContain('90 0.2.0 is on trial'), 30_000);
      await silent();
    }
    await vi.waitFor(() => expect(steps).toContain(NOT_KNOWN), 30_000);
    await told('status', RUNS);
    await answers();
    expect(await ended).toMatchObject({ code: 'done' });
  });

  test('a disk that qx-update cannot read is no refusal', async () => {
    const unread: UpdateStatus = { ...OLD, state: 'refused', problem: 'EIO', booted: null };
    await told('status', unread);
    const steps: string[] = [];
    const progress = (_: number, message: string) => void steps.push(message);
    const ended = update({}, { again: true, progress });
    await vi.waitFor(() => expect(steps).toHaveLength(1), 30_000);
    await told('status', RUNS);
    expect(await ended).toMatchObject({ code: 'done' });
  });

  test('the task ends at its deadline, and says that the outcome is not known', async () => {
    await silent();
    const signal = AbortSignal.timeout(5000);
    expect(await update({}, { again: true, signal })).toMatchObject({
      code: TaskErrorCode.TIMEOUT,
      message: 'the state of the update to 0.2.0 is not known: EIO: i/o error.',
    });
  });
});

describe('a host is not updated', () => {
  test.each(['stage', 'activate'])(
    'if qx-update refuses to %s; its message is reported',
    async (command) => {
      await told('staged', STAGED);
      const words = 'qx-update: virtual machines run on this host: web. Stop or move them.';
      await writeFile(join(folder, `refuses-${command}`), `a remark\n${words}\n`);
      expect(await update()).toMatchObject({
        code: TaskErrorCode.CONFLICT,
        message: 'virtual machines run on this host: web. Stop or move them.',
      });
    },
  );

  test('if another release was staged', async () => {
    await told('staged', {
      ...STAGED,
      slots: [slot('a', '0.1.0', 1, true), slot('b', '0.2.0', 3, false)],
    });
    expect(await update()).toMatchObject({
      code: TaskErrorCode.CONFLICT,
      message: 'what was staged is not 0.2.0, serial 2.',
    });
  });

  test('without qx-update, or if its output is invalid', async () => {
    await writeFile(join(folder, 'status'), 'nonsense');
    expect(await update()).toMatchObject({ code: TaskErrorCode.UNAVAILABLE });
    await rm(join(folder, 'qx-update'));
    expect(await update()).toMatchObject({
      code: TaskErrorCode.UNAVAILABLE,
      message: expect.stringContaining('is not installed'),
    });
  });

  test.each([
    [{ channel: '--from=/etc' }, 'channel'],
    [{ serial: 0n }, 'serial'],
    [{ version: '1;reboot' }, 'version'],
  ])('by an invalid request (%#)', async (value, key) => {
    expect(await update(value)).toMatchObject({
      code: TaskErrorCode.INVALID,
      message: expect.stringContaining(key),
    });
    expect(await calls()).toBe('');
  });
});
