import { appendFile, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { execa } from 'execa';
import { beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { addHello } from './hello.ts';
import { stepsDone } from './stages.ts';
import { type Outcome, openWorkshop, type Workshop } from './workshop.ts';

const PROJECT = resolve(import.meta.dirname, '../..');
const ISO = ['iso', '--json', '--profile', 'qvdc'];

let workshop: Workshop;
let firstBuild: Outcome;

beforeAll(async () => {
  workshop = await openWorkshop();
  await addHello(workshop.directory);
  firstBuild = await workshop.run(ISO);
  return () => workshop[Symbol.asyncDispose]();
});

/** Extracts the executable from the squashfs in a workshop's cache. */
async function executableOf({ cache, directory }: Workshop): Promise<string> {
  const { stdout } = await execa('find', [cache.steps, '-name', 'system.squashfs']);
  const [squashfs = ''] = stdout.split('\n');
  const target = join(directory, 'root');
  await rm(target, { recursive: true, force: true });
  const paths = ['usr/lib/quantix/qx', 'usr/sbin/qx-hello'];
  await execa('unsquashfs', ['-quiet', '-no-progress', '-dest', target, squashfs, ...paths]);
  return join(target, 'usr/lib/quantix/qx');
}

test('the image has the executable, and a link by which its program runs', async () => {
  expect(firstBuild.exitCode, firstBuild.stderr).toBe(0);
  const executable = await executableOf(workshop);
  const link = join(workshop.directory, 'root/usr/sbin/qx-hello');
  const ran = await execa(link, ['world'], { reject: false });
  expect(ran).toMatchObject({ stdout: 'hello world', stderr: '', exitCode: 3 });
  const unknown = await execa(executable, ['qx-nothing'], { reject: false });
  expect(unknown.exitCode).toBe(2);
  expect(unknown.stderr).toMatch(/there is no program "qx-nothing".*programs: .*qx-hello/s);
});

const billSchema = z.object({
  components: z.array(z.object({ name: z.string(), version: z.string(), type: z.string() })),
});

test('Node and the npm packages in the executable are in the bill of materials, others are not', async () => {
  const bill = await readFile(`${firstBuild.built.get('qvdc')?.file}.cdx.json`, 'utf8');
  const components = billSchema.parse(JSON.parse(bill)).components;
  const names = components.map(({ name }) => name);
  expect(names).toEqual(expect.arrayContaining(['node', 'zod']));
  expect(names).not.toContain('yargs');
});

test('the command of docs/image-documents.md writes the licences, with their texts, of everything in the image', async () => {
  const documents = await readFile(join(PROJECT, 'docs/image-documents.md'), 'utf8');
  const command =
    /^```sh of licenses\nnpm run -s qx-build -- (.*)\n```$/m.exec(documents)?.[1] ?? '';
  const told = await workshop.run(command.split(' '));
  expect(told.exitCode, told.stderr).toBe(0);
  const text = await readFile(`${firstBuild.built.get('qvdc')?.file}.licenses.txt`, 'utf8');
  expect(text).toMatch(/^bash \S+: .*text \d+(?:, \d+)*$/m);
  expect(text).toMatch(/^node \S+: MIT, text \d+$/m);
  expect(text).toMatch(/^zod \S+: MIT, text \d+$/m);
  expect(text).toMatch(/^Text \d+: \/usr\/share\/doc\//m);
  expect(text).toContain('GNU GENERAL PUBLIC LICENSE');
  expect(text).toContain('Nothing: each part has a text of its licence.');
});

test('after a change of a program only compilation and compression run again', async () => {
  await appendFile(join(workshop.directory, 'apps/hello/main.ts'), '// changed\n');
  const { stdout } = await workshop.run(['explain', '--profile', 'qvdc']);
  expect(stdout).toContain('qvdc sea: runs\n  source apps/hello/main.ts: ');
  expect(stdout).toContain('qvdc initramfs: stays');
  const again = await workshop.run(ISO);
  expect(again.exitCode, again.stderr).toBe(0);
  expect(stepsDone(again)).toEqual([
    'boot-loader',
    'documents',
    'iso',
    'sea',
    'squashfs',
    'verity',
  ]);
});

test('a change outside the programs does not compile them again', async () => {
  await writeFile(join(workshop.directory, 'overlay/qvdc/etc/motd'), 'changed\n');
  expect(stepsDone(await workshop.run(ISO))).not.toContain('sea');
  await appendFile(join(workshop.directory, 'build/image/esp.ts'), '\n// changed\n');
  expect(stepsDone(await workshop.run(ISO))).not.toContain('sea');
});

test('a rootfs tar has the programs too', async () => {
  const { exitCode, stderr } = await workshop.run(['rootfs', '--profile', 'qvdc']);
  expect(exitCode, stderr).toBe(0);
  const paths = ['usr/lib/quantix/qx', 'usr/sbin/qx-hello'];
  const { stdout } = await execa('tar', ['-tvf', await rootfsTar(workshop), ...paths]);
  expect(stdout).toMatch(/^-rwxr-xr-x 0\/0 .* usr\/lib\/quantix\/qx$/m);
  expect(stdout).toMatch(/usr\/sbin\/qx-hello -> \.\.\/lib\/quantix\/qx$/m);
});

async function rootfsTar({ directory }: Workshop): Promise<string> {
  const { stdout } = await execa('find', [join(directory, 'dist'), '-name', '*-rootfs.tar']);
  return stdout;
}

test('a mistake in a program is reported with its file and line', async () => {
  await writeFile(join(workshop.directory, 'apps/hello/main.ts'), "import './nowhere.ts';\n");
  const { exitCode, stderr } = await workshop.run(ISO);
  expect(exitCode).toBe(1);
  expect(stderr).toMatch(/cannot be bundled: .*nowhere\.ts.*\(apps\/hello\/main\.ts:1\)/);
});
