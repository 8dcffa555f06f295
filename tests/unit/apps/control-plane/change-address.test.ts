import { beforeEach, describe, expect, test } from 'vitest';
import type { AddressOutcome, FleetAddress } from '../../../../apps/api/address.ts';
import {
  type AddressChangeDeps,
  changeAddress,
  describeAddressResult,
} from '../../../../apps/control-plane/operator/change-address.ts';
import { AnswerError } from '../../../../apps/http/ask.ts';
import { NetworkError } from '../../../../apps/network/qx-network.ts';
import { CommandError } from '../../../../apps/process/command-error.ts';

type Node = FleetAddress['nodes'][number];

const [OLD, NEW] = ['10.0.0.4', '10.0.0.5'];
const CHANGE = {
  ...{ interface: 'eth0', address: NEW, trial: 120, percent: 100 },
  command: { args: ['static', 'eth0', `${NEW}/24`, '--confirm', '120'] },
};

/** A simulated machine with its network, its hosts and its clock. */
class Site {
  now = 0;
  readonly ending = new AbortController();
  addresses = [OLD];
  nodes: Node[] = [];
  /** What happens later; times in milliseconds. */
  readonly later: { at: number; work: () => void }[] = [];
  readonly done: string[] = [];
  readonly told: string[] = [];
  asked: readonly string[] | undefined;
  agrees = false;
  /** Whether the control plane is restarting. */
  isSilent = false;

  host(hostname: string, given: Partial<Node> = {}): Node {
    const node = { id: hostname, hostname, isHeard: true, isAware: false, over: OLD };
    const whole: Node = { ...node, heartbeats: 7, ...given };
    this.nodes.push(whole);
    return whole;
  }

  /** Makes a host return over the new address some seconds after that is set. */
  returning(node: Node, seconds: number): void {
    this.onNew.push(() =>
      this.in(seconds, () => Object.assign(node, { over: NEW, heartbeats: 8 })),
    );
  }

  readonly onNew: (() => void)[] = [];

  in(seconds: number, work: () => void): void {
    this.later.push({ at: this.now + seconds * 1000, work });
  }

  change(given: Partial<typeof CHANGE> = {}, means: Partial<AddressChangeDeps> = {}) {
    return changeAddress({ ...CHANGE, ...given }, { ...this.#means(), ...means });
  }

  #means(): AddressChangeDeps {
    const read = async () => {
      if (this.isSilent) throw new AnswerError('it does not run');
      return { port: 9443, origins: [], planned: [], nodes: this.nodes.map((one) => ({ ...one })) };
    };
    return {
      read,
      plan: async (address) => {
        this.done.push(`plan ${address}`);
        for (const node of this.nodes.filter(({ isHeard }) => isHeard)) {
          this.in(2, () => Object.assign(node, { isAware: true }));
        }
        return await read();
      },
      end: async (outcome: AddressOutcome) => {
        this.done.push(outcome);
        return await read();
      },
      addressesOf: () => this.addresses,
      changeNetwork: async ({ args }) => {
        this.done.push(args.join(' '));
        this.addresses = [NEW];
        for (const begin of this.onNew) begin();
        this.in(CHANGE.trial, () => {
          if (!this.done.includes('confirm eth0')) this.addresses = [OLD];
        });
      },
      confirm: async (name) => this.done.push(`confirm ${name}`),
      clock: {
        now: () => this.now,
        sleep: async (milliseconds) => {
          this.now += milliseconds;
          for (const one of this.later.filter(({ at }) => at <= this.now)) {
            this.later.splice(this.later.indexOf(one), 1);
            one.work();
          }
        },
      },
      signal: this.ending.signal,
      tell: (text) => this.told.push(text),
      agree: async (hosts) => {
        this.asked = hosts;
        return this.agrees;
      },
    };
  }
}

let site: Site;
beforeEach(() => {
  site = new Site();
});

const PUT = CHANGE.command.args.join(' ');

test('hosts are notified first, and the address is kept as soon as all have returned over it', async () => {
  site.returning(site.host('alpha'), 20);
  site.returning(site.host('beta'), 30);
  site.host('other', { over: '192.0.2.1' });
  expect(await site.change()).toEqual({
    ...{ outcome: 'changed', returned: ['alpha', 'beta'], missing: ['other'] },
  });
  expect(site.done).toEqual([`plan ${NEW}`, PUT, 'confirm eth0', 'changed']);
  expect(site.now).toBeLessThan(40_000);
  expect(site.told).toContain('1 of 2 hosts returned.');
  expect(site.asked).toBeUndefined();
});

test('the change is undone if a host does not return, and the plan ends once the previous address is back', async () => {
  site.returning(site.host('alpha'), 20);
  site.host('beta');
  expect(await site.change()).toEqual({
    ...{ outcome: 'undone', returned: ['alpha'], missing: ['beta'] },
  });
  expect(site.done).toEqual([`plan ${NEW}`, PUT, 'undone']);
  expect(site.addresses).toEqual([OLD]);
  expect(site.told.at(-1)).toBe('Only 1 of 2 hosts returned: the change is undone.');
});

test.each([
  [50, 'changed'],
  [51, 'undone'],
])(
  'if %i percent have to return and one of two does, the change is %s',
  async (percent, outcome) => {
    site.returning(site.host('alpha'), 20);
    site.host('beta');
    expect(await site.change({ percent })).toMatchObject({ outcome, missing: ['beta'] });
  },
);

test('a host that returned in an earlier trial has to return again', async () => {
  site.host('alpha', { over: OLD });
  const stale = site.host('beta', { over: OLD });
  site.onNew.push(() => Object.assign(stale, { over: NEW }));
  expect(await site.change({ percent: 1 })).toMatchObject({ outcome: 'undone', returned: [] });
});

test('a control plane that restarts during the change is polled again', async () => {
  site.returning(site.host('alpha'), 20);
  site.onNew.push(() => {
    site.isSilent = true;
    site.in(30, () => {
      site.isSilent = false;
    });
  });
  expect(await site.change()).toMatchObject({ outcome: 'changed' });
});

test('a control plane that restarts while hosts are notified is polled again', async () => {
  site.returning(site.host('alpha'), 20);
  site.in(1, () => {
    site.isSilent = true;
  });
  site.in(10, () => {
    site.isSilent = false;
  });
  expect(await site.change()).toMatchObject({ outcome: 'changed' });
});

test('a control plane that stays away while hosts are notified leaves a plan, and the message says how to end it', async () => {
  site.host('alpha');
  site.in(1, () => {
    site.isSilent = true;
  });
  await expect(site.change()).rejects.toMatchObject({
    message: expect.stringContaining('it does not run'),
    fix: 'When it runs again: qx-controlplane address withdraw.',
  });
  expect(site.done).toEqual([`plan ${NEW}`]);
});

test('a control plane that does not answer once the change is confirmed does not make a failure of it', async () => {
  site.returning(site.host('alpha'), 20);
  const end = async () => {
    throw new AnswerError('it does not run');
  };
  expect(await site.change({}, { end })).toMatchObject({ outcome: 'changed' });
  expect(site.told.at(-1)).toContain('qx-controlplane address withdraw');
});

describe('hosts that do not know the new address', () => {
  beforeEach(() => {
    site.returning(site.host('alpha'), 5);
    site.host('off', { isHeard: false, over: null });
  });

  test('are listed, and without confirmation nothing is changed', async () => {
    const result = await site.change();
    expect(result).toMatchObject({ outcome: 'withdrawn' });
    expect(describeAddressResult(CHANGE, result).join('')).toContain('Nothing is changed');
    expect(site.asked).toEqual(['off']);
    expect(site.done).toEqual([`plan ${NEW}`, 'withdrawn']);
  });

  test('do not prevent a forced change', async () => {
    site.agrees = true;
    expect(await site.change()).toMatchObject({ outcome: 'changed', missing: ['off'] });
  });
});

test('a change that the network refuses changes nothing, and hosts are notified', async () => {
  site.host('alpha');
  const refusal = async () => {
    throw new NetworkError('eth0: 10.0.0.5 is taken');
  };
  await expect(site.change({}, { changeNetwork: refusal })).rejects.toThrow('is taken');
  expect(site.done).toEqual([`plan ${NEW}`, 'withdrawn']);
});

test('a confirmation that comes too late has no effect', async () => {
  site.returning(site.host('alpha'), 5);
  const confirm = async () => {
    throw new NetworkError('eth0: no change is waiting to be confirmed');
  };
  expect(await site.change({}, { confirm })).toMatchObject({ outcome: 'undone' });
  expect(site.told.at(-1)).toBe(
    'eth0: no change is waiting to be confirmed: the change is undone.',
  );
});

describe('a confirmation that qx-network does not answer', () => {
  const silence = () => {
    throw new CommandError({
      ...{ command: 'qx-network', args: ['confirm', 'eth0'], failure: 'timeout', detail: '15 s' },
    });
  };
  beforeEach(() => site.returning(site.host('alpha'), 5));

  test('is undone if the previous address comes back', async () => {
    const confirm = async () => silence();
    expect(await site.change({}, { confirm })).toMatchObject({ outcome: 'undone' });
    expect(site.done.at(-1)).toBe('undone');
    expect(site.told.at(-1)).toBe(
      'qx-network did not end within 15 s: the end of the trial shows whether the change is confirmed.',
    );
  });

  test('took effect if the new address stays', async () => {
    const confirm = async () => {
      site.done.push('confirm eth0');
      return silence();
    };
    expect(await site.change({}, { confirm })).toMatchObject({ outcome: 'changed' });
    expect(site.addresses).toEqual([NEW]);
    expect(site.done.at(-1)).toBe('changed');
  });
});

test('after Ctrl-C during the trial, the network undoes the change', async () => {
  site.host('alpha');
  site.onNew.push(() => site.in(10, () => site.ending.abort()));
  expect(await site.change()).toMatchObject({ outcome: 'abandoned' });
  expect(site.done).toEqual([`plan ${NEW}`, PUT]);
});

test.each([
  ['no host is connected', () => undefined],
  ['hosts are connected over another interface', () => site.host('alpha', { over: '192.0.2.1' })],
  ['a host is not heard of', () => site.host('alpha', { isHeard: false })],
])('if %s, the address cannot be verified, and nothing is done', async (_where, prepare) => {
  prepare();
  await expect(site.change()).rejects.toThrow('none could prove that it works');
  expect(site.done).toEqual([]);
});

test('an address that is already set is refused', async () => {
  site.host('alpha');
  site.addresses = [OLD, NEW];
  await expect(site.change()).rejects.toThrow('eth0 has 10.0.0.5 already');
});
