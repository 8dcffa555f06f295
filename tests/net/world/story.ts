import { expect } from 'vitest';
import { Lan } from './lan.ts';
import { Machine } from './machine.ts';
import { makeTemplate, type Shell } from './template.ts';

/** A machine whose eth0 and eth1 are on separate wires. */
export interface Story extends AsyncDisposable {
  machine: Machine;
  /** The wire of eth0. */
  lan: Lan;
  /** The wire of eth1. */
  other: Lan;
  /** Name of eth0's cable, an interface of `lan`: setting it down unplugs the cable. */
  cable: string;
}

/** The expected state of an interface after `qx-network`. */
export type Expected =
  | { method: 'dhcp'; lan: Lan }
  | { method: 'static'; lan: Lan; address: string; dns: readonly string[] };

/**
 * Makes a machine and its wires.
 * @param shell the shell that runs scripts on the machine
 * @param more further programs to copy from the host
 */
export async function begin(shell: Shell = 'ash', more: readonly string[] = []): Promise<Story> {
  const stack = new AsyncDisposableStack();
  const template = stack.use(await makeTemplate(shell, more));
  const machine = stack.use(await Machine.create(template.root));
  const lan = stack.use(await Lan.create());
  const other = stack.use(await Lan.create());
  const cable = await lan.plug(machine, 'eth0');
  await other.plug(machine, 'eth1');
  return { machine, lan, other, cable, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

/** Sets a static address with the wire's gateway, and checks that this succeeds. */
export async function goStatic(
  machine: Machine,
  name: string,
  { lan, host, dns = [] }: { lan: Lan; host: number; dns?: string[] },
): Promise<Expected> {
  const address = `${lan.host(host)}/24`;
  const servers = ['--dns', dns.join(',') || 'none'];
  const done = await machine.network('static', name, address, '--gateway', lan.gateway, ...servers);
  expect(done).toEqual({ status: 0, stdout: `${name}: ${address}`, stderr: '' });
  return { method: 'static', lan, address, dns };
}

/** Switches to DHCP, and checks that there is a lease. */
export async function goDhcp(machine: Machine, name: string, lan: Lan): Promise<Expected> {
  const done = await machine.network('dhcp', name);
  expect(done).toMatchObject({ status: 0, stderr: '' });
  expect(done.stdout).toMatch(new RegExp(`^${name}: \\S+/24 by DHCP$`));
  return { method: 'dhcp', lan };
}

/** Checks what `expectState` checks, and that exactly the static interfaces have a configuration file in `/quantix`. */
export async function expectInvariant(
  machine: Machine,
  expected: Readonly<Record<string, Expected>>,
): Promise<void> {
  await expectState(machine, expected);
  const names = Object.keys(expected).sort();
  expect(await machine.files()).toEqual(
    names
      .filter((name) => expected[name]?.method === 'static')
      .map((name) => `/quantix/network/${name}.conf`),
  );
}

/**
 * Checks that each interface has only the expected address and one default route, with a metric of its own, and that
 * `qx-network status` agrees; that DHCP clients run for exactly the interfaces with DHCP; and that the name servers are
 * in the order of the metrics. Where the configuration is stored is not checked.
 */
export async function expectState(
  machine: Machine,
  expected: Readonly<Record<string, Expected>>,
): Promise<void> {
  const names = Object.keys(expected).sort();
  const [clients, servers, status] = await Promise.all([
    machine.clients(),
    machine.nameServers(),
    machine.status(),
  ]);
  const wantedServers: { metric: number; dns: readonly string[] }[] = [];
  for (const name of names) {
    const want = expected[name]!;
    const state = await machine.state(name);
    const told = status.interfaces.find((one) => one.name === name);
    expect(state.addresses).toHaveLength(1);
    if (want.method === 'static') expect(state.addresses).toEqual([want.address]);
    else expect(state.addresses[0]).toMatch(new RegExp(`^${want.lan.host(1)}[0-5][0-9]/24$`));
    expect(state.routes).toEqual([
      { gateway: want.lan.gateway, metric: expect.any(Number) as number },
    ]);
    const { metric } = state.routes[0]!;
    wantedServers.push({ metric, dns: want.method === 'static' ? want.dns : [want.lan.gateway] });
    expect(told).toMatchObject({ method: want.method, gateway: want.lan.gateway, problem: null });
    expect(told?.addresses.map(({ address, prefix }) => `${address}/${prefix}`)).toEqual(
      state.addresses,
    );
    expect(told?.dhcp === null).toBe(want.method === 'static');
  }
  const dhcp = names.filter((name) => expected[name]?.method === 'dhcp');
  expect(clients.map((line) => /-i (\S+)/.exec(line)?.[1]).sort()).toEqual(dhcp);
  expect(new Set(wantedServers.map(({ metric }) => metric)).size).toBe(names.length);
  const inOrder = wantedServers.sort((a, b) => a.metric - b.metric).flatMap(({ dns }) => dns);
  expect(servers).toEqual([...new Set(inOrder)].slice(0, 3));
}
