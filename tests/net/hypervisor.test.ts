import { expect } from 'vitest';
import { Machine } from './world/machine.ts';
import { makeTemplate } from './world/template.ts';
import { test } from './world/test.ts';

test.each([
  ['Intel’s', 'fpu vmx smx', 'kvm_intel'],
  ['AMD’s', 'fpu svm', 'kvm_amd'],
  ['a processor without', 'fpu svm_lock', ''],
])(
  'before libvirt starts, the KVM driver of the processor is loaded: %s',
  async (_whose, flags, driver) => {
    await using template = await makeTemplate('ash', [], 'quantix-os');
    await using machine = await Machine.create(template.root);
    await machine.write('/tmp/cpuinfo', `processor\t: 0\nflags\t\t: ${flags}\n\n`);
    await machine.succeed('mount --bind /tmp/cpuinfo /proc/cpuinfo');
    // The name of the driver that the service loads. Nothing else loads it, because no device needs it.
    const told = await machine.succeed(
      'modprobe() { for name; do :; done; echo "$name"; }; . /etc/init.d/libvirtd; start_pre',
    );
    expect(told).toBe(driver);
    expect(await machine.read('/run/libvirt/qemu/autostarted')).toBe('');
  },
);
