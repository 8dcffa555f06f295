import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { hashFile } from '../../process/hash-file.ts';
import { planStep, type Step } from '../../step/step.ts';
import { BIOS_IMAGE, ESP_IMAGE } from '../boot-loader.ts';
import { markerPath, menuConfig } from '../grub-config.ts';
import { INITRAMFS_PATH, KERNEL_PATH, liveBootMenu } from '../grub-model.ts';
import { writeIso } from '../iso.ts';
import { hashBootImages, verifyIso } from '../verify-iso.ts';
import { type ImageFacts, profileInputs, sourceInputs, toolInputs } from './facts.ts';
import { INITRAMFS_FILE, KERNEL_FILE } from './initramfs.ts';
import { SQUASHFS_FILE } from './squashfs.ts';

/** Keys of the steps before it. */
export interface EarlierSteps {
  squashfs: Step;
  initramfs: Step;
  bootLoader: Step;
}

/** Plans the ISO. */
export function planIso(
  facts: ImageFacts,
  { squashfs, initramfs, bootLoader }: EarlierSteps,
): Step {
  const { title, volumeId, cmdline } = facts.profile;
  return planStep('iso', {
    'step squashfs': squashfs.key,
    'step initramfs': initramfs.key,
    'step boot-loader': bootLoader.key,
    ...profileInputs({ title, volumeId, cmdline: cmdline.join(' ') }),
    version: facts.version,
    flavour: facts.flavour,
    epoch: facts.lock.sourceDateEpoch,
    ...toolInputs(facts, ['xorriso']),
    ...sourceInputs(facts, ['build/image/steps/iso.ts']),
  });
}

/** Folders with the results of the steps before it. */
export interface IsoParts {
  buildId: string;
  squashfs: string;
  initramfs: string;
  bootLoader: string;
  signal?: AbortSignal | undefined;
}

/** What a finished ISO is known by. */
export interface IsoResult {
  sha256: string;
  /** Path on the medium → SHA-256. */
  files: Readonly<Record<string, string>>;
}

/**
 * Writes an ISO and reads it back; it appears under its name only when the check has passed.
 * @throws BuildError if it cannot be written or does not read back as it should
 */
export async function makeIso(
  file: string,
  facts: ImageFacts,
  parts: IsoParts,
): Promise<IsoResult> {
  const texts = await mkdtemp(join(dirname(file), `.${basename(file)}.`));
  try {
    const files = { ...mediumFiles(parts), ...(await writeTexts(texts, facts, parts.buildId)) };
    const { title: _title, volumeId } = facts.profile;
    const request = {
      volumeId,
      files,
      biosImage: join(parts.bootLoader, BIOS_IMAGE),
      espImage: join(parts.bootLoader, ESP_IMAGE),
      epoch: facts.lock.sourceDateEpoch,
    };
    // The files are hashed here while xorriso, a process of its own, copies them.
    const hashing = Promise.all([
      hashAll(files, parts.signal),
      hashBootImages({ bios: request.biosImage, esp: request.espImage }, parts.signal),
    ]);
    const writing = writeIso(file, request, {
      signal: parts.signal,
      check: async (written) => {
        const [hashes, boot] = await hashing;
        return verifyIso(written, { volumeId, files: hashes, boot }, parts.signal);
      },
    });
    const [[hashes], { sha256 }] = await Promise.all([hashing, writing]);
    return { sha256, files: hashes };
  } finally {
    await rm(texts, { recursive: true, force: true });
  }
}

/** Path on the medium → file on the host, of what the earlier steps made. */
function mediumFiles(parts: IsoParts): Record<string, string> {
  return {
    [KERNEL_PATH]: join(parts.initramfs, KERNEL_FILE),
    [INITRAMFS_PATH]: join(parts.initramfs, INITRAMFS_FILE),
    '/quantix/system.squashfs': join(parts.squashfs, SQUASHFS_FILE),
  };
}

async function writeTexts(
  directory: string,
  { profile, flavour, version }: ImageFacts,
  buildId: string,
): Promise<Record<string, string>> {
  const cmdline = [...profile.cmdline, `quantix.build=${buildId}`];
  const texts: Record<string, string> = {
    '/boot/grub/grub.cfg': menuConfig(
      liveBootMenu({ title: profile.title, version, flavour, cmdline }),
    ),
    [markerPath(buildId)]: `${profile.title} ${version} ${buildId}\n`,
  };
  const written: Record<string, string> = {};
  for (const [path, text] of Object.entries(texts)) {
    const file = join(directory, basename(path));
    await writeFile(file, text);
    written[path] = file;
  }
  return written;
}

async function hashAll(
  files: Readonly<Record<string, string>>,
  signal: AbortSignal | undefined,
): Promise<Record<string, string>> {
  const hashes: Record<string, string> = {};
  for (const [path, file] of Object.entries(files)) {
    hashes[path] = (await hashFile(file, [], signal)).whole;
  }
  return hashes;
}
