import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { findFreePort } from '../../tasks/control-plane/free-port.ts';
import { PROJECT } from '../vm/build-images.ts';
import { openWorkshop } from './workshop.ts';

/** A block of the page: the text of a file if it has a path after its kind, else commands or an illustration. */
const BLOCK = /^```(?<kind>ts|sh|text)(?: (?<path>\S+))?\n(?<text>[\s\S]*?)^```$/gm;

/** Milliseconds for resolving and building on a machine that may be busy with guests. */
const TIME = 600_000;

test('an appliance made by docs/your-own-appliance.md in a folder outside the project boots and serves its page', {
  timeout: TIME,
}, async () => {
  await using workshop = await openWorkshop({ within: 'desk' });
  const desk = dirname(workshop.directory);
  await symlink(workshop.directory, join(desk, 'quantix'));
  const folder = join(desk, 'hello');
  await mkdir(folder);
  const env = { QUANTIX_CACHE: workshop.cache.root };
  const port = await findFreePort();
  const page = await readFile(join(PROJECT, 'docs/your-own-appliance.md'), 'utf8');
  for (const { groups = {} } of page.matchAll(BLOCK)) {
    const { kind, path, text = '' } = groups;
    if (path !== undefined) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), text);
    } else if (kind === 'sh') {
      // `timeout` also ends background processes. The page's port may be in use on this host.
      const script = text.replaceAll('8080', String(port));
      await execa('timeout', ['540', 'sh', '-e', '-c', script], { cwd: folder, env });
    }
  }
  expect(await readFile(join(folder, 'page.txt'), 'utf8')).toBe('Hello from my appliance\n');
  // The messages of the boot contain the name of this appliance.
  const output = await readFile(join(folder, 'console.log'), 'utf8');
  expect(output).toMatch(/hello: root \d+\.\d+/);
  expect(output).not.toMatch(/quantix[.:]/);
  expect(await readdir(folder)).toContain('hello.debian.x86_64.lock.json');
  const made = await readdir(join(folder, 'dist'));
  const [iso = ''] = made.filter((name) => name.endsWith('.iso'));
  expect(iso).toMatch(/^hello-.*-debian-x86_64-virt-dev\.iso$/);
  const tar = iso.replace(/\.iso$/, '-rootfs.tar');
  const { stdout } = await execa('tar', ['-tvf', tar, 'srv/www/index.html'], {
    cwd: join(folder, 'dist'),
  });
  expect(stdout).toMatch(/^-rw-r----- 200\/200 +24 /);
});
