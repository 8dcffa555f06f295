import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { listOtherTools } from '../../../build/image/other-tools.ts';
import { temporaryFolder } from '../folder.ts';

const TOOLS = {
  ...{ mksquashfs: '4.5.1 libzstd.so.1.5.4', 'grub-mkimage': '2.06', mformat: '4.0.33' },
  ...{ xorriso: '1.5.4', 'qemu-img': 'not used', strip: '2.40' },
};

/** Compares this host's tools with those of a manifest with this text. */
async function differences(text: string): Promise<string[]> {
  const manifest = join(await temporaryFolder(), 'x.iso.manifest.json');
  await writeFile(manifest, text);
  return listOtherTools(manifest, { toolVersions: TOOLS });
}

const manifest = (tools: object, node = process.version) =>
  JSON.stringify({ format: 1, inputs: { packages: [], tools, node } });

test('tools with different versions, and a different Node, are reported with both versions', async () => {
  const tools = { ...TOOLS, mksquashfs: '4.6.1 libzstd.so.1.5.5' };
  expect(await differences(manifest(tools, 'v24.19.0'))).toEqual([
    'mksquashfs 4.6.1 libzstd.so.1.5.5 → 4.5.1 libzstd.so.1.5.4',
    `Node v24.19.0 → ${process.version}`,
  ]);
});

test('equal tools, and tools unknown to this version, are not reported', async () => {
  expect(await differences(manifest(TOOLS))).toEqual([]);
  expect(await differences(manifest({ ...TOOLS, sorcery: '1' }))).toEqual([]);
});

test.each(['', '{', 'null', '{"inputs":{"tools":{"xorriso":1},"node":2}}', '[]'])(
  'with a manifest that contains %j no tools are reported',
  async (text) => {
    expect(await differences(text)).toEqual([]);
    expect(listOtherTools('/nowhere', { toolVersions: TOOLS })).toEqual([]);
  },
);
