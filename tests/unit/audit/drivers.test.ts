import { expect, test } from 'vitest';
import { assertStarts } from '../../../build/audit/audit.ts';
import { kernelModule, kernelText, RELEASE } from '../kmod/modules.ts';
import { symlink, treeOf } from '../tree/trees.ts';
import { audited } from './findings.ts';

const KERNEL = [
  kernelModule('kernel/drivers/scsi/vmw_pvscsi.ko', 'depends='),
  kernelModule('kernel/drivers/usb/storage/usb-storage.ko.zst', 'depends='),
  kernelText('modules.builtin', 'kernel/drivers/nvme/host/nvme.ko'),
];

test('a driver may be a module, packed or not, with - or _ in its name, or built in', () => {
  const drivers = { VMware: ['vmw_pvscsi', 'nvme'], servers: ['usb_storage'] };
  expect(audited(KERNEL, { drivers })).toEqual([]);
});

test('a driver that the kernel lacks is a finding that names the machine', () => {
  const drivers = { VMware: ['vmw_pvscsi', 'mptspi'], 'Hyper-V': ['hv_storvsc'] };
  expect(audited(KERNEL, { drivers })).toEqual([
    'driver: lib/modules has no driver mptspi, which VMware needs',
    'driver: lib/modules has no driver hv_storvsc, which Hyper-V needs',
  ]);
});

test('a dangling link elsewhere with the name of a driver does not count', () => {
  const elsewhere = symlink(`lib/modules/${RELEASE}/mptspi`, 'nowhere.ko');
  expect(audited([...KERNEL, elsewhere], { drivers: { VMware: ['mptspi'] } })).toContain(
    'driver: lib/modules has no driver mptspi, which VMware needs',
  );
});

test('an initramfs without a required driver is refused', () => {
  const tree = treeOf(...KERNEL);
  expect(() => assertStarts(tree, { drivers: { VMware: ['vmw_pvscsi'] } })).not.toThrow();
  expect(() => assertStarts(tree, { drivers: { VMware: ['mptspi', 'mptsas'] } })).toThrow(
    /the initramfs has 2 things that cannot work.*no driver mptspi, which VMware needs/s,
  );
});
