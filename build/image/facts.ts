import type { Base, OpenedPackage } from '../contract/base.ts';
import {
  type Lock,
  type LockedPackage,
  type PackageContent,
  selectPackageContent,
} from '../contract/lock.ts';
import { type Flavour, findSettings, type Profile } from '../profile/profile.ts';
import type { TrustedKey } from '../release/keys.ts';
import type { ProgramFacts } from '../sea/make.ts';
import type { OwnerKey } from '../secure-boot/owner-key.ts';
import { sha256 } from '../step/digest.ts';
import type { NpmPackages } from '../step/npm.ts';
import type { Step } from '../step/step.ts';
import type { Overlay } from '../tree/overlay.ts';
import type { FormatName } from './format.ts';

/** Everything that an image is made from; nothing else may affect it. */
export interface ImageFacts {
  profile: Profile;
  lock: Lock;
  base: Base;
  flavour: Flavour;
  /** Product version: `0.1.0`. */
  version: string;
  /** Whether the image is a release rather than a development build. */
  release: boolean;
  format: FormatName;
  compression: Compression;
  /** Overlays of the root filesystem in order; a later one wins. */
  overlays: readonly Overlay[];
  /** Keys whose releases the image accepts as updates. */
  releaseKeys: readonly TrustedKey[];
  /**
   * Key of the image's owner, which signs the boot files, for firmware that accepts only this key; absent if there is
   * no owner.
   */
  owner?: OwnerKey | undefined;
  /** Contents of the initramfs besides packages: `init` and the list of the applets it uses. */
  initramfsOverlay: Overlay;
  /** Inputs of the programs of `apps/`; absent if the profile has none. */
  programs?: ProgramFacts | undefined;
  /** The installed npm packages of the toolchain and the programs. */
  installed: NpmPackages;
  /** Version of each host tool that affects the image. */
  toolVersions: Readonly<Record<ImageTool, string>>;
}

/** Compression settings of a squashfs; see mksquashfs(1). */
export interface Compression {
  readonly algorithm: 'zstd' | 'xz';
  /** Arguments of mksquashfs for these settings. */
  readonly args: readonly string[];
}

/** Host tools whose version affects the bytes of an image. */
export type ImageTool =
  | 'mksquashfs'
  | 'grub-mkimage'
  | 'mformat'
  | 'xorriso'
  | 'strip'
  | 'qemu-img';

/** What the steps of an image receive besides their inputs: access to objects that the inputs identify. */
export interface ImageWork {
  /** Returns the output folder of an earlier step. */
  made: (step: Step) => string;
  /** Returns the SHA-256 in hex of each output file of an earlier step, by name, computed when it was made. */
  hashes: (step: Step) => Readonly<Record<string, string>>;
  /** Resolves when the result of an earlier step has passed its check. */
  checked: (step: Step) => Promise<void>;
  /** Key that signs the boot files; present if the facts name an owner. */
  owner?: OwnerKey | undefined;
  /** Returns the opened packages, in the order of the argument. */
  opened: (packages: readonly PackageContent[]) => OpenedPackage[];
  /** Number of threads of a tool that can use several; the number of processors if absent. */
  threads?: number | undefined;
  signal?: AbortSignal | undefined;
  /** Reports progress in bytes. */
  onProgress?: ((done: number, total: number) => void) | undefined;
}

/** Lists the packages of an image: those for every flavour, and those for the image's flavour. */
export function listPackages(lock: Lock, flavour: Flavour): LockedPackage[] {
  return lock.packages.filter((one) => one.flavour === undefined || one.flavour === flavour);
}

/** Returns the fields of packages that affect an image, by package name. */
export function selectPackageContents(
  packages: readonly LockedPackage[],
): Record<string, PackageContent> {
  return Object.fromEntries(packages.map((one) => [one.name, selectPackageContent(one)]));
}

/** Returns the versions of some host tools. */
export function pickToolVersions<Tool extends ImageTool>(
  { toolVersions }: ImageFacts,
  ...tools: Tool[]
): Record<string, string> {
  return Object.fromEntries(tools.map((tool) => [tool, toolVersions[tool]]));
}

/** Returns the step input that identifies the owner's key; without an owner, there is no such input. */
export function makeOwnerInput({ owner }: ImageFacts): { owner?: string } {
  return owner === undefined ? {} : { owner: sha256(owner.certificate) };
}

/**
 * Whether UEFI boots an image with the signed programs of its packages, which firmware with Microsoft's keys accepts.
 */
export function hasSignedPrograms({ owner, profile, base }: ImageFacts): boolean {
  return owner === undefined && findSettings(profile, base.name).signed.length > 0;
}
