import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { createGzip } from 'node:zlib';
import { appendStream, type WrittenFile } from '../process/write-stream.ts';
import { sha256 } from '../step/digest.ts';
import { TAR_END, tarHeader, tarMember, tarPadding } from './tar-member.ts';

/** gzip(1) level: for a root filesystem, it takes half the time of the default level 6 and gives 4 % more bytes. */
const LEVEL = 4;

/** Metadata of an image. */
export interface OciImage {
  /** Name of the image: `hello`. */
  name: string;
  /** Name shown to people. */
  title: string;
  version: string;
  /** Go's name of the architecture, which OCI uses; it equals Debian's. */
  architecture: string;
  /** Absolute path of the program that starts the system. */
  init: string;
  /** Time stamp, in seconds since 1970. */
  epoch: number;
}

const TYPES = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
} as const;

/**
 * Writes an image of one layer as the tar of an OCI image layout (OCI Image Format 1.1, image-layout.md), with the
 * `manifest.json` that `docker load` needs. The layer is streamed directly into the archive; the header of this member,
 * whose name contains the layer's hash, is written afterwards. So nothing is copied. The same tree gives the same
 * bytes.
 * @param file empty and open for writing
 * @param tar tar of the root filesystem, for example from `tarStream`; read once
 * @throws BuildError if the disk is full; errors of `tar`
 */
export async function writeOciArchive(
  file: FileHandle,
  image: OciImage,
  tar: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<void> {
  const { epoch } = image;
  const plain = createHash('sha256');
  async function* hashed() {
    for await (const chunk of tar) {
      plain.update(chunk);
      yield chunk;
    }
  }
  const layerHeader = ({ size, sha256 }: WrittenFile) =>
    tarHeader(blobPath(sha256), { size, epoch });
  await appendStream([file], [layerHeader({ size: 0, sha256: '0'.repeat(64) })]);
  const gzip = createGzip({ level: LEVEL });
  const layer = await appendStream([file], Readable.from(hashed()).compose(gzip));
  const documents = ociDocuments(image, { ...layer, plainSha256: plain.digest('hex') });
  const members = Object.entries(documents).map(([path, text]) =>
    tarMember(path, Buffer.from(text), epoch),
  );
  await appendStream([file], [tarPadding(layer.size), ...members, TAR_END]);
  const header = layerHeader(layer);
  await file.write(header, 0, header.length, 0);
}

/** Returns all documents of the layout except the layer: path → text. */
function ociDocuments(
  { name, title, version, architecture, init, epoch }: OciImage,
  layer: WrittenFile & { plainSha256: string },
): Record<string, string> {
  const created = `${new Date(epoch * 1000).toISOString().slice(0, 19)}Z`;
  const platform = { architecture, os: 'linux' };
  const config = JSON.stringify({
    created,
    ...platform,
    config: { Entrypoint: [init] },
    rootfs: { type: 'layers', diff_ids: [digest(layer.plainSha256)] },
    history: [{ created, created_by: `${title} ${version}` }],
  });
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: TYPES.manifest,
    config: describe(TYPES.config, config),
    layers: [{ mediaType: TYPES.layer, digest: digest(layer.sha256), size: layer.size }],
    annotations: {
      'org.opencontainers.image.created': created,
      'org.opencontainers.image.title': title,
      'org.opencontainers.image.version': version,
    },
  });
  const reference = {
    'io.containerd.image.name': `docker.io/library/${name}:${version}`,
    'org.opencontainers.image.ref.name': version,
  };
  const index = JSON.stringify({
    schemaVersion: 2,
    mediaType: TYPES.index,
    manifests: [{ ...describe(TYPES.manifest, manifest), platform, annotations: reference }],
  });
  const docker = JSON.stringify([
    {
      Config: blobPath(sha256(config)),
      RepoTags: [`${name}:${version}`],
      Layers: [blobPath(layer.sha256)],
    },
  ]);
  return {
    [blobPath(sha256(config))]: config,
    [blobPath(sha256(manifest))]: manifest,
    'index.json': index,
    'manifest.json': docker,
    'oci-layout': JSON.stringify({ imageLayoutVersion: '1.0.0' }),
  };
}

function describe(mediaType: string, text: string) {
  return { mediaType, digest: digest(sha256(text)), size: Buffer.byteLength(text) };
}

function digest(hex: string): string {
  return `sha256:${hex}`;
}

function blobPath(hex: string): string {
  return `blobs/sha256/${hex}`;
}
