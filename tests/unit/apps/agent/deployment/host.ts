import { createHash, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DeploymentPlaces } from '../../../../../apps/agent/deployment/places.ts';
import { seal } from '../../../../../build/release/envelope.ts';
import { PROGRAM_TYPE, type ProgramRelease } from '../../../../../build/release/program.ts';
import { temporaryFolder } from '../../../folder.ts';
import { placesIn } from './places.ts';

export const BUILD = '0123456789abcdef';

/** A key pair for releases. All tests share it, because making one takes a moment. */
export const KEYS = generateKeyPairSync('ed25519');

/** A host with an image, a configuration disk and a data disk, which are all simulated in a folder. */
export interface Host {
  root: string;
  places: DeploymentPlaces;
}

/**
 * Makes a host on which this process supervises the service of the agent.
 * @param root its folder; by default, one that is removed after the test
 */
export async function makeHost(root?: string): Promise<Host> {
  return await makeHostIn(root ?? (await temporaryFolder()));
}

async function makeHostIn(root: string): Promise<Host> {
  const places = placesIn(root);
  for (const folder of ['etc', 'proc/self', 'proc/sys/kernel/random', 'data', 'bin']) {
    await mkdir(join(root, folder), { recursive: true });
  }
  for (const folder of [places.keys, places.run]) await mkdir(folder, { recursive: true });
  await write(
    root,
    'etc/os-release',
    'ID="quantix-os"\nVERSION_ID="0.1.0"\nQUANTIX_BASE="debian"\n',
  );
  await boot({ root, places }, { build: BUILD, id: 'boot-1' });
  const mounts = ['data', 'quantix'].map(
    (name) => `1 1 8:1 / ${join(root, name)} rw - ext4 /dev/sda1 rw\n`,
  );
  await write(root, 'proc/self/mountinfo', mounts.join(''));
  await write(root, 'run/qx-node.pid', `${process.pid}\n`);
  await trust({ root, places }, KEYS.publicKey);
  return { root, places };
}

/** Adds a key to those that the image trusts. */
export async function trust({ places }: Host, key: KeyObject, name = 'release'): Promise<void> {
  const pem = key.export({ type: 'spki', format: 'pem' });
  await writeFile(join(places.keys, `${name}.pem`), pem);
}

/** Boots an image. */
export async function boot(
  { root }: Host,
  { build, id }: { build: string; id: string },
): Promise<void> {
  await write(root, 'proc/cmdline', `quiet quantix.build=${build} quantix.slot=a\n`);
  await write(root, 'proc/sys/kernel/random/boot_id', `${id}\n`);
}

async function write(root: string, file: string, text: string): Promise<void> {
  await writeFile(join(root, file), text);
}

/** Parts of an agent's file. */
export interface AgentFileParts {
  program?: string;
  says?: Partial<ProgramRelease>;
  key?: KeyObject;
}

/** A program that prints its version and does nothing else. */
export const idle = (version: string) => `#!/bin/sh\n[ "$1" != --version ] || echo ${version}\n`;

/** An agent's file. */
export function agentFile({ says = {}, ...parts }: AgentFileParts = {}): Buffer {
  const { version = '0.2.0' } = says;
  const { program = idle(version), key = KEYS.privateKey } = parts;
  const release: ProgramRelease = {
    format: 1,
    product: 'quantix-os',
    program: 'qx-node',
    version,
    architecture: process.arch === 'x64' ? 'x86_64' : 'arm64',
    base: 'debian',
    serial: 2,
    floor: 0,
    issued: '2026-01-01T00:00:00Z',
    expires: '2099-01-01T00:00:00Z',
    bytes: Buffer.byteLength(program),
    sha256: createHash('sha256').update(program).digest('hex'),
    ...says,
  };
  const head = seal(PROGRAM_TYPE, Buffer.from(JSON.stringify(release)), [key]);
  return Buffer.concat([Buffer.from(head), Buffer.from(program)]);
}

/** Writes an agent's file. @returns its path */
export async function writeAgent(host: Host, bytes: Buffer, name = 'new.agent'): Promise<string> {
  const file = join(host.root, name);
  await writeFile(file, bytes);
  return file;
}
