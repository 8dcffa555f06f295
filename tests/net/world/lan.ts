import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Machine } from './machine.ts';
import { Namespace } from './namespace.ts';
import { until } from './until.ts';

/** Options of a DHCP server, with udhcpd's names. */
export interface DhcpOptions {
  /** First and last address that the server leases. */
  range?: [string, string];
  /** Lifetime of a lease in seconds. */
  lease?: number;
  /** Options by name, which replace or extend those of a usual network; an option with an empty value is left out. */
  options?: Readonly<Record<string, string>>;
}

let lans = 0;

/** A wire with a gateway, 10.<number>.0.1/24, which can also be its DHCP server. */
export class Lan implements AsyncDisposable {
  readonly #namespace: Namespace;
  readonly #number: number;
  #plugs = 0;

  private constructor(namespace: Namespace, number: number) {
    this.#namespace = namespace;
    this.#number = number;
  }

  static async create(): Promise<Lan> {
    const lan = new Lan(await Namespace.create(), (lans++ % 200) + 1);
    await lan.ip('link', 'add', 'wire', 'type', 'bridge');
    await lan.ip('addr', 'add', `${lan.gateway}/24`, 'dev', 'wire');
    await lan.ip('link', 'set', 'wire', 'up');
    return lan;
  }

  /** The address of a host on this wire. */
  host(number: number): string {
    return `10.${this.#number}.0.${number}`;
  }

  get gateway(): string {
    return this.host(1);
  }

  /** Connects a new interface of a machine to this wire. @returns the cable's name */
  async plug(machine: Machine, name: string): Promise<string> {
    const plug = `plug${this.#plugs++}`;
    const peer = ['peer', 'name', name, 'netns', String(machine.pid)];
    await machine.appear(name);
    await this.ip('link', 'add', plug, 'type', 'veth', ...peer);
    await this.ip('link', 'set', plug, 'master', 'wire', 'up');
    return plug;
  }

  /** Connects another machine to the wire, with this address. */
  async neighbour(address: string): Promise<Namespace> {
    const other = await Namespace.create();
    const plug = `plug${this.#plugs++}`;
    const peer = ['peer', 'name', 'eth0', 'netns', String(other.pid)];
    await this.ip('link', 'add', plug, 'type', 'veth', ...peer);
    await this.ip('link', 'set', plug, 'master', 'wire', 'up');
    await other.inNetwork(['ip', 'link', 'set', 'eth0', 'up']);
    await other.inNetwork(['ip', 'addr', 'add', `${address}/24`, 'dev', 'eth0']);
    return other;
  }

  /** Takes over a host's address on the wire. */
  async occupy(address: string): Promise<void> {
    await this.ip('addr', 'add', `${address}/24`, 'dev', 'wire');
  }

  async vacate(address: string): Promise<void> {
    await this.ip('addr', 'del', `${address}/24`, 'dev', 'wire');
  }

  /** Whether an address answers to a ping from this wire. */
  async reaches(address: string): Promise<boolean> {
    const ping = ['busybox', 'ping', '-c', '1', '-W', '2', address];
    return (await this.#namespace.exec(ping)).status === 0;
  }

  /** Sends a byte to every port of UDP. */
  async sendToAllPorts(address: string): Promise<void> {
    const script = `const socket = require('node:dgram').createSocket('udp${address.includes(':') ? 6 : 4}');
const send = (port) => port > 65535 ? socket.close() : socket.send('x', port, '${address}', () => send(port + 1));
send(1);`;
    const { status, stderr } = await this.#namespace.exec([process.execPath, '-e', script]);
    if (status !== 0) throw new Error(`nothing could be sent to ${address}: ${stderr}`);
  }

  /** Begins a connection to every port of TCP. */
  async connectToAllPorts(address: string): Promise<void> {
    const script = `const { connect } = require('node:net');
const begin = (first) => {
  const begun = [];
  for (let port = first; port < first + 1000 && port <= 65535; port += 1) {
    begun.push(connect(port, '${address}').on('error', () => {}));
  }
  setImmediate(() => {
    for (const socket of begun) socket.destroy();
    if (begun.length > 0) begin(first + 1000);
  });
};
begin(1);`;
    const { status, stderr } = await this.#namespace.exec([process.execPath, '-e', script]);
    if (status !== 0) throw new Error(`nothing could be sent to ${address}: ${stderr}`);
  }

  /** True if a host on this wire can open a TCP connection. */
  async connects(address: string, port: number): Promise<boolean> {
    const connect = ['busybox', 'nc', '-w', '1', address, String(port)];
    const asked = 'GET / HTTP/1.0\r\n\r\n';
    return (await this.#namespace.exec(connect, { input: asked })).stdout.startsWith('HTTP/');
  }

  /** Starts the DHCP server; ends a running one first. */
  async serveDhcp({ range, lease = 3600, options }: DhcpOptions = {}): Promise<void> {
    await this.stopDhcp();
    const [first, last] = range ?? [this.host(100), this.host(150)];
    const base = join(tmpdir(), `quantix-udhcpd-${process.pid}-${this.#number}`);
    const common = { subnet: '255.255.255.0', router: this.gateway, dns: this.gateway };
    const told = { ...common, lease: String(lease), ...options };
    const lines = [
      'interface wire',
      `start ${first}`,
      `end ${last}`,
      `lease_file ${base}.leases`,
      `pidfile ${base}.pid`,
      'offer_time 5',
      'min_lease 2',
      ...Object.entries(told)
        .filter(([, value]) => value !== '')
        .map(([name, value]) => `option ${name} ${value}`),
    ];
    await rm(`${base}.leases`, { force: true });
    await writeFile(`${base}.conf`, `${lines.join('\n')}\n`);
    this.#namespace.start(['busybox', 'udhcpd', '-f', '-a', '1', `${base}.conf`]);
    await until('the DHCP server listens', async () => (await this.#servers()) || undefined);
  }

  /** Starts a DHCP server that refuses (NAK) addresses that it has not leased itself; ends a running one first. */
  async serveDhcpStrictly(range: [string, string]): Promise<void> {
    await this.stopDhcp();
    const server = ['dnsmasq', '--keep-in-foreground', '--conf-file=/dev/null', '--port=0'];
    const place = ['--interface=wire', '--bind-interfaces', '--user=root', '--pid-file='];
    const leases = ['--dhcp-authoritative', '--no-ping', '--leasefile-ro'];
    const given = [
      `--dhcp-range=${range.join(',')},255.255.255.0,1h`,
      `--dhcp-option=6,${this.gateway}`,
    ];
    this.#namespace.start([...server, ...place, ...leases, ...given]);
    await until('the DHCP server listens', async () => (await this.#servers()) || undefined);
  }

  /** A host's address in the network that `advertise` announces. */
  host6(host: string): string {
    return `2001:db8:${this.#number.toString(16)}::${host}`;
  }

  /** Starts a router that advertises an IPv6 network, like a router that others have set up. */
  async advertise(): Promise<void> {
    await this.ip('addr', 'add', `${this.host6('1')}/64`, 'dev', 'wire', 'nodad');
    const place = ['--interface=wire', '--bind-interfaces', '--user=root', '--pid-file='];
    const server = ['dnsmasq', '--keep-in-foreground', '--conf-file=/dev/null', '--port=0'];
    const told = ['--enable-ra', `--dhcp-range=${this.host6('')},ra-only,64`, '--leasefile-ro'];
    this.#namespace.start([...server, ...place, ...told]);
  }

  /**
   * Sends a packet to an address twenty times a second during an action, and a second longer.
   * @returns the longest time without an answer, in milliseconds, rounded to 50
   */
  async longestSilence(address: string, action: () => Promise<unknown>): Promise<number> {
    const ping = ['ping', '-n', '-D', '-i', '0.05', '-W', '1', '-w', '60', address];
    const answers = this.#namespace.exec(['timeout', '-s', 'INT', '60', ...ping]);
    await until('it answers', async () => (await this.reaches(address)) || undefined);
    await action();
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    await this.#namespace.exec(['busybox', 'killall', '-q', '-INT', 'ping']);
    const times = [...(await answers).stdout.matchAll(/icmp_seq=(\d+)/g)].map(([, seq]) =>
      Number(seq),
    );
    const gaps = times.map((seq, index) => (index === 0 ? 0 : seq - times[index - 1]!));
    return (Math.max(...gaps) - 1) * 50;
  }

  async stopDhcp(): Promise<void> {
    await this.#namespace.exec(['busybox', 'killall', '-q', '-9', 'busybox', 'dnsmasq']);
    await until('no DHCP server is left', async () => !(await this.#servers()) || undefined);
  }

  async ip(...args: string[]): Promise<string> {
    return await this.#namespace.inNetwork(['ip', ...args]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#namespace[Symbol.asyncDispose]();
    const base = join(tmpdir(), `quantix-udhcpd-${process.pid}-${this.#number}`);
    for (const end of ['conf', 'leases', 'pid']) await rm(`${base}.${end}`, { force: true });
  }

  /** True if something listens on UDP port 67 (0043 in the kernel's list). */
  async #servers(): Promise<boolean> {
    return (await this.#namespace.succeed(['cat', '/proc/net/udp'])).includes(':0043 ');
  }
}
