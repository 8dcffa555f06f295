import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { findPaths, main } from '../../../tasks/command-line.ts';
import { captureOutput } from './captured-output.ts';

const output = captureOutput();

beforeEach(() => {
  vi.spyOn(console, 'log').mockImplementation((text) => {
    output.printed += `${text}\n`;
  });
});

/** Names of the commands in the help, and of the subcommands of `apk`. */
async function commands(): Promise<string[][]> {
  const words = async (args: string[], line: RegExp) => {
    output.printed = '';
    await main([...args, '--help']);
    return [...output.printed.matchAll(line)].map((match) => [...args, match[1] ?? '']);
  };
  return [
    ...(await words([], /^ {2}qx-build (\S+)/gm)),
    ...(await words(['apk'], /^ {2}qx-build apk (\S+)/gm)),
  ];
}

test('the help names every command with what it does', async () => {
  expect(await main(['--help'])).toBe(0);
  const lines = output.printed.split('\n').filter((line) => line.startsWith('  qx-build '));
  for (const line of lines) expect(line).toMatch(/^ {2}qx-build \S+( \S+){0,2} {2,}[A-Z]/);
  const known = ['iso', 'lock', 'rootfs', 'explain', 'qemu', 'doctor', 'clean', 'apk'];
  const ofApk = ['solve', 'tree', 'version', 'verify'].map((name) => ['apk', name]);
  const told = await commands();
  expect(told).toEqual(expect.arrayContaining([...known.map((name) => [name]), ...ofApk]));
});

test('the help of every command describes every option', async () => {
  const names = await commands();
  expect(names.length).toBeGreaterThan(6);
  for (const name of names) {
    output.printed = '';
    expect(await main([...name, '--help'])).toBe(0);
    const options = output.printed.split('\n').filter((line) => /^ {2}--/.test(line));
    expect(options.length).toBeGreaterThan(2);
    for (const option of options) expect(option).toMatch(/^ +--[\w-]+ {2,}[A-Z]\w*\W/);
  }
});

describe('wrong arguments end with status 2 and refer to the help', () => {
  test.each([
    [[], 'Which command?'],
    [['isso'], 'Did you mean iso?'],
    [['xyzzy-plugh'], 'Unknown argument: xyzzy-plugh.'],
    [['apk'], 'Which command of apk?'],
    [['apk', 'slove'], 'Did you mean solve?'],
    [['solve', '--world', 'w'], 'Unknown argument'],
    [['iso', '--colour'], 'Unknown argument: colour.'],
    [['iso', 'quantix-os'], 'Unknown argument: quantix-os.'],
    [['iso', '--base', 'gentoo'], 'Given: "gentoo", Choices: "auto", "alpine", "debian"'],
    [['iso', '--flavour', 'mini'], 'Given: "mini", Choices: "virt", "full"'],
    [['iso', '--output', 'a', '--output', 'b'], '--output may be given once.'],
    [['lock', '--base', 'auto', '--base', 'auto'], '--base may be given once.'],
    [['qemu', '--firmware', 'coreboot'], 'Given: "coreboot"'],
    [['qemu'], 'Which image is to boot? One of: quantix-os, qvdc.'],
    [['qemu', '--profile', 'quantix-os', '--profile', 'qvdc'], 'Which image is to boot?'],
    [['qemu', '--profile', 'qvdc', '--cpus', 'two'], '--cpus is a number, 1 or more.'],
    [['qemu', '--profile', 'qvdc', '--memory', '0'], '--memory is a number of MiB, 1 or more.'],
    [['qemu', '--profile', 'qvdc', '--name', '../x'], '--name is at most 40 of a-z'],
    [
      ['qemu', '--profile', 'qvdc', '--disk', 'data=1G', '--disk', 'data'],
      '--disk may name each disk once',
    ],
    [
      ['qemu', '--profile', 'qvdc', '--boot-chart', 'x.svg', '--disk', 'data=1G'],
      '--boot-chart cannot be combined with --disk',
    ],
    [['iso', '--jobs', '0'], '--jobs is a whole number from 1 to 1024.'],
    [['rootfs', '--jobs', 'all'], '--jobs is a whole number from 1 to 1024.'],
    [['explain', '--jobs', '1'], 'Unknown argument: jobs.'],
    [['release', '--package', 'htop'], 'Unknown argument: package.'],
    [['rootfs', '--cmdline', 'quiet'], 'Unknown argument: cmdline.'],
    [['iso', '--cmdline', 'a', '--cmdline', 'b'], '--cmdline may be given once.'],
    [['iso', '--format', 'vmdk'], 'Given: "vmdk", Choices: "iso", "raw", "qcow2"'],
    [['iso', '--arch', 'vax'], 'Given: "vax", Choices: "x86_64", "arm64"'],
  ])('%j', async (args, words) => {
    expect(await main(args)).toBe(2);
    expect(output.complained).toContain(words);
    expect(output.complained).toMatch(/^qx-build: [\s\S]* See qx-build --help\.\n$/);
    expect(output.printed).toBe('');
  });
});

test.each([
  [['--', 'explain', '--profile', 'nope']],
  [['--verbose', '--', 'explain', '--profile', 'nope']],
])('a -- before the command changes nothing: %j', async (args) => {
  expect(await main(args)).toBe(1);
  expect(output.complained).toContain('there is no profile "nope"');
});

test('a -- alone is not a command', async () => {
  expect(await main(['--'])).toBe(2);
  expect(output.complained).toContain('Which command?');
});

test('an explained error ends with status 1, and has a stack trace only with --verbose', async () => {
  expect(await main(['explain', '--profile', 'nope'])).toBe(1);
  expect(output.complained).toMatch(/^qx-build: there is no profile "nope" .*\n$/);
  output.complained = '';
  expect(await main(['explain', '--profile', 'nope', '--verbose'])).toBe(1);
  expect(output.complained).toMatch(
    /^qx-build: there is no profile "nope" .*\nBuildError: [\s\S]*\n {4}at /,
  );
});

test('the command line of a failed tool is shown with --verbose', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'quantix-command-line-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const image = join(folder, 'cut off.qcow2');
  // Only the first bytes of a qcow2 (docs/interop/qcow2.txt of QEMU).
  await writeFile(image, Buffer.from('514649fb', 'hex'));
  expect(await main(['diff', image, image])).toBe(2);
  expect(output.complained).toMatch(/^qx-build: qemu-img exited with 1: .*\n$/);
  output.complained = '';
  expect(await main(['diff', image, image, '--verbose'])).toBe(2);
  expect(output.complained).toMatch(/\nCommand: qemu-img .*'[^']*cut off\.qcow2'.*\n/);
});

test('with --json an error is an event', async () => {
  expect(await main(['explain', '--profile', 'nope', '--json'])).toBe(1);
  const event = JSON.parse(output.printed);
  expect(event).toMatchObject({ event: 'error' });
  expect(event.message).toContain('there is no profile "nope"');
});

test('listeners that a command adds are removed after it', async () => {
  const before = process.listenerCount('SIGINT') + process.listenerCount('SIGTERM');
  await main(['isso']);
  expect(process.listenerCount('SIGINT') + process.listenerCount('SIGTERM')).toBe(before);
});

describe('the paths in a command line are found without running the command', () => {
  test.each([
    ['iso', [], ['dist']],
    [
      'iso --output=/srv/isos --keys-dir keys --mirror file:///stick',
      ['/stick', 'keys'],
      ['/srv/isos'],
    ],
    ['lock --mirror http://mirror', [], []],
    ['lock --profile ../mine/a.ts', ['../mine'], ['../mine']],
    ['iso --profile ../mine/a.ts --profile qvdc', ['../mine'], ['dist']],
    ['mirror --key site.rsa --output /stick', ['site.rsa'], ['/stick']],
    ['config-drive --profile qvdc --psk-file p --network a.conf x/y.img', ['a.conf', 'p'], ['x']],
    ['apk tree --arch x --keys-dir k --repository r --repository http://x -- a', ['k', 'r'], []],
    ['key new --passphrase-file p x/release.key', ['p'], ['x']],
    ['release-tree --key k a.iso --output u', ['a.iso', 'a.iso.manifest.json', 'k'], ['u']],
    ['iso --release-keys k', ['k'], ['dist']],
    ['diff a b', ['a', 'a.manifest.json', 'b', 'b.manifest.json'], []],
    ['apk solve --world w --installed i --repo @edge=f -- add a', ['w', 'i', 'f'], []],
    ['apk verify --keys-dir k a.apk b.apk', ['k', 'a.apk', 'b.apk'], []],
    ['apk verify', [], []],
    ['iso --cache-dir /srv/cache', [], ['dist', '/srv/cache']],
    ['lock --cache-dir c --profile x/y.ts', ['x'], ['c', 'x']],
    ['apk tree --arch x --keys-dir k --repository http://x --cache-dir c -- a', ['k'], ['c']],
    ['cache list --cache-dir c', [], ['c']],
    ['iso --output', [], ['dist']],
    ['iso --no-such-option --output o', [], ['o']],
    ['mirror', [], []],
    ['nonsense', [], []],
    ['iso --help', [], ['dist']],
  ])('%s', async (line, reads, writes) => {
    expect(await findPaths(line.split(' '))).toEqual({ reads, writes });
    expect(output.complained).toBe('');
  });
});
