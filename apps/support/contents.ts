import { open, readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { messageOf } from '../error.ts';
import { readHardware } from '../host/hardware.ts';
import { parseOsRelease } from '../host/os-release.ts';
import { readNames, readText } from '../host/read.ts';
import { getErrorCode } from '../process/code-of.ts';
import { CommandError } from '../process/command-error.ts';
import { runFully } from '../process/run.ts';
import { VERSION } from '../version.ts';
import type { Item } from './bundle.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
/** Largest size of a log and of other files, in bytes. */
const LOG = 4 * MIB;
const OTHER = MIB;
/** Maximum number of files that are included from a folder: the last ones by name. */
const MANY = 64;
/** Milliseconds that a command may take. */
const PATIENCE = 20_000;

/** The machine that is described. */
export interface Place {
  /** Folder that contains its file system. */
  root: string;
  /** Runs a command and returns its output. */
  run: (command: readonly string[], signal: AbortSignal) => Promise<string>;
}

/** The machine that this program runs on. */
export const THIS_MACHINE: Place = { root: '/', run: runCommand };

/**
 * Files of the configuration that are included, without their secrets. Of all other files only name, size, mode and
 * time are included.
 */
const CONFIGURATION = [
  /^hostname$/,
  /^(time\/servers|keyboard)$/,
  /^network\/[\w.-]+\.conf$/,
  /^ssh\/(authorized_keys|enabled)$/,
  // Without the journal of tasks and the specifications of virtual machines, which contain data of guests.
  /^node\/(node\.yaml|epoch|maintenance|membership\.json|assigned-pools\.json)$/,
  /^lvm\/system\.devices$/,
  /^iscsi\/initiatorname\.iscsi$/,
  /^vdc\/(config\.yaml|[\w-]+\.crt)$/,
  /^reset$/,
];

/** File of the bundle → command whose output it contains, on every appliance. */
const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  'kernel/dmesg.txt': ['dmesg', '-r'],
  'kernel/modules.txt': ['lsmod'],
  'kernel/pci.txt': ['lspci', '-nnk'],
  'kernel/usb.txt': ['lsusb'],
  'network/firewall.txt': ['nft', 'list', 'ruleset'],
  'network/links.txt': ['ip', '-s', '-d', 'link'],
  'network/routes.txt': ['ip', 'route', 'show', 'table', 'all'],
  'network/neighbours.txt': ['ip', 'neighbour'],
  'network/sockets.txt': ['ss', '-tuanp'],
  'network/status.json': ['qx-network', 'status', '--json'],
  'network/time.txt': ['chronyc', '-n', 'sources'],
  'system/processes.txt': ['ps', '-A', '-o', 'pid,ppid,user,stat,vsz,rss,args'],
  'system/services.txt': ['rc-status', '-a'],
  'system/ssh.txt': ['qx-ssh', 'status'],
  'system/reset.txt': ['qx-reset', 'status'],
  'system/password.txt': ['qx-password', 'status'],
  'storage/block-devices.txt': ['lsblk', '-o', 'NAME,TYPE,SIZE,RO,FSTYPE,LABEL,UUID,MOUNTPOINT'],
  'storage/space.txt': ['df', '-k'],
};

/** The same, on a hypervisor host. */
const HOST_COMMANDS: Readonly<Record<string, readonly string[]>> = {
  'agent/status.json': ['qx-node', 'status', '--json'],
  'storage/iscsi.txt': ['iscsiadm', '-m', 'session', '-P', '1'],
  'storage/logical-volumes.txt': ['lvs', '-a', '--units', 'b'],
  'storage/multipath.txt': ['multipath', '-ll'],
  'storage/volume-groups.txt': ['vgs', '--units', 'b'],
  'virtual-machines/list.txt': ['virsh', '--connect', 'qemu:///system', 'list', '--all'],
  'virtual-machines/networks.txt': ['virsh', '--connect', 'qemu:///system', 'net-list', '--all'],
  'virtual-machines/pools.txt': ['virsh', '--connect', 'qemu:///system', 'pool-list', '--all'],
  'virtual-machines/version.txt': ['virsh', '--connect', 'qemu:///system', 'version'],
};

/** The same, on a control plane. */
const CONTROL_PLANE_COMMANDS: Readonly<Record<string, readonly string[]>> = {
  'control-plane/doctor.txt': ['qx-controlplane', 'doctor'],
};

/** File of the bundle → file of the machine, on every appliance. */
const FILES: Readonly<Record<string, string>> = {
  'kernel/command-line.txt': 'proc/cmdline',
  'kernel/cpu.txt': 'proc/cpuinfo',
  'kernel/interrupts.txt': 'proc/interrupts',
  'kernel/version.txt': 'proc/version',
  'network/hosts.txt': 'etc/hosts',
  'network/resolver.txt': 'etc/resolv.conf',
  'storage/mounts.txt': 'proc/self/mountinfo',
  'system/load.txt': 'proc/loadavg',
  'system/memory.txt': 'proc/meminfo',
  'system/os-release.txt': 'etc/os-release',
  'system/pressure-memory.txt': 'proc/pressure/memory',
  'system/uptime.txt': 'proc/uptime',
};

/** Folder of the bundle → folder of the machine with logs and state. */
const FOLDERS: Readonly<Record<string, string>> = {
  'crashes/': 'data/crash',
  'logs/agent/': 'var/log/quantix',
  'logs/guests/': 'var/log/libvirt/qemu',
  'logs/system/': 'var/log/system',
  'run/': 'run/quantix',
};

/** Returns all items that describe a machine. */
export async function listContents(place: Place): Promise<Item[]> {
  const release = parseOsRelease(await readText(join(place.root, 'etc/os-release')));
  const isHost = (await readNames(join(place.root, 'usr/sbin'))).includes('qx-node');
  const product = isHost ? HOST_COMMANDS : CONTROL_PLANE_COMMANDS;
  const commands = Object.entries({ ...COMMANDS, ...product });
  return [
    item(
      'system/version.txt',
      async () =>
        `${release.get('NAME') ?? 'Linux'} ${release.get('VERSION_ID') ?? ''}, programs ${VERSION}\n`,
    ),
    item('system/hardware.json', async (signal) =>
      json(place.root === '/' ? await readHardware(signal) : null),
    ),
    ...commands.map(([name, command]) => item(name, (signal) => place.run(command, signal))),
    ...Object.entries(FILES).map(([name, file]) => item(name, () => fileOf(place, file, 'begin'))),
    ...(await Promise.all(Object.entries(FOLDERS).map((one) => folderOf(place, ...one)))).flat(),
    ...(await configurationOf(place)),
    ...(isHost ? await definitionsOf(place) : []),
  ];
}

function item(name: string, read: Item['read'], rest: Partial<Item> = {}): Item {
  return { name, most: OTHER, keep: 'begin', read, ...rest };
}

/** Returns an item for each file of a folder of logs, or one that says why the folder cannot be listed. */
async function folderOf(place: Place, name: string, folder: string): Promise<Item[]> {
  let files: string[];
  try {
    files = await filesIn(join(place.root, folder));
  } catch (error) {
    return [item(`${name}list`, () => Promise.reject(error))];
  }
  return files.slice(-MANY).map((file) =>
    item(`${name}${safeName(file)}`, () => fileOf(place, join(folder, file), 'end'), {
      most: LOG,
      keep: 'end',
    }),
  );
}

async function configurationOf(place: Place): Promise<Item[]> {
  const listed = await listing(join(place.root, 'quantix'));
  const taken = listed.filter(
    (one) => 'bytes' in one && CONFIGURATION.some((name) => name.test(one.path)),
  );
  return [
    item('configuration/files.json', async () => json(listed)),
    ...taken.map(({ path }) =>
      item(`configuration/${safeName(path)}`, () => fileOf(place, join('quantix', path), 'begin')),
    ),
  ];
}

/** Returns items with the definitions of virtual machines, as virsh prints them without `--security-info`. */
async function definitionsOf({ run }: Place): Promise<Item[]> {
  const virsh = ['virsh', '--quiet', '--connect', 'qemu:///system'];
  const listed = await run(
    [...virsh, 'list', '--all', '--uuid'],
    AbortSignal.timeout(PATIENCE),
  ).catch((error: unknown) => {
    // The item virtual-machines/list.txt reports that libvirt does not answer.
    if (error instanceof CommandError) return '';
    throw error;
  });
  const ids = listed.match(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/gm) ?? [];
  return ids.map((id) =>
    item(`virtual-machines/${id}.xml`, async (signal) =>
      removeGuestTexts(await run([...virsh, 'dumpxml', id], signal)),
    ),
  );
}

/** Removes from a definition the texts that an operator passes to a guest: secrets in them may have any name. */
export function removeGuestTexts(xml: string): string {
  return xml
    .replaceAll(/<(metadata|sysinfo|cmdline|initargs|description)\b[^>]*>[\s\S]*?<\/\1>/g, '<$1/>')
    .replaceAll(/<qemu:(arg|env)\b[^>]*>/g, '<qemu:$1/>')
    .replaceAll(/\b(passwd|passwordValidTo)=(["']).*?\2/g, '$1=$2$2');
}

/** A file, by its path relative to `/quantix`, or why nothing is known about it. */
type Listed = { path: string } & (
  | { bytes: number; mode: string; changed: string }
  | { problem: string }
);

async function listing(folder: string, below = '', depth = 6): Promise<Listed[]> {
  const found: Listed[] = [];
  try {
    for (const entry of await entriesOf(join(folder, below))) {
      const path = join(below, entry.name);
      if (entry.isDirectory() && depth > 0) found.push(...(await listing(folder, path, depth - 1)));
      if (entry.isFile()) found.push(await describeFile(folder, path));
    }
  } catch (error) {
    found.push({ path: join(below, '.'), problem: messageOf(error) });
  }
  return found.sort((a, b) => (a.path < b.path ? -1 : 1)).slice(0, 1_000);
}

async function describeFile(folder: string, path: string): Promise<Listed> {
  try {
    const { size, mode, mtime } = await stat(join(folder, path));
    const bits = (mode & 0o7777).toString(8);
    return { path, bytes: size, mode: bits, changed: mtime.toISOString() };
  } catch (error) {
    return { path, problem: messageOf(error) };
  }
}

async function filesIn(folder: string): Promise<string[]> {
  const entries = await entriesOf(folder);
  return entries
    .filter((entry) => entry.isFile())
    .map(({ name }) => name)
    .sort();
}

async function entriesOf(folder: string) {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    if (getErrorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

/**
 * Reads the text of a file; of a long file only its beginning or end. Bytes that are not UTF-8 become replacement
 * characters.
 */
async function fileOf({ root }: Place, path: string, keep: Item['keep']): Promise<string> {
  await using file = await open(join(root, path), 'r');
  const { size } = await file.stat();
  const position = keep === 'end' && size > LOG ? size - LOG : 0;
  const pieces: Buffer[] = [];
  for (let length = 0; length < LOG; ) {
    const { bytesRead, buffer } = await file.read(
      Buffer.alloc(64 * KIB),
      0,
      64 * KIB,
      position + length,
    );
    if (bytesRead === 0) break;
    pieces.push(buffer.subarray(0, bytesRead));
    length += bytesRead;
  }
  const text = Buffer.concat(pieces).toString('utf8');
  return position === 0 ? text : text.slice(text.indexOf('\n') + 1);
}

/** Turns a path into a name that every file system accepts. */
function safeName(path: string): string {
  const safe = path.replaceAll(/[^\w./-]+/g, '_').replaceAll('..', '_');
  return safe.length > 60 ? `${safe.slice(0, 40)}...${basename(safe).slice(-16)}` : safe;
}

const json = (value: unknown) => `${JSON.stringify(value, null, 1)}\n`;

/** Runs a command and returns its output; if its exit status is not 0, followed by that status. */
async function runCommand(
  [command = '', ...args]: readonly string[],
  signal: AbortSignal,
): Promise<string> {
  try {
    const { stdout, stderr } = await runFully(command, args, { timeout: PATIENCE, signal });
    return written(stdout, stderr);
  } catch (error) {
    if (!(error instanceof CommandError) || error.failure !== 'exit') throw error;
    return written(error.stdout, error.stderr, `exit status ${error.exitCode}`);
  }
}

function written(...texts: string[]): string {
  return texts
    .filter((text) => text !== '')
    .map((text) => `${text}\n`)
    .join('');
}
