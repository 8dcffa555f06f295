import { expect, test } from 'vitest';
import { loadProfile } from '../../../build/profile/load.ts';
import { PROJECT } from '../profile/profiles.ts';

/** Accounts to which programs of a package switch; the names are compiled in, and differ between the bases. */
const COMPILED_IN = {
  'quantix-os': {
    rpcbind: ['_rpc', 'rpc'],
    chrony: ['chrony'],
    dbus: ['messagebus'],
    dnsmasq: ['dnsmasq'],
    openssh: ['sshd'],
  },
};

test.each(Object.entries(COMPILED_IN))(
  '%s has the accounts that its daemons switch to, on each base',
  async (name, programs) => {
    const { accounts } = await loadProfile(PROJECT, name);
    const users = Object.values(programs).flat();
    expect(Object.keys(accounts.users)).toEqual(expect.arrayContaining(users));
    const ids = Object.values(accounts.users).map(({ uid }) => uid);
    expect(new Set(ids).size).toBe(ids.length);
  },
);
