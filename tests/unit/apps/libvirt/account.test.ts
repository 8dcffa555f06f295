import { expect, test } from 'vitest';
import { computeAccount, giveAccount, withAccount } from '../../../../apps/libvirt/account.ts';
import { defineVm } from '../../../../apps/libvirt/domain.ts';
import { LIBVIRT_IS_HERE, libvirtDaemon } from './daemon.ts';

const ID = '9f1b2c3d-0000-4000-8000-00000000abcd';
const OTHER = '9f1b2c3d-0000-4000-8000-00000000abce';

const definition = (name: string, id: string, more = '') =>
  `<domain type='test'><name>${name}</name><uuid>${id}</uuid><memory unit='MiB'>64</memory><vcpu>1</vcpu><os><type>hvm</type></os>${more}</domain>`;

const label = (account: number | string) => `<label>+${account}:+${account}</label>`;

test('a guest’s user id is derived from its UUID, and is not an account of the host', () => {
  expect(computeAccount(ID)).toBe(computeAccount(ID.toUpperCase()));
  expect(computeAccount(ID)).not.toBe(computeAccount(OTHER));
  expect(computeAccount(ID)).toBeGreaterThanOrEqual(2 ** 28);
  expect(computeAccount(ID)).toBeLessThan(2 ** 29);
});

test('a definition with a user is not changed, and only an XML element counts as one', () => {
  const own = "<domain><seclabel type='dynamic' model='dac' relabel='yes'/></domain>";
  expect(withAccount(own, 7)).toBeUndefined();
  const other =
    "<domain><description>model='dac' &lt;seclabel</description><seclabel type='none' model='selinux'/></domain>";
  expect(withAccount(other, 7)).toContain(label(7));
  expect(withAccount('', 7)).toBeUndefined();
});

test.runIf(LIBVIRT_IS_HERE)(
  'each guest runs as a user of its own, whoever defined it',
  async () => {
    const { uri, start, define, virsh } = await libvirtDaemon();
    await start();
    await defineVm({ uri }, definition('web', ID));
    expect(await virsh('dumpxml', ID)).toContain(label(computeAccount(ID)));
    await define(definition('mail', OTHER));
    expect(await virsh('dumpxml', OTHER)).not.toContain('seclabel');
    await expect(giveAccount({ uri }, OTHER)).resolves.toEqual({
      account: computeAccount(OTHER),
      fromNextStart: false,
    });
    await expect(giveAccount({ uri }, OTHER)).resolves.toBeUndefined();
    const told = await virsh('dumpxml', OTHER);
    expect(told.match(/<seclabel/g)).toHaveLength(1);
    expect(told).toContain(label(computeAccount(OTHER)));
  },
);

test.runIf(LIBVIRT_IS_HERE)(
  'a guest that was started before it had its own user has it from its next start, which is said',
  async () => {
    const { uri, start, define, virsh } = await libvirtDaemon();
    await start();
    await define(definition('hasty', ID));
    await virsh('start', ID);
    await expect(giveAccount({ uri }, ID)).resolves.toEqual({
      account: computeAccount(ID),
      fromNextStart: true,
    });
    expect(await virsh('dumpxml', ID)).not.toContain('seclabel');
    await virsh('destroy', ID);
    expect(await virsh('dumpxml', ID)).toContain(label(computeAccount(ID)));
  },
);
