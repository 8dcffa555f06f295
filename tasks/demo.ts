import { randomInt } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { BuildError } from '../build/error.ts';
import { planConfigDrive } from '../build/image/config-drive/plan.ts';
import { writeFatDrive } from '../build/image/config-drive/write.ts';
import type { ImageOptions } from '../build/image/prepare.ts';
import { makeScratchFolder } from '../build/process/scratch-folder.ts';
import { Guest } from '../build/qemu/guest.ts';
import { DYNAMIC_PORTS } from '../build/qemu/guest-network.ts';
import { awaitShell, openShell, runInShell } from '../build/qemu/shell.ts';
import { findBuilt } from './qemu.ts';
import type { Output } from './ui/events.ts';

/** QvDC's address on the demo's network, and its URL for hosts. */
const CONTROL_PLANE = { address: '10.77.0.1/24', origin: 'https://10.77.0.1:9443' };
/** Hosts, each with the virtual machine to start on it. */
const HOSTS = [
  { name: 'host-a', address: '10.77.0.11/24', vm: 'web' },
  { name: 'host-b', address: '10.77.0.12/24', vm: 'mail' },
] as const;
/** Timeout of every wait in seconds: three machines share the processors, perhaps in emulation. */
const PATIENCE = 1800;

/** The fields that are read from `qx-controlplane token create --json`, `nodes list --json` and `vms list --json`. */
const tokenSchema = z.object({ joinToken: z.string() });
const nodesSchema = z.object({
  nodes: z.array(z.object({ hostname: z.string(), phase: z.string(), isHeard: z.boolean() })),
});
const vmsSchema = z.object({
  vms: z.array(z.object({ name: z.string(), node: z.string().nullable(), powerState: z.string() })),
});

/**
 * Boots QvDC and two hosts on one virtual network, joins the hosts without access to their consoles, starts a virtual
 * machine on each, shows their state in the control plane, and keeps running until the signal is aborted.
 * @throws BuildError if the ISOs were not built, or something fails or times out
 */
export async function runDemo(
  options: ImageOptions & { readonly signal: AbortSignal },
  output: Output,
): Promise<void> {
  const { signal } = options;
  await using ending = new AsyncDisposableStack();
  const folder = await makeScratchFolder('quantix-demo-');
  ending.defer(() => rm(folder, { recursive: true, force: true }));
  const demo = new Demo({ folder, options, output });
  ending.use(demo);
  const qvdc = await demo.bootControlPlane();
  const token = tokenSchema.parse(
    await demo.ask(qvdc, `qx-controlplane token create --uses ${HOSTS.length} --json`),
  );
  const hosts = await Promise.all(
    HOSTS.map((host, index) => demo.bootHost(host, { index, token: token.joinToken })),
  );
  await Promise.all(hosts.map((guest, index) => demo.startVm(guest, HOSTS[index]?.vm ?? '')));
  await demo.untilAllReported(qvdc);
  for (const command of ['qx-controlplane nodes list', 'qx-controlplane vms list']) {
    output.say(`\n# ${command}`);
    output.say((await demo.succeed(qvdc, command)).trimEnd());
  }
  output.say('\nAll of it runs until Ctrl-C.');
  await aborted(signal);
}

interface DemoOptions {
  /** Folder for disks and logs. */
  readonly folder: string;
  readonly options: ImageOptions;
  readonly output: Output;
}

/** The machines of a demo. Disposing of it ends them. */
class Demo implements AsyncDisposable {
  readonly #options: DemoOptions;
  readonly #machines = new AsyncDisposableStack();
  readonly #port = DYNAMIC_PORTS.from + randomInt(DYNAMIC_PORTS.count);

  constructor(options: DemoOptions) {
    this.#options = options;
  }

  async bootControlPlane(): Promise<Guest> {
    const files = planConfigDrive({ hostname: 'qvdc', address: CONTROL_PLANE.address });
    const machine = { name: 'qvdc', mac: '52:54:00:77:00:01', memory: 2048 };
    return await this.#boot('qvdc', 'QVDC-CFG', { ...machine, files });
  }

  async bootHost(
    { name, address }: (typeof HOSTS)[number],
    { index, token }: { index: number; token: string },
  ): Promise<Guest> {
    const controlPlane = CONTROL_PLANE.origin;
    const files = planConfigDrive({ hostname: name, address, controlPlane, joinToken: token });
    const machine = { name, mac: `52:54:00:77:00:1${index + 1}`, memory: 1536 };
    return await this.#boot('quantix-os', 'QUANTIX-CFG', { ...machine, files });
  }

  /** Defines and starts a small virtual machine on a host; it has no disk and stays in its firmware. */
  async startVm(guest: Guest, name: string): Promise<void> {
    this.#options.output.say(`${name} is started`);
    const definition =
      `<domain type="$type"><name>${name}</name><memory unit="MiB">64</memory><vcpu>1</vcpu>` +
      '<os><type machine="pc">hvm</type></os></domain>';
    const type = '[ -e /dev/kvm ] && type=kvm || type=qemu';
    const file = `/tmp/${name}.xml`;
    await this.#untilSucceeds(guest, 'virsh -q list >/dev/null 2>&1');
    await this.succeed(
      guest,
      `${type}; echo "${definition.replaceAll('"', '\\"')}" >${file} && virsh -q define ${file} && virsh -q start ${name}`,
    );
  }

  /** Waits until the control plane reports every host as ready and every virtual machine as running. */
  async untilAllReported(qvdc: Guest): Promise<void> {
    for (;;) {
      const { nodes } = nodesSchema.parse(
        await this.ask(qvdc, 'qx-controlplane nodes list --json'),
      );
      const { vms } = vmsSchema.parse(await this.ask(qvdc, 'qx-controlplane vms list --json'));
      const isReady = HOSTS.every((host) =>
        nodes.some(({ hostname, phase }) => hostname === host.name && phase === 'READY'),
      );
      const isRunning = HOSTS.every((host) =>
        vms.some(
          ({ name, node, powerState }) =>
            name === host.vm && node === host.name && powerState === 'RUNNING',
        ),
      );
      if (isReady && isRunning) return;
      await this.succeed(qvdc, 'usleep 500000');
    }
  }

  /** Repeats a command until it succeeds. @returns its JSON output, parsed */
  async ask(guest: Guest, command: string): Promise<unknown> {
    const text = await this.#untilSucceeds(guest, command);
    return JSON.parse(text);
  }

  /** Runs a command, and returns its output. @throws BuildError with its output if it fails */
  async succeed(guest: Guest, command: string): Promise<string> {
    const { output, status } = await runInShell(guest, command);
    if (status === 0) return output;
    throw new BuildError({
      what: `in a machine, this ended with ${status}: ${command}\n${output}`,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#machines.disposeAsync();
  }

  /** Repeats a command until it succeeds. @returns its output */
  async #untilSucceeds(guest: Guest, command: string): Promise<string> {
    const file = '/tmp/demo-answer';
    await this.succeed(guest, `until ${command} >${file} 2>/tmp/demo-errors; do sleep 1; done`);
    return await this.succeed(guest, `cat ${file}`);
  }

  async #boot(
    profile: string,
    label: string,
    machine: { name: string; mac: string; memory: number; files: Record<string, string> },
  ): Promise<Guest> {
    const { folder, options, output } = this.#options;
    const { name, mac, memory, files } = machine;
    const { architecture, kind, file, acceleration } = await findBuilt(profile, options);
    if (kind !== 'cdrom') {
      throw new BuildError({ what: 'the demo boots ISOs', fix: 'Leave out FORMAT.' });
    }
    const drive = join(folder, `${name}.img`);
    const { signal } = options;
    await writeFatDrive(drive, { label, files, signal });
    output.say(`${name} boots from ${file}, ${acceleration}`);
    const guest = await Guest.start(
      {
        architecture,
        firmware: 'uefi',
        medium: { as: 'cdrom', image: file },
        disks: [{ file: drive, format: 'raw', bus: 'virtio' }],
        memory,
        cpus: 1,
        segment: { port: this.#port, mac },
      },
      { acceleration, log: join(folder, `${name}.log`), patience: PATIENCE, signal },
    );
    this.#machines.use(guest);
    await guest.waitForMilestone('ready');
    output.say(`${name} is ready`);
    await openShell(guest);
    await awaitShell(guest);
    return guest;
  }
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  signal.addEventListener('abort', () => resolve(), { once: true });
  await promise;
}
