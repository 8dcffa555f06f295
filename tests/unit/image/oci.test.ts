import { createHash } from 'node:crypto';
import { open, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { type OciImage, writeOciArchive } from '../../../build/image/oci.ts';
import { temporaryFolder } from '../folder.ts';
import { PROJECT } from '../profile/profiles.ts';

const IMAGE: OciImage = {
  ...{ name: 'qvdc', title: 'QvDC', version: '0.1.0', architecture: 'amd64', init: '/sbin/init' },
  epoch: 1_700_000_000,
};

/** A stand-in for the tar of a root filesystem. */
const TAR = Buffer.alloc(3 * 1024 * 1024, 'not that a layer is looked into here ');

const descriptor = z.object({
  mediaType: z.string(),
  digest: z.string().regex(/^sha256:[0-9a-f]{64}$/),
  size: z.int(),
});
const schemas = {
  layout: z.strictObject({ imageLayoutVersion: z.literal('1.0.0') }),
  index: z.object({
    schemaVersion: z.literal(2),
    mediaType: z.literal('application/vnd.oci.image.index.v1+json'),
    manifests: z
      .array(
        descriptor.extend({
          platform: z.object({ architecture: z.string(), os: z.literal('linux') }),
          annotations: z.record(z.string(), z.string()),
        }),
      )
      .length(1),
  }),
  manifest: z.object({
    schemaVersion: z.literal(2),
    mediaType: z.literal('application/vnd.oci.image.manifest.v1+json'),
    config: descriptor,
    layers: z.array(descriptor).length(1),
  }),
  config: z.object({
    created: z.iso.datetime(),
    architecture: z.string(),
    os: z.literal('linux'),
    config: z.object({ Entrypoint: z.array(z.string()) }),
    rootfs: z.object({ type: z.literal('layers'), diff_ids: z.array(z.string()).length(1) }),
  }),
  docker: z
    .array(
      z.object({ Config: z.string(), RepoTags: z.array(z.string()), Layers: z.array(z.string()) }),
    )
    .length(1),
};

async function write(folder: string, name = 'image.tar') {
  const path = join(folder, name);
  await using file = await open(path, 'w');
  await writeOciArchive(file, IMAGE, [TAR.subarray(0, 1000), TAR.subarray(1000)]);
  return path;
}

/** Unpacks an archive by docs/releasing.md, reads the layout, and checks the hash of each blob. */
async function unpack() {
  const page = await readFile(join(PROJECT, 'docs/releasing.md'), 'utf8');
  const [, lines = ''] = /^```sh of the layout\n([\s\S]*?)^```/m.exec(page) ?? [];
  const folder = await temporaryFolder();
  await write(folder, 'qvdc-0.2.0-debian-x86_64-oci.tar');
  await execa('bash', ['-euc', lines], { cwd: folder });
  const layout = join(folder, 'layout');
  const blobs = join(layout, 'blobs/sha256');
  const names = await readdir(blobs);
  for (const name of names) {
    const content = await readFile(join(blobs, name));
    expect(createHash('sha256').update(content).digest('hex')).toBe(name);
  }
  const seen = new Set<string>();
  const blob = async ({ digest, size }: z.infer<typeof descriptor>) => {
    const name = digest.slice('sha256:'.length);
    seen.add(name);
    const content = await readFile(join(blobs, name));
    expect(content.length).toBe(size);
    return content;
  };
  const json = async (path: string) => JSON.parse(await readFile(join(layout, path), 'utf8'));
  return { names, seen, blob, json };
}

test('the archive, unpacked by docs/releasing.md, is an image layout: every descriptor names a blob with its size and digest, and there are no other blobs', async () => {
  const { names, seen, blob, json } = await unpack();
  schemas.layout.parse(await json('oci-layout'));
  const [entry] = schemas.index.parse(await json('index.json')).manifests;
  if (entry === undefined) throw new Error('there is no manifest');
  expect(entry.platform.architecture).toBe('amd64');
  expect(entry.annotations['org.opencontainers.image.ref.name']).toBe('0.1.0');
  const manifest = schemas.manifest.parse(JSON.parse((await blob(entry)).toString()));
  expect(manifest.config.mediaType).toBe('application/vnd.oci.image.config.v1+json');
  const config = schemas.config.parse(JSON.parse((await blob(manifest.config)).toString()));
  expect([config.architecture, config.created]).toEqual(['amd64', '2023-11-14T22:13:20Z']);
  const [layer] = manifest.layers;
  if (layer === undefined) throw new Error('there is no layer');
  expect(layer.mediaType).toBe('application/vnd.oci.image.layer.v1.tar+gzip');
  const content = gunzipSync(await blob(layer));
  expect(content.equals(TAR)).toBe(true);
  const plain = createHash('sha256').update(content).digest('hex');
  expect(config.rootfs.diff_ids).toEqual([`sha256:${plain}`]);
  expect([...seen].sort()).toEqual(names.sort());
});

test('the manifest for docker load names the same blobs', async () => {
  const { names, json } = await unpack();
  const [image] = schemas.docker.parse(await json('manifest.json'));
  expect(image?.RepoTags).toEqual(['qvdc:0.1.0']);
  const blobs = names.map((name) => `blobs/sha256/${name}`);
  expect(blobs).toEqual(expect.arrayContaining([image?.Config, ...(image?.Layers ?? [])]));
});

test('the same tree gives the same archive', async () => {
  const folder = await temporaryFolder();
  const [one, other] = [
    await readFile(await write(folder, 'a')),
    await readFile(await write(folder, 'b')),
  ];
  expect(one.equals(other)).toBe(true);
});
