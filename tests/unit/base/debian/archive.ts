import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { execa } from 'execa';

/** A temporary key that signs archives. */
export interface SigningKey extends AsyncDisposable {
  /** Path of the keyring with its public half. */
  keyring: string;
  clearsign(text: string): Promise<string>;
  /** Returns the signature alone. */
  detach(text: string): Promise<string>;
}

/** Makes a key with `gpg`. */
export async function makeKey({ expires = 'never' } = {}): Promise<SigningKey> {
  const home = await mkdtemp(join(tmpdir(), 'quantix-key-'));
  const gpg = async (args: readonly string[], input = '') => {
    const all = ['--homedir', home, '--batch', '--passphrase', '', '--pinentry-mode', 'loopback'];
    return execa('gpg', [...all, ...args], { input, encoding: 'buffer', stripFinalNewline: false });
  };
  await gpg(['--quick-generate-key', 'Tester <test@example.invalid>', 'ed25519', 'sign', expires]);
  const keyring = join(home, 'archive.gpg');
  await writeFile(keyring, (await gpg(['--export'])).stdout);
  const text = (output: Uint8Array) => Buffer.from(output).toString();
  return {
    keyring,
    [Symbol.asyncDispose]: async () => {
      await execa('gpgconf', ['--homedir', home, '--kill', 'all']);
      await rm(home, { recursive: true, force: true });
    },
    clearsign: async (message) => text((await gpg(['--clearsign'], message)).stdout),
    detach: async (message) => text((await gpg(['--armor', '--detach-sign'], message)).stdout),
  };
}

/** Fields of a package in an archive, in addition to those that all packages have. */
export type Fields = Readonly<Record<string, string>>;

export interface ArchiveOptions {
  /** Key that signs the archive; unsigned if absent. */
  key?: SigningKey | undefined;
  /** Whether the signature is in a separate file. */
  detached?: boolean;
  origin?: string;
  date?: Date;
  validUntil?: Date;
  /** Name of a package → its fields. */
  packages?: Readonly<Record<string, Fields>>;
}

/** Packages of all archives of these tests: two kernels, and a program that recommends another one. */
export const PACKAGES: Readonly<Record<string, Fields>> = {
  bash: { Version: '5.2', Depends: 'libc6', Recommends: 'completion' },
  completion: { Version: '1' },
  libc6: { Version: '2.36' },
  linux: { Version: '6.1' },
  'linux-cloud': { Version: '6.1' },
};

/**
 * Writes an archive in Debian's layout with a release and its updates, and another one with its security fixes.
 * @returns its address
 */
export async function writeArchive(
  folder: string,
  release: string,
  { packages = PACKAGES, ...options }: ArchiveOptions,
): Promise<string> {
  const main = join(folder, 'debian');
  await writeSuite(main, release, { ...options, packages });
  await writeSuite(main, `${release}-updates`, { ...options, packages: {} });
  await writeSuite(`${main}-security`, `${release}-security`, { ...options, packages: {} });
  return pathToFileURL(main).href;
}

/** Writes one suite of an archive. */
export async function writeSuite(
  archive: string,
  suite: string,
  {
    key,
    detached = false,
    origin = 'Debian',
    date = new Date(),
    validUntil,
    packages = PACKAGES,
  }: ArchiveOptions,
): Promise<void> {
  const index = Object.entries(packages).map(stanzaOf).join('\n');
  const sha256 = createHash('sha256').update(index).digest('hex');
  const text = [
    `Origin: ${origin}`,
    `Suite: ${suite}`,
    `Codename: ${suite}`,
    `Date: ${date.toUTCString().replace('GMT', 'UTC')}`,
    ...(validUntil ? [`Valid-Until: ${validUntil.toUTCString().replace('GMT', 'UTC')}`] : []),
    'Architectures: amd64',
    'Components: main',
    'SHA256:',
    ` ${sha256} ${Buffer.byteLength(index)} main/binary-amd64/Packages`,
    '',
  ].join('\n');
  const files = new Map([[`main/binary-amd64/Packages`, index]]);
  if (key === undefined || detached) files.set('Release', text);
  else files.set('InRelease', await key.clearsign(text));
  if (key !== undefined && detached) files.set('Release.gpg', await key.detach(text));
  for (const [name, content] of files) {
    const path = join(archive, 'dists', suite, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
  }
}

function stanzaOf([name, fields]: [string, Fields]): string {
  const all: Fields = {
    Package: name,
    Architecture: 'amd64',
    Maintainer: 'nobody',
    Filename: `pool/main/${name}_${fields.Version}_amd64.deb`,
    Size: '1000',
    SHA256: createHash('sha256')
      .update(JSON.stringify([name, fields]))
      .digest('hex'),
    Description: name,
    ...fields,
  };
  return Object.entries(all)
    .map(([key, value]) => `${key}: ${value}\n`)
    .join('');
}
