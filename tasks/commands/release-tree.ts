import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { BuildError } from '../../build/error.ts';
import { withFileLock } from '../../build/process/file-lock.ts';
import { computeKeyId, readTrustedKeys } from '../../build/release/keys.ts';
import { type PublishedImage, publish, releasePath } from '../../build/release/tree.ts';
import { addSignerOptions, listSignerPaths, openSigner, SIGNER_OPTIONS } from '../signer.ts';
import { defineCommand, requireOnce } from './define.ts';

const EPILOGUE = `Any web server, a folder or a stick serves the tree; docs/updating.md says how hosts find it.

  qx-build release-tree --key release.key --output /srv/updates dist/*.iso`;

/** File in the root of a tree that is locked while something is published; it is removed afterwards. */
const LOCK = '.publish.lock';

/** The fields of a build manifest that are read. */
const manifestSchema = z.object({
  profile: z.string(),
  version: z.string(),
  base: z.string(),
  architecture: z.string(),
  buildId: z.string(),
  added: z.object({}).optional(),
  iso: z.object({ sha256: z.string() }),
  inputs: z.object({ releaseKeys: z.array(z.string()), owner: z.string().optional() }),
});

/** `qx-build release-tree`: publishes images as signed updates, in a tree of plain files. */
export const releaseTreeCommand = defineCommand({
  command: 'release-tree <images..>',
  describe: 'Publish ISOs as signed updates, in a folder for any web server',
  builder: (yargs) =>
    addSignerOptions(yargs)
      .positional('images', {
        type: 'string',
        array: true,
        demandOption: true,
        describe: 'ISOs with their manifests: at most one for a product and CPU',
      })
      .option('release-keys', {
        type: 'string',
        describe: 'Folder with public keys (*.pem) that signed what is in the tree, after a change',
      })
      .option('channel', { type: 'string', default: 'stable', describe: 'Channel of the release' })
      .option('days', {
        type: 'number',
        default: 180,
        describe: 'Days until hosts refuse it: publish again before',
      })
      .option('floor', {
        type: 'number',
        describe: 'Lowest serial that hosts take once they run this release',
        defaultDescription: 'as before',
      })
      .option('serial', {
        type: 'number',
        describe: 'Serial of the release',
        defaultDescription: 'one more than before',
      })
      .option('output', {
        type: 'string',
        default: 'dist/updates',
        describe: 'Root folder of the tree',
      })
      .check(
        requireOnce(
          ...SIGNER_OPTIONS,
          ...['release-keys', 'channel', 'days', 'floor', 'serial', 'output'],
        ),
      )
      .epilogue(EPILOGUE),
  paths: ({ images, releaseKeys, output, ...options }) => ({
    reads: [
      ...[...images, ...images.map(manifestOf), ...listSignerPaths(options)],
      ...(releaseKeys === undefined ? [] : [releaseKeys]),
    ],
    writes: [output],
  }),
  handler: async (options, { output, signal }) => {
    const { channel, days, floor, serial, releaseKeys, output: tree } = options;
    if (!(days > 0 && days <= 3650)) {
      throw new BuildError({
        what: `${days} days are not a valid lifetime of a release`,
        fix: '1 to 3650.',
      });
    }
    const images = await Promise.all(options.images.map(readImage));
    refuseDuplicateReleases(images.map(({ image }) => image));
    const trusted = releaseKeys === undefined ? [] : await readTrustedKeys(releaseKeys);
    const signer = await openSigner(options, signal);
    const publishAll = async () => {
      for (const { image, takes } of images) {
        if (!takes.includes(computeKeyId(signer.key))) output.say(warning(image.file, takes));
        const publication = {
          tree,
          channel,
          signer,
          trusted,
          now: new Date(),
          days,
          floor,
          serial,
        };
        const release = await publish(image, publication);
        const { product, version, serial: given, expires } = release;
        const path = releasePath(release);
        output.say(
          `${path}: ${product} ${version}, serial ${given}, until ${expires.slice(0, 10)}, ${release.image.path}`,
        );
      }
    };
    await mkdir(tree, { recursive: true });
    // Two runs that read the same previous release would give two images the same serial.
    const lock = { file: join(tree, LOCK), kind: 'exclusive', signal } as const;
    await withFileLock(lock, publishAll);
  },
});

/** Returns the warning about an image that does not trust the key: hosts that install it refuse all later updates. */
function warning(file: string, takes: readonly string[]): string {
  const has = takes.length === 0 ? 'no key for releases' : 'other keys for releases';
  return `Warning: ${file} was built with ${has}: systems that run it accept no update that this key signs. Build it with RELEASE_KEYS=FOLDER.`;
}

function manifestOf(image: string): string {
  return `${image}.manifest.json`;
}

/** Reads an image's description from its manifest, and the keys whose releases it accepts. */
async function readImage(file: string): Promise<{ image: PublishedImage; takes: string[] }> {
  if (!file.endsWith('.iso')) {
    throw new BuildError({
      what: 'an update is an ISO',
      where: file,
      fix: 'Build it with FORMAT=iso: a slot of a disk has the bytes of an ISO.',
    });
  }
  const where = manifestOf(file);
  const text = await readFile(where, 'utf8').catch((cause: unknown) => {
    const fix = 'Build the image with make iso, which writes it beside the image.';
    throw new BuildError({ what: 'the manifest cannot be read', where, fix, cause });
  });
  const { profile, iso, inputs, added, ...known } = parseManifest(text, where);
  if (added !== undefined) {
    throw new BuildError({
      what: 'this image is not of its lock: --package or --cmdline added to it',
      where: file,
      fix: 'Publish an image without additions, and name the images one by one if this one is beside it.',
    });
  }
  const image = { ...known, product: profile, file, sha256: iso.sha256, owner: inputs.owner };
  return { image, takes: inputs.releaseKeys };
}

function parseManifest(text: string, where: string): z.infer<typeof manifestSchema> {
  try {
    return manifestSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new BuildError({
      what: 'this is not a manifest of this version',
      where,
      fix: 'Build the image again.',
      cause,
    });
  }
}

/** @throws BuildError if two images would both be the newest release of a product line */
function refuseDuplicateReleases(images: readonly PublishedImage[]): void {
  const lines = new Map<string, string>();
  for (const { product, architecture, file } of images) {
    const line = `${product} for ${architecture}`;
    const other = lines.get(line);
    if (other !== undefined) {
      throw new BuildError({
        what: `both would be the release of ${line}: ${other} and ${file}`,
        fix: 'Name one of them.',
      });
    }
    lines.set(line, file);
  }
}
