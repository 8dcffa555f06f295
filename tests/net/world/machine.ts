import { Namespace, type Outcome } from './namespace.ts';

const MEMORY = '/mnt';
const ROOT = `${MEMORY}/root`;

/** Mounts of a machine: an overlay of memory over the template; the kernel's log is a file. */
const MOUNTS = `set -e
mount -t tmpfs tmpfs ${MEMORY}
mkdir ${MEMORY}/upper ${MEMORY}/work ${ROOT}
mount -t overlay -o lowerdir=$0,upperdir=${MEMORY}/upper,workdir=${MEMORY}/work overlay ${ROOT}
mount -t proc proc ${ROOT}/proc
mount -t sysfs sysfs ${ROOT}/sys
mount -t sysfs sysfs ${ROOT}/kernel
mount -t tmpfs tmpfs ${ROOT}/sys/class/net
mount -t tmpfs tmpfs ${ROOT}/dev
mount -t tmpfs tmpfs ${ROOT}/run
mount -t tmpfs tmpfs ${ROOT}/quantix
mount --bind ${ROOT}/quantix ${ROOT}/quantix
mknod -m 666 ${ROOT}/dev/null c 1 3
hostname quantix
ip link set lo up
grep ^net ${ROOT}/etc/sysctl.d/quantix.conf >${ROOT}/tmp/sysctl.conf
chroot ${ROOT} sysctl -q -p /tmp/sysctl.conf`;

/** State of an interface in the machine's kernel. */
export interface InterfaceState {
  /** `ADDRESS/PREFIX`, IPv4. */
  addresses: string[];
  /** Default routes through it. */
  routes: { gateway: string; metric: number }[];
}

/** An interface in the output of `qx-network status --json`. */
export interface InterfaceStatus {
  name: string;
  kind: string;
  carrier: boolean;
  speed: number | null;
  method: string | null;
  source: string | null;
  addresses: { address: string; prefix: number }[];
  gateway: string | null;
  dns: string[];
  mtu: number;
  type: string | null;
  master: string | null;
  ports: string[];
  routes: string[];
  vlan: { link: string; id: number } | null;
  ipv6: {
    method: string | null;
    addresses: { address: string; prefix: number; origin: string }[];
    gateway: string | null;
  };
  dhcp: { pid: number; lease: { address: string; server: string; seconds: number } | null } | null;
  /** Seconds until a change on trial is undone. */
  confirm: number | null;
  problem: string | null;
}

export interface Status {
  persistent: boolean;
  hostname: string;
  default: string | null;
  interfaces: InterfaceStatus[];
  problems: string[];
}

/** A machine with the appliance's network programs and nothing else. */
export class Machine implements AsyncDisposable {
  readonly #namespace: Namespace;

  private constructor(namespace: Namespace) {
    this.#namespace = namespace;
  }

  /** Makes a machine. @param template folder of `makeTemplate` */
  static async create(template: string): Promise<Machine> {
    const machine = new Machine(await Namespace.create());
    await machine.#namespace.succeed(['sh', '-c', MOUNTS, template]);
    return machine;
  }

  get pid(): number {
    return this.#namespace.pid;
  }

  /** The machine's root, as a program of the host sees it in the machine's mount namespace. */
  get root(): string {
    return ROOT;
  }

  /** Runs a shell script on the machine, whatever its exit status. */
  async sh(text: string, ...args: string[]): Promise<Outcome> {
    return await this.#namespace.exec(['/bin/sh', '-c', text, 'sh', ...args], { root: ROOT });
  }

  /** Runs a shell script that must succeed. @returns its output */
  async succeed(text: string, ...args: string[]): Promise<string> {
    return await this.#namespace.succeed(['/bin/sh', '-c', text, 'sh', ...args], { root: ROOT });
  }

  /** Starts a program in the background. */
  start(...command: string[]): void {
    this.#namespace.start(command, ROOT);
  }

  /** `qx-network` with arguments. */
  async network(...args: string[]): Promise<Outcome> {
    return await this.#namespace.exec(['/usr/sbin/qx-network', ...args], { root: ROOT });
  }

  /** `qx-network` with arguments, run by a program of the host, such as one that traces it. */
  async networkBy(host: readonly string[], ...args: string[]): Promise<Outcome> {
    return await this.by(host, ['/usr/sbin/qx-network', ...args]);
  }

  /** Runs a program of the machine, with a text as its standard input, through a program of the host. */
  async by(host: readonly string[], program: readonly string[], input = ''): Promise<Outcome> {
    return await this.#namespace.exec([...host, 'chroot', ROOT, ...program], { input });
  }

  async write(file: string, text: string): Promise<void> {
    const command = ['/bin/sh', '-c', 'mkdir -p "$(dirname "$1")"; cat >"$1"', 'sh', file];
    await this.#namespace.succeed(command, { root: ROOT, input: text });
  }

  /** A file's text; `undefined` if there is none. */
  async read(file: string): Promise<string | undefined> {
    const { status, stdout } = await this.sh('cat "$1"', file);
    return status === 0 ? stdout : undefined;
  }

  /** Configuration files, without those of other programs. */
  async files(): Promise<string[]> {
    const found = await this.succeed('find /quantix /etc/quantix -type f 2>/dev/null | sort');
    return found.split('\n').filter((line) => line !== '');
  }

  async status(): Promise<Status> {
    return JSON.parse(await this.succeed('qx-network status --json'));
  }

  async statusOf(name: string): Promise<InterfaceStatus> {
    const found = (await this.status()).interfaces.find((one) => one.name === name);
    if (found === undefined) throw new Error(`status does not contain ${name}`);
    return found;
  }

  /** Reads an interface's state in the kernel, with the host's `ip`. */
  async state(name: string): Promise<InterfaceState> {
    const [links, routes] = await Promise.all([
      this.#namespace.succeed(['ip', '-4', '-j', 'addr', 'show', 'dev', name]),
      this.#namespace.succeed(['ip', '-4', '-j', 'route', 'show', 'default', 'dev', name]),
    ]);
    return { addresses: addressesIn(JSON.parse(links)), routes: routesIn(JSON.parse(routes)) };
  }

  /** Process ids and command lines of all running DHCP clients. */
  async clients(): Promise<string[]> {
    const list = await this.succeed("ps -o args | grep -E '^([^ ]*/)?(busybox )?udhcpc ' || :");
    return list.split('\n').filter((line) => line !== '');
  }

  async nameServers(): Promise<string[]> {
    const text = (await this.read('/etc/resolv.conf')) ?? '';
    return [...text.matchAll(/^nameserver (\S+)$/gm)].map(([, server = '']) => server);
  }

  /** Makes the next interface with this name look like hardware in /sys/class/net. */
  async appear(name: string): Promise<void> {
    await this.succeed(
      'mkdir -p /sys/class/net/$1/device; cd /sys/class/net/$1; for a in address carrier flags ifindex master mtu speed type uevent; do ln -s /kernel/devices/virtual/net/$1/$a; done',
      name,
    );
  }

  /**
   * Makes links with these names visible to the machine as soon as they exist; its /sys/class/net is not the kernel's.
   */
  async linkInSys(...names: string[]): Promise<void> {
    for (const name of names) {
      await this.succeed('ln -s /kernel/devices/virtual/net/$1 /sys/class/net/$1', name);
    }
  }

  /** Addresses of IPv6 that others can reach, `ADDRESS/PREFIX`. */
  async addresses6(name: string): Promise<string[]> {
    const args = ['-6', '-j', 'addr', 'show', 'dev', name, 'scope', 'global'];
    return addressesIn(JSON.parse(await this.#namespace.succeed(['ip', ...args])));
  }

  /** Removes an interface, as pulling out a card does. */
  async disappear(name: string): Promise<void> {
    await this.succeed('ip link del $1; rm -rf /sys/class/net/$1', name);
  }

  /** Cuts the power: processes, memory and addresses are lost; /quantix stays. */
  async cutPower(): Promise<void> {
    await this.sh('kill -9 -1');
    await this.succeed(
      'rm -rf /run/* /run/.[a-z]* /etc/quantix /etc/resolv.conf; for i in $(ls /sys/class/net); do ip addr flush dev $i; ip link set $i down; done',
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#namespace[Symbol.asyncDispose]();
  }
}

function addressesIn(links: { addr_info?: { local?: string; prefixlen?: number }[] }[]): string[] {
  return links
    .flatMap((link) => link.addr_info ?? [])
    .filter((address) => address.local !== undefined)
    .map(({ local, prefixlen }) => `${local}/${prefixlen}`);
}

function routesIn(routes: { gateway?: string; metric?: number }[]): InterfaceState['routes'] {
  return routes.map(({ gateway = '', metric = 0 }) => ({ gateway, metric }));
}
