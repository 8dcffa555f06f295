import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { chmod, copyFile, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { execa } from 'execa';
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { isEncrypted, readTrustedKeys } from '../../../build/release/keys.ts';
import { verifyRelease } from '../../../build/release/sign.ts';
import { main } from '../../../tasks/command-line.ts';
import { temporaryFolder } from '../folder.ts';
import { PROJECT } from '../profile/profiles.ts';
import { captureOutput } from './captured-output.ts';

const output = captureOutput();
let folder = '';
const at = (name: string) => join(folder, name);

beforeEach(async () => {
  folder = await temporaryFolder();
});

/**
 * Creates an ISO that trusts some release keys, with its manifest, as `qx-build iso` does.
 * @param owner SHA-256 of the certificate of the owner whose key signed the boot files
 */
async function built(
  name: string,
  version: string,
  releaseKeys: readonly string[] = [],
  owner?: string,
) {
  const bytes = Buffer.from(`${name} ${version} `.repeat(1000));
  const file = at(`${name}-${version}.iso`);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const manifest = {
    ...{ format: 1, profile: name, version, base: 'debian', architecture: 'x86_64' },
    ...{ buildId: '0123456789abcdef', iso: { sha256 }, inputs: { releaseKeys, owner } },
  };
  await writeFile(file, bytes);
  await writeFile(`${file}.manifest.json`, JSON.stringify(manifest));
  return { file, bytes, sha256 };
}

/** Creates a key without a passphrase, and adds its public key to a folder of trusted keys. */
async function newKey() {
  expect(await main(['key', 'new', at('release.key'), '--plain'])).toBe(0);
  await mkdir(at('keys'));
  await copyFile(at('release.pem'), at('keys/2026.pem'));
  const [key] = await readTrustedKeys(at('keys'));
  return { file: at('release.key'), id: key?.id ?? '' };
}

describe('qx-build key', () => {
  test('makes a pair; only the owner can read the private key', async () => {
    const { id } = await newKey();
    expect(output.printed).toContain(`release.pem: the public key\n-----BEGIN PUBLIC KEY-----`);
    expect((await stat(at('release.key'))).mode & 0o777).toBe(0o600);
    expect(isEncrypted(await readFile(at('release.key'), 'utf8'))).toBe(false);
    for (const file of ['release.key', 'release.pem']) {
      output.printed = '';
      expect(await main(['key', 'show', at(file)])).toBe(0);
      expect(output.printed).toContain(
        `${await readFile(at('release.pem'), 'utf8')}SHA-256 ${id}\n`,
      );
    }
  });

  test('encrypts the private key with a passphrase from a file', async () => {
    await writeFile(at('word'), 'correct horse\n');
    const words = ['key', 'new', at('a.key'), '--passphrase-file', at('word')];
    expect(await main(words)).toBe(0);
    expect(isEncrypted(await readFile(at('a.key'), 'utf8'))).toBe(true);
    expect(await main(['key', 'show', at('a.key'), '--passphrase-file', at('word')])).toBe(0);
    expect(output.printed).toContain(await readFile(at('a.pem'), 'utf8'));
    await writeFile(at('word'), 'wrong\n');
    expect(await main(['key', 'show', at('a.key'), '--passphrase-file', at('word')])).toBe(1);
    expect(output.complained).toContain(`the passphrase does not open the key (${at('a.key')})`);
  });

  test('has no option for the passphrase itself', async () => {
    expect(await main(['key', 'new', at('a.key'), '--passphrase', 'secret'])).toBe(2);
  });

  test.each([
    [['key', 'new', 'release.key', '--plain'], 'there is a file already'],
    [['key', 'new', 'other', '--plain'], 'the name of a private key ends in .key'],
    [['key', 'new', 'other.key', '--passphrase-file', 'nothing'], 'the passphrase cannot be read'],
    [['key', 'new', 'other.key', '--passphrase-file', 'empty'], 'the passphrase is empty'],
    [['key', 'show', 'nothing'], 'the key cannot be read'],
    [['key', 'show', 'empty'], 'not one public key'],
    [['key', 'show', 'rsa'], 'a key of the kind "ssh-rsa", not ssh-ed25519'],
  ])('%j is refused', async ([command = '', action = '', file = '', ...options], why) => {
    await newKey();
    await writeFile(at('empty'), '');
    await writeFile(at('rsa'), 'ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAAQ== who\n');
    const words = options.map((word) => (word.startsWith('--') ? word : at(word)));
    expect(await main([command, action, at(file), ...words])).toBe(1);
    expect(output.complained).toContain(why);
  });
});

test('a key whose public key would replace another one leaves no private key behind', async () => {
  await newKey();
  await rm(at('release.key'));
  expect(await main(['key', 'new', at('release.key'), '--plain'])).toBe(1);
  expect(output.complained).toContain(`there is a file already (${at('release.pem')})`);
  expect(await readdir(folder)).toEqual(['keys', 'release.pem']);
});

describe('qx-build release-tree', () => {
  test('makes a tree that any web server can serve, in ranges too', async () => {
    const key = await newKey();
    const os = await built('quantix-os', '0.2.0', [key.id]);
    const vdc = await built('qvdc', '0.2.0', [key.id]);
    const words = ['release-tree', '--key', key.file, '--output', at('updates')];
    expect(await main([...words, os.file, vdc.file])).toBe(0);
    expect(output.printed).toContain(
      'qvdc/stable/x86_64/release.json: qvdc 0.2.0, serial 1, until 20',
    );
    expect(output.printed).not.toContain('Warning');
    const root = await serve(at('updates'));
    const text = await (await fetch(`${root}/quantix-os/stable/x86_64/release.json`)).text();
    const release = verifyRelease(text, await readTrustedKeys(at('keys')));
    expect(release.image).toMatchObject({ sha256: os.sha256, bytes: os.bytes.length });
    const image = `${root}/${release.image.path}`;
    expect(Buffer.from(await (await fetch(image)).arrayBuffer())).toEqual(os.bytes);
    const rest = await fetch(image, { headers: { range: 'bytes=5000-' } });
    expect(rest.status).toBe(206);
    expect(Buffer.from(await rest.arrayBuffer())).toEqual(os.bytes.subarray(5000));
  });

  test('records whose key signed the boot files, which an installed disk checks', async () => {
    const key = await newKey();
    const owner = 'c'.repeat(64);
    const os = await built('quantix-os', '0.2.0', [key.id], owner);
    const vdc = await built('qvdc', '0.2.0', [key.id]);
    const words = ['release-tree', '--key', key.file, '--output', at('u')];
    expect(await main([...words, os.file, vdc.file])).toBe(0);
    const keys = await readTrustedKeys(at('keys'));
    const read = async (product: string) =>
      verifyRelease(await readFile(at(`u/${product}/stable/x86_64/release.json`), 'utf8'), keys);
    expect((await read('quantix-os')).owner).toBe(owner);
    expect(await read('qvdc')).not.toHaveProperty('owner');
  });

  test('gives two images that are published at the same time different serials', async () => {
    const key = await newKey();
    const versions = ['0.2.0', '0.2.1', '0.2.2', '0.2.3'];
    const images = await Promise.all(
      versions.map((version) => built('quantix-os', version, [key.id])),
    );
    const words = ['release-tree', '--key', key.file, '--output', at('u')];
    const results = await Promise.all(images.map(({ file }) => main([...words, file])));
    expect(results).toEqual(versions.map(() => 0));
    const serials = [...output.printed.matchAll(/serial (\d+)/g)].map(([, serial]) => serial);
    expect(serials.toSorted()).toEqual(['1', '2', '3', '4']);
    expect((await readdir(at('u'))).toSorted()).toEqual(['images', 'quantix-os']);
  });

  test('warns of images that do not trust this key', async () => {
    const key = await newKey();
    const { file } = await built('quantix-os', '0.2.0');
    expect(await main(['release-tree', '--key', key.file, '--output', at('u'), file])).toBe(0);
    expect(output.printed).toMatch(
      /Warning: .* was built with no key for releases: .*RELEASE_KEYS=FOLDER/,
    );
  });

  test('refuses two images for one update line, images without a manifest, and other files', async () => {
    const key = await newKey();
    const { file } = await built('quantix-os', '0.2.0');
    const newer = await built('quantix-os', '0.3.0');
    const words = ['release-tree', '--key', key.file, '--output', at('u')];
    expect(await main([...words, file, newer.file])).toBe(1);
    expect(output.complained).toContain('both would be the release of quantix-os for x86_64');
    expect(await main([...words, at('nothing.iso')])).toBe(1);
    expect(output.complained).toContain('the manifest cannot be read');
    expect(await main([...words, at('release.key')])).toBe(1);
    expect(output.complained).toContain('an update is an ISO');
    const manifest = JSON.parse(await readFile(`${file}.manifest.json`, 'utf8'));
    const added = { packages: ['htop'], cmdline: [] };
    await writeFile(`${file}.manifest.json`, JSON.stringify({ ...manifest, added }));
    expect(await main([...words, file])).toBe(1);
    expect(output.complained).toContain('this image is not of its lock');
    await writeFile(`${file}.manifest.json`, '{}');
    expect(await main([...words, file])).toBe(1);
    expect(output.complained).toContain('this is not a manifest of this version');
    await expect(stat(at('u'))).rejects.toThrow(/ENOENT/);
  });
});

/** Serves a folder with busybox's web server. @returns its address */
async function serve(directory: string): Promise<string> {
  const port = await freePort();
  await chmod(directory, 0o755);
  const words = ['httpd', '-f', '-p', `127.0.0.1:${port}`, '-h', directory];
  const server = spawn('busybox', words, { stdio: 'ignore' });
  onTestFinished(async () => {
    server.kill();
    await once(server, 'exit');
  });
  const root = `http://127.0.0.1:${port}`;
  await vi.waitFor(() => fetch(root), { timeout: 30_000, interval: 20 });
  return root;
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

test('the commands of docs/releasing.md work', async () => {
  const text = await readFile(join(PROJECT, 'docs/releasing.md'), 'utf8');
  const blocks = [...text.matchAll(/^```sh(?: of the builder)?\n([\s\S]*?)^```/gm)].map(
    ([, lines]) => lines ?? '',
  );
  expect(blocks).toHaveLength(3);
  const [release = '', keys = '', images = ''] = blocks;
  await writeFile(at('passphrase'), 'correct horse\n');
  const npm = `npm() { shift 3; '${process.execPath}' '${PROJECT}/tasks/qx-build.ts' "$@"; }`;
  const { stdout } = await execa('bash', ['-euc', `${npm}\n${keys}`], { cwd: folder });
  const [key] = await readTrustedKeys(at('release-keys'));
  expect(stdout).toContain(`SHA-256 ${key?.id}`);
  const { stdout: told } = await execa(
    'bash',
    ['-euc', `make() { command make -n "$@"; }\n${release}${images}`],
    {
      cwd: PROJECT,
    },
  );
  const run = told.replaceAll(/[\\\s]+/g, ' ');
  expect(run).toContain('ts release --base auto --release-keys release-keys --key release.key');
  expect(run).toContain('iso --base auto --release --release-keys release-keys');
  expect(run).toContain('release-tree --key release.key dist/*.iso');
});
