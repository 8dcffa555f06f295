import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { writeRootfsFormats } from '../../../build/image/rootfs-formats.ts';
import { ContentReader } from '../../../build/tree/content.ts';
import { Tree } from '../../../build/tree/tree.ts';
import { temporaryFolder } from '../folder.ts';

const IMAGE = {
  ...{ name: 'qvdc', title: 'QvDC', version: '0.1.0', architecture: 'amd64', init: '/sbin/init' },
  epoch: 1_700_000_000,
};

/** A root filesystem with one file that is larger than a chunk of the tar. */
function system(reader: ContentReader): Tree {
  const tree = new Tree(reader);
  const owned = { uid: 0, gid: 0, origin: 'a test' };
  const bytes = Buffer.alloc(3 * 1024 * 1024, 'a program ');
  const content = { in: 'memory', bytes } as const;
  tree.add({ ...owned, path: 'sbin', type: 'directory', mode: 0o755 });
  tree.add({ ...owned, path: 'sbin/init', type: 'file', mode: 0o755, size: bytes.length, content });
  return tree;
}

async function write(...names: ('rootfs' | 'oci')[]) {
  const folder = await temporaryFolder();
  using reader = new ContentReader();
  const paths = Object.fromEntries(names.map((name) => [name, join(folder, `${name}.tar`)]));
  const told = await writeRootfsFormats({ tree: system(reader), paths, image: IMAGE });
  return { folder, told };
}

async function digest(file: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(file))
    .digest('hex');
}

test('the layer of the OCI image is the tar, and both have the reported digests', async () => {
  const { folder, told } = await write('rootfs', 'oci');
  const [tar, archive] = [join(folder, 'rootfs.tar'), join(folder, 'oci.tar')];
  expect(told).toEqual({ rootfs: await digest(tar), oci: await digest(archive) });
  await execa('tar', ['-xf', archive, '-C', folder]);
  const [image] = JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8'));
  const layer = gunzipSync(await readFile(join(folder, image.Layers[0])));
  expect(layer.equals(await readFile(tar))).toBe(true);
  const { stdout } = await execa('tar', ['-tvf', tar]);
  expect(stdout).toMatch(/^-rwxr-xr-x 0\/0 +3145728 .* sbin\/init$/m);
});

test.each(['rootfs', 'oci'] as const)(
  '%s alone is the same as with the other format',
  async (name) => {
    const { told } = await write('rootfs', 'oci');
    const alone = await write(name);
    expect(alone.told).toEqual({ [name]: told[name] });
    expect(await readdir(alone.folder)).toEqual([`${name}.tar`]);
  },
);
