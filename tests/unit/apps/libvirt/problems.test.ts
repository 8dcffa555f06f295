import { expect, test } from 'vitest';
import { readVms } from '../../../../apps/libvirt/read-vms.ts';
import { explainLibvirtFailure } from '../../../../apps/libvirt/virsh.ts';
import { CommandError } from '../../../../apps/process/command-error.ts';

function failed(stderr: string) {
  return explainLibvirtFailure(
    new CommandError({ command: 'virsh', args: [], failure: 'exit', exitCode: 1, stderr }),
  );
}

test('an error of libvirt is reported with its message, first what failed and then why', () => {
  expect(
    failed("error: Failed to start domain 'web'\nerror: internal error: no memory\n"),
  ).toMatchObject({
    failure: 'refused',
    message: "Failed to start domain 'web': internal error: no memory",
  });
});

test('quotes of XML in messages are left out', () => {
  const stderr = `error: Failed to define domain from a.xml
error: (domain_definition):2: Premature end of data in tag domain line 1
<domain>\u001b[2J
^`;
  expect(failed(stderr).message).toBe(
    'Failed to define domain from a.xml: (domain_definition):2: Premature end of data in tag domain line 1',
  );
});

test('a daemon that does not run is reported in plain words', () => {
  const socket = '/var/run/libvirt/libvirt-sock';
  for (const why of ['No such file or directory', 'Connection refused']) {
    const stderr = `error: failed to connect to the hypervisor\nerror: Failed to connect socket to '${socket}': ${why}`;
    expect(failed(stderr)).toMatchObject({
      failure: 'unavailable',
      message: `libvirt is not running: nothing listens on ${socket}`,
    });
  }
});

test('a daemon that ends in the middle of a read does not count as one without VMs', () => {
  const stderr =
    'error: Disconnected from qemu:///system due to end of file\nerror: internal error: client socket is closed';
  expect(failed(stderr).failure).toBe('unavailable');
});

test('a missing VM is reported differently from one that cannot do the action', () => {
  expect(failed("error: failed to get domain 'x'").failure).toBe('not-found');
});

test('a missing or hanging virsh is reported', () => {
  const facts = { command: 'virsh', args: [] } as const;
  expect(explainLibvirtFailure(new CommandError({ ...facts, failure: 'missing' }))).toMatchObject({
    failure: 'unavailable',
    message: 'libvirt is not installed: there is no virsh',
  });
  expect(
    explainLibvirtFailure(new CommandError({ ...facts, failure: 'timeout', detail: '30 s' }))
      .message,
  ).toBe('libvirt does not answer: virsh did not end within 30 s');
});

test('without libvirt the list of VMs is empty, with a reason', async () => {
  const uri = 'test+unix:///default?socket=/nowhere/libvirt-sock';
  const { libvirt, vms } = await readVms({ uri });
  expect(vms).toEqual([]);
  expect(libvirt).toEqual({
    available: false,
    problem: expect.stringMatching(/^libvirt is not (running: nothing listens|installed)/),
  });
});

test('a cancelled read throws, and does not count as a missing libvirt', async () => {
  const signal = AbortSignal.abort(new Error('enough'));
  await expect(readVms({ uri: 'test:///default', signal })).rejects.toThrow('enough');
});
