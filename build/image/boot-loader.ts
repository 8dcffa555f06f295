import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ARCHITECTURES, type Architecture } from '../architecture.ts';
import {
  BIOS_BOOT,
  BIOS_CORE,
  CHECKED_MENU,
  CHECKED_MENU_SIGNATURE,
  GRUB_CONFIG,
  GRUB_FOLDER,
  LOADER_FOLDER,
  OWNER_CERTIFICATE,
  SIGNED_GRUB_FOLDER,
} from '../disk/boot-files.ts';
import { PARTITION_NUMBERS } from '../disk/layout.ts';
import { makeMarkerPath } from '../disk/medium-paths.ts';
import { BuildError, must } from '../error.ts';
import { run } from '../process/run.ts';
import { findSettings } from '../profile/profile.ts';
import { signProgram } from '../secure-boot/authenticode.ts';
import { ENROLMENT_FILES, makeEnrolmentFiles } from '../secure-boot/enrolment.ts';
import { encodePublicKeyPacket, signFile } from '../secure-boot/openpgp.ts';
import type { OwnerKey } from '../secure-boot/owner-key.ts';
import { defineStep } from '../step/step.ts';
import { ContentReader } from '../tree/content.ts';
import { Tree } from '../tree/tree.ts';
import { makeEsp } from './esp.ts';
import {
  hasSignedPrograms,
  type ImageFacts,
  type ImageWork,
  listPackages,
  makeOwnerInput,
  pickToolVersions,
  selectPackageContents,
} from './facts.ts';
import {
  CHECKING_MODULES,
  LOCKED_CONFIG,
  makeCheckedConfig,
  redirectMenu,
} from './grub-checked.ts';
import { CORE_MODULES, formatEarlyConfig, formatSignedConfig } from './grub-config.ts';
import { DISK_MODULES, formatDiskConfig } from './grub-disk.ts';

/** Folder in which GRUB's packages have the modules of each platform. */
const GRUB = 'usr/lib/grub';
/** Folder in which the shim package has shim. */
const SHIM = 'usr/lib/shim';

/** Output files of the step with the boot images. */
export const BIOS_IMAGE = 'bios.img';
export const ESP_IMAGE = 'esp.img';
/** The boot sector with which the ISO boots under BIOS from a disk. */
export const HYBRID_BOOT_SECTOR = 'boot_hybrid.img';
/** Prefix of the output files that boot an installed disk; see `readBootFiles`. */
export const OF_DISK = 'disk-';
/** Configuration for the GRUB that shim starts on the medium. */
const SIGNED_CONFIG = 'signed.cfg';

/**
 * The boot loader of an image: `esp.img`, an EFI system partition with GRUB for UEFI, and, for architectures with a
 * BIOS, `bios.img`, GRUB for BIOS, and the boot sector that loads it from a disk. Both GRUBs search for the medium of
 * exactly this build. The step also makes the boot files of an installed disk, on which GRUB boots the slots of the
 * disk that it was loaded from. GRUB's modules come from the image's packages, because the host may lack the modules
 * for this architecture. If the profile names packages with signed programs (shim and GRUB), UEFI boots these programs
 * unchanged, so that firmware with Secure Boot accepts them, and they accept the kernel. An image with an owner boots a
 * GRUB that is signed with the owner's key and opens only files signed with this key; the step then also makes the
 * files that enrol the key.
 */
export const planBootLoader = defineStep({
  name: 'boot-loader',
  module: import.meta.filename,
  read: readBootLoader,
  make: makeFromPackages,
});

type BootLoaderInputs = ReturnType<typeof readBootLoader>;

function readBootLoader(facts: ImageFacts & { buildId: string }) {
  const { profile, lock, base, flavour } = facts;
  const { grub, signed } = findSettings(profile, base.name);
  const named = new Set([...grub, ...signed]);
  const packages = listPackages(lock, flavour).filter(({ name }) => named.has(name));
  return {
    skeleton: base.skeleton(),
    package: selectPackageContents(packages),
    'is signed': hasSignedPrograms(facts),
    ...makeOwnerInput(facts),
    architecture: ARCHITECTURES[profile.architecture],
    namespace: profile.namespace,
    'build id': facts.buildId,
    epoch: lock.sourceDateEpoch,
    tool: pickToolVersions(facts, 'grub-mkimage', 'mformat'),
  };
}

async function makeFromPackages(
  directory: string,
  inputs: BootLoaderInputs,
  { opened, owner, signal }: ImageWork,
): Promise<void> {
  const {
    skeleton,
    package: packages,
    architecture,
    namespace,
    'build id': buildId,
    epoch,
  } = inputs;
  using reader = new ContentReader();
  const grub = new Tree(reader);
  const shipped = opened(Object.values(packages)).flatMap(({ entries }) => entries);
  for (const entry of [...skeleton, ...shipped]) grub.add(entry);
  const isSigned = inputs['is signed'];
  const key = inputs.owner === undefined ? undefined : must(owner, 'key of the owner');
  const request = { architecture, grub, isSigned, owner: key, namespace, buildId, epoch, signal };
  await makeBootLoader(directory, request);
}

/** Input of `makeBootLoader`. */
export interface BootLoaderRequest {
  architecture: Architecture;
  /** Tree of the packages with GRUB's modules and the signed programs. */
  grub: Tree;
  /** Whether UEFI boots the signed programs. */
  isSigned: boolean;
  /** Key that signs UEFI's boot files; not allowed together with `isSigned`. */
  owner?: OwnerKey | undefined;
  /** `namespace` of the profile. */
  namespace: string;
  buildId: string;
  epoch: number;
  signal?: AbortSignal | undefined;
}

/**
 * Makes the files of a boot loader.
 * @param directory output folder
 * @throws BuildError if GRUB's tools or modules are missing
 */
export async function makeBootLoader(
  directory: string,
  { architecture, grub, isSigned, owner, namespace, buildId, epoch, signal }: BootLoaderRequest,
): Promise<void> {
  const { uefi, bios } = architecture;
  const signed = isSigned && signedPrograms(grub, architecture);
  const config = join(directory, 'early.cfg');
  const marker = makeMarkerPath(namespace, buildId);
  await writeFile(config, formatEarlyConfig(marker));
  const disk = (name: string) => join(directory, `${OF_DISK}${name}`);
  const menu = formatDiskConfig(namespace);
  await writeFile(disk(GRUB_CONFIG), menu);
  const loader = join(directory, uefi.loader);
  await Promise.all([
    signed
      ? writeSigned(directory, signed, marker)
      : inModules({ grub, directory, platform: uefi.grub, signal }, async (make) => {
          const video = [...CORE_MODULES, ...uefi.video];
          const modules = [...DISK_MODULES, ...uefi.video];
          if (owner !== undefined) {
            const own = await writeOwn(directory, owner, { marker, menu });
            const ofMedium = ['--prefix', '/boot/grub', ...own.ofMedium];
            await make(uefi.grub, loader, [...ofMedium, ...CHECKING_MODULES, ...video]);
            const ofDisk = ['--prefix', GRUB_FOLDER, ...own.ofDisk];
            await make(uefi.grub, disk(uefi.loader), [...ofDisk, ...CHECKING_MODULES, ...modules]);
            for (const file of [loader, disk(uefi.loader)]) {
              await writeFile(file, await signProgram(await readFile(file), owner, file));
            }
            return;
          }
          await make(uefi.grub, loader, ['--prefix', '/boot/grub', '--config', config, ...video]);
          await make(uefi.grub, disk(uefi.loader), ['--prefix', GRUB_FOLDER, ...modules]);
        }),
    bios &&
      inModules({ grub, directory, platform: bios.grub, signal }, async (make) => {
        const cd = [...CORE_MODULES, 'biosdisk'];
        const output = join(directory, BIOS_IMAGE);
        await make(bios.format, output, ['--prefix', '/boot/grub', '--config', config, ...cd]);
        // The EFI partition of the disk that the BIOS booted from.
        const prefix = `(,gpt${PARTITION_NUMBERS.efi})${GRUB_FOLDER}`;
        const modules = [...DISK_MODULES, 'biosdisk'];
        await make(bios.grub, disk(BIOS_CORE), ['--prefix', prefix, ...modules]);
      }),
  ]);
  if (bios !== undefined) {
    const sector = (name: string) => bytesOf(grub, `${GRUB}/${bios.grub}/${name}`);
    await writeFile(join(directory, HYBRID_BOOT_SECTOR), sector(HYBRID_BOOT_SECTOR));
    await writeFile(disk(BIOS_BOOT), sector(BIOS_BOOT));
  }
  const by = { isSigned, isOwned: owner !== undefined };
  const files = Object.entries(listUefiFiles(architecture, by));
  await makeEsp(join(directory, ESP_IMAGE), {
    files: Object.fromEntries(files.map(([path, name]) => [path, join(directory, name)])),
    serial: buildId.slice(0, 8),
    epoch,
    signal,
  });
}

/** Runs grub-mkimage(1) with the format and the path of the image to make, and further arguments. */
type MakeCore = (format: string, output: string, more: readonly string[]) => Promise<unknown>;

/** Calls a function while the modules of one platform are in a folder on disk. */
async function inModules(
  {
    grub,
    directory,
    platform,
    signal,
  }: { grub: Tree; directory: string; platform: string; signal: AbortSignal | undefined },
  use: (make: MakeCore) => Promise<void>,
): Promise<void> {
  const folder = join(directory, platform);
  await layOut(grub, `${GRUB}/${platform}`, folder);
  await use((format, output, more) => {
    const to = ['--directory', folder, '--format', format, '--output', output];
    return run('grub-mkimage', [...to, ...more], { signal });
  });
  await rm(folder, { recursive: true });
}

/** Returns the signed programs: file name under which UEFI boots the program → content. */
function signedPrograms(grub: Tree, { uefi }: Architecture): Record<string, Buffer> {
  const { signed } = uefi;
  return {
    [uefi.loader]: bytesOf(grub, `${SHIM}/${signed.shim}.signed`),
    [signed.grub]: bytesOf(grub, `${GRUB}/${uefi.grub}-signed/${signed.grub}.signed`),
  };
}

/** Writes the signed programs for the medium and for a disk, and GRUB's configuration for the medium. */
async function writeSigned(
  directory: string,
  programs: Readonly<Record<string, Buffer>>,
  marker: string,
): Promise<void> {
  for (const [name, bytes] of Object.entries(programs)) {
    await writeFile(join(directory, name), bytes);
    await writeFile(join(directory, `${OF_DISK}${name}`), bytes);
  }
  await writeFile(join(directory, SIGNED_CONFIG), formatSignedConfig(marker));
}

/**
 * Writes the files that enrol the owner's key, the files to embed in the owner's GRUB (the key and GRUB's first
 * configuration), and for an installed disk the owner's certificate and the menu with its signature. The menu is not
 * called `grub.cfg`, because GRUB would expect its signature in `grub.cfg.sig`, and the EFI partition has only 8.3
 * names. GRUB for BIOS, which checks no signatures, reads `grub.cfg`.
 * @returns arguments of grub-mkimage(1) for the medium's GRUB and for the disk's
 */
async function writeOwn(
  directory: string,
  owner: OwnerKey,
  configs: { marker: string; menu: string },
): Promise<{ ofMedium: string[]; ofDisk: string[] }> {
  const write = async (name: string, content: string | Buffer) => {
    const file = join(directory, name);
    await writeFile(file, content);
    return file;
  };
  for (const [name, content] of Object.entries(await makeEnrolmentFiles(owner))) {
    await write(name, content);
  }
  const key = await write('owner.gpg', encodePublicKeyPacket(owner));
  // Without `--disable-shim-lock`, GRUB would load only files that shim accepts if Secure Boot is on; here, there is no
  // shim.
  const checks = ['--pubkey', key, '--disable-shim-lock'];
  const menu = Buffer.from(makeCheckedConfig(configs.menu));
  await write(`${OF_DISK}${CHECKED_MENU}`, menu);
  await write(`${OF_DISK}${CHECKED_MENU_SIGNATURE}`, await signFile(owner, menu));
  await write(`${OF_DISK}${OWNER_CERTIFICATE}`, owner.certificate);
  const first = {
    medium: await write('checked.cfg', `${LOCKED_CONFIG}${formatEarlyConfig(configs.marker)}`),
    disk: await write('locked.cfg', `${LOCKED_CONFIG}${redirectMenu(CHECKED_MENU)}`),
  };
  return {
    ofMedium: [...checks, '--config', first.medium],
    ofDisk: [...checks, '--config', first.disk],
  };
}

/** Folder in the EFI system partition with the files that enrol the owner's key. */
const ENROLMENT_FOLDER = '/EFI/keys';

/**
 * Lists the files with which UEFI boots the medium.
 * @returns path, both in the EFI system partition and on the medium → name of the step's output file
 */
export function listUefiFiles(
  { uefi }: Architecture,
  { isSigned, isOwned }: { isSigned: boolean; isOwned: boolean },
): Record<string, string> {
  const enrolment = isOwned ? ENROLMENT_FILES : [];
  return {
    ...Object.fromEntries(enrolment.map((name) => [`${ENROLMENT_FOLDER}/${name}`, name])),
    [`${LOADER_FOLDER}/${uefi.loader}`]: uefi.loader,
    ...(isSigned && {
      [`${LOADER_FOLDER}/${uefi.signed.grub}`]: uefi.signed.grub,
      [`${SIGNED_GRUB_FOLDER}/${GRUB_CONFIG}`]: SIGNED_CONFIG,
    }),
  };
}

/** Writes the files of one folder of a tree to disk. */
async function layOut(tree: Tree, path: string, folder: string): Promise<void> {
  await mkdir(folder);
  const names = tree.names(path);
  if (names.length === 0) throw missing(path);
  for (const name of names) {
    const file = tree.file(`${path}/${name}`);
    if (file !== undefined) await writeFile(join(folder, name), tree.bytes(file));
  }
}

function bytesOf(tree: Tree, path: string): Buffer {
  const file = tree.file(path);
  if (file === undefined) throw missing(path);
  return tree.bytes(file);
}

function missing(path: string): BuildError {
  return new BuildError({
    what: `the packages with the boot loader have no /${path}`,
    where: 'bases.*.architectures.*.grub and signed of the profile',
    fix: 'Name the packages there that have it for this architecture.',
  });
}
