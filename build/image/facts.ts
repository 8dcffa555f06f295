import type { Base, OpenedPackage } from '../contract/base.ts';
import {
  type Lock,
  type LockedPackage,
  type PackageContent,
  packageContent,
} from '../contract/lock.ts';
import type { Flavour, Profile } from '../profile/profile.ts';
import type { TrustedKey } from '../release/keys.ts';
import type { ProgramFacts } from '../sea/make.ts';
import type { NpmPackages } from '../step/npm.ts';
import type { Step } from '../step/step.ts';
import type { Overlay } from '../tree/overlay.ts';
import type { FormatName } from './format.ts';

/** Everything that an image is made from; nothing else may influence it. */
export interface ImageFacts {
  profile: Profile;
  lock: Lock;
  base: Base;
  flavour: Flavour;
  /** Product version: `0.1.0`. */
  version: string;
  /** Whether the image is a release, and no development build. */
  release: boolean;
  format: FormatName;
  compression: Compression;
  /** The root filesystem's overlays in order; a later one wins. */
  overlays: readonly Overlay[];
  /** Whose releases the image takes as updates. */
  releaseKeys: readonly TrustedKey[];
  /** What the initramfs is made from besides packages: `init` and the list of applets it uses. */
  initramfsOverlay: Overlay;
  /** What the programs of `apps/` are made from; absent if the profile has none. */
  programs?: ProgramFacts | undefined;
  /** The npm packages that npm installed for the toolchain and the programs. */
  installed: NpmPackages;
  /** Version of each host tool that shapes the image. */
  toolVersions: Readonly<Record<ImageTool, string>>;
}

/** How hard a squashfs is compressed; see mksquashfs(1). */
export interface Compression {
  readonly algorithm: 'zstd' | 'xz';
  /** Arguments of mksquashfs that choose it. */
  readonly args: readonly string[];
}

/** Host tools whose version decides the bytes of an image. */
export type ImageTool =
  | 'mksquashfs'
  | 'grub-mkimage'
  | 'mformat'
  | 'xorriso'
  | 'strip'
  | 'qemu-img';

/** What the makers of an image's steps are handed besides their inputs; they can get at what these name, and no more. */
export interface ImageWork {
  /** Folder with what an earlier step made. */
  made: (step: Step) => string;
  /** SHA-256 in hex of what an earlier step made, by name of the file in its folder, from when it was made. */
  hashes: (step: Step) => Readonly<Record<string, string>>;
  /** Resolves when what an earlier step made has passed its check. */
  checked: (step: Step) => Promise<void>;
  /** Opened packages, in this order. */
  opened: (packages: readonly PackageContent[]) => OpenedPackage[];
  signal?: AbortSignal | undefined;
  /** How far it is, in bytes. */
  onProgress?: ((done: number, total: number) => void) | undefined;
}

/** The packages of an image: those of all flavours and those of its own. */
export function listPackages(lock: Lock, flavour: Flavour): LockedPackage[] {
  return lock.packages.filter((one) => one.flavour === undefined || one.flavour === flavour);
}

/** What of packages shapes an image, by name. */
export function packageContents(
  packages: readonly LockedPackage[],
): Record<string, PackageContent> {
  return Object.fromEntries(packages.map((one) => [one.name, packageContent(one)]));
}

/** The versions of some host tools. */
export function pickToolVersions<Tool extends ImageTool>(
  { toolVersions }: ImageFacts,
  ...tools: Tool[]
): Record<string, string> {
  return Object.fromEntries(tools.map((tool) => [tool, toolVersions[tool]]));
}
