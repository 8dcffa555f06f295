import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { computeCpioSize } from '../../../build/image/cpio.ts';
import { formatIpxeScript, type NetbootSet, writeNetboot } from '../../../build/image/netboot.ts';
import { temporaryFolder } from '../folder.ts';
import { PROJECT } from '../profile/profiles.ts';

const PARAMETERS = ['console=ttyS0,115200', 'quiet', 'quantix.build=0123'];

async function setIn(folder: string): Promise<NetbootSet> {
  const files = { kernel: 'linux', initramfs: 'first', system: 'squashfs'.repeat(1000), tree: 'T' };
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  const paths = Object.keys(files).map((name) => [name, join(folder, name)]);
  return {
    ...{ kernel: '', initramfs: '', system: '', tree: '', ...Object.fromEntries(paths) },
    init: await readFile(join(PROJECT, 'overlay/netboot/netboot-init')),
    ...{ namespace: 'hello', title: 'QvDC 0.1.0', parameters: PARAMETERS, epoch: 1_700_000_000 },
  };
}

test('the unpacked tar has all files that the script names, and the second initramfs has the system', async () => {
  const folder = await temporaryFolder();
  const set = await setIn(folder);
  const tar = join(folder, 'x-netboot.tar');
  const told = await writeNetboot(tar, set);
  expect(told).toBe(
    createHash('sha256')
      .update(await readFile(tar))
      .digest('hex'),
  );
  expect(await writeNetboot(join(folder, 'again.tar'), set)).toBe(told);
  const server = join(folder, 'server');
  const root = join(folder, 'root');
  await mkdir(server);
  await mkdir(root);
  await execa('tar', ['-xf', tar, '-C', server]);
  const script = await readFile(join(server, 'boot.ipxe'), 'utf8');
  const named = [...script.matchAll(/^(?:kernel|initrd) (\S+)/gm)].map(([, name]) => name ?? '');
  expect(named).toEqual(['vmlinuz', 'initramfs', 'medium.cpio']);
  for (const name of named) expect((await readFile(join(server, name))).length).toBeGreaterThan(0);
  await execa('/bin/busybox', ['cpio', '-i'], {
    cwd: root,
    input: await readFile(join(server, 'medium.cpio')),
  });
  const system = await readFile(join(root, 'medium/hello/system.squashfs'), 'utf8');
  expect(system).toBe(await readFile(set.system, 'utf8'));
  expect(await readFile(join(root, 'medium/hello/system.verity'), 'utf8')).toBe('T');
  expect((await execa('stat', ['-c', '%A', join(root, 'netboot-init')])).stdout).toBe('-rwxr-xr-x');
});

test('a system that is too large for an initramfs is refused before anything is written', () => {
  const system = (size: number) => [{ path: 's', mode: 0o644, content: { file: 's', size } }];
  expect(computeCpioSize(system(2 ** 32 - 4))).toBeGreaterThan(2 ** 32);
  expect(() => computeCpioSize(system(2 ** 32))).toThrow(
    /s has 4294967296 bytes, .* less than 4 GiB/,
  );
});

test('the kernel gets the program to start, its initramfs, and its usual parameters', () => {
  const script = formatIpxeScript({ title: 'QvDC 0.1.0 $x&&y', parameters: PARAMETERS });
  expect(script.split('\n')).toEqual([
    '#!ipxe',
    'echo QvDC 0.1.0  x  y',
    `kernel vmlinuz initrd=initramfs initrd=medium.cpio rdinit=/netboot-init ${PARAMETERS.join(' ')}`,
    'initrd initramfs',
    'initrd medium.cpio',
    'boot',
    '',
  ]);
});

test.each(['a=$b', 'a="b c"', 'a;b', 'x&&y', '#x'])(
  'a parameter that iPXE reads itself is refused: %s',
  (one) => {
    expect(() => formatIpxeScript({ title: '', parameters: [one] })).toThrow('would not pass');
  },
);

/** Runs netboot-init with stand-ins for init's functions, which print their calls. @returns the output */
async function start(system: 'sound' | 'damaged'): Promise<string> {
  const folder = await temporaryFolder();
  const init = join(folder, 'init');
  await writeFile(
    init,
    `MEDIUM=/medium\nload_drivers() { echo drivers; }\nopen_system() { ${system === 'sound'}; }\n` +
      'say() { echo "say $*"; }\nmount() { echo "mount $*"; }\n' +
      `main() { toram=yes; if find_medium; then echo "found, toram=$toram"; else echo none; fi; }\n` +
      '[ -n "$INIT_LIBRARY" ] || main\n',
  );
  const text = await readFile(join(PROJECT, 'overlay/netboot/netboot-init'), 'utf8');
  const script = text.replace('. /init', `. ${init}`);
  const { stdout } = await execa('/bin/busybox', ['sh', '-eu', '-c', script]);
  return stdout;
}

test('the system in memory is opened, not looked for elsewhere, and not copied to memory again', async () => {
  expect((await start('sound')).split('\n')).toEqual([
    ...['drivers', 'mount -o bind /medium /medium', 'found, toram='],
  ]);
});

test('a system that does not belong to the initramfs is reported, and not started', async () => {
  expect(await start('damaged')).toContain('is another one or damaged\nnone');
});
