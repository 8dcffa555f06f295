import type { Lock, LockedPackage } from '../../contract/lock.ts';
import type { Flavour, Profile } from '../../profile/profile.ts';
import type { NpmLock } from '../../sea/npm-lock.ts';
import type { Runtime } from '../../sea/runtime.ts';
import { digestOf } from '../../step/digest.ts';
import { sourceDigests } from '../../step/source.ts';
import { prefixed, type StepInputs } from '../../step/step.ts';
import type { Overlay } from '../../tree/overlay.ts';
import type { Compression } from '../squashfs.ts';

/** Everything that an image is made from; nothing else may influence it. */
export interface ImageFacts {
  /** Folder of the project, where the toolchain's own source is. */
  projectDirectory: string;
  profile: Profile;
  lock: Lock;
  flavour: Flavour;
  /** Product version: `0.1.0`. */
  version: string;
  compression: Compression;
  /** The root filesystem's overlays in order; a later one wins. */
  overlays: readonly Overlay[];
  /** What the initramfs is made from besides packages: `init` and the list of applets it uses. */
  initramfsOverlay: Overlay;
  /** What the programs of `apps/` are made with; absent if the profile has none. */
  programs?: ProgramFacts | undefined;
  /** Version of each host tool that shapes the image. */
  toolVersions: Readonly<Record<ImageTool, string>>;
}

/** What the programs of `apps/` are made with. */
export interface ProgramFacts {
  runtime: Runtime;
  /** What npm installed. */
  npm: NpmLock;
}

/** Host tools whose version decides the bytes of an image. */
export type ImageTool = 'mksquashfs' | 'grub-mkimage' | 'mformat' | 'xorriso' | 'strip';

/** The packages of an image: those of all flavours and those of its own. */
export function packagesOf(lock: Lock, flavour: Flavour): LockedPackage[] {
  return lock.packages.filter((one) => one.flavour === undefined || one.flavour === flavour);
}

/** Packages as inputs of a step. */
export function packageInputs(packages: readonly LockedPackage[]): StepInputs {
  const digests = packages.map(({ name, version, sha256, apk }) => {
    const index = apk === undefined ? '' : ` ${digestOf(apk)}`;
    return [name, `${version} ${sha256}${index}`] as const;
  });
  return prefixed('package', Object.fromEntries(digests));
}

/** Fields of a profile as inputs of a step. */
export function profileInputs(fields: Record<string, unknown>): StepInputs {
  const digests = Object.entries(fields).map(
    ([key, value]) => [key, typeof value === 'string' ? value : digestOf(value ?? null)] as const,
  );
  return prefixed('profile', Object.fromEntries(digests));
}

/** Host tools as inputs of a step. */
export function toolInputs(facts: ImageFacts, tools: readonly ImageTool[]): StepInputs {
  return prefixed(
    'tool',
    Object.fromEntries(tools.map((tool) => [tool, facts.toolVersions[tool]] as const)),
  );
}

/** The toolchain's own source behind a step, and the Node that runs it, as inputs of the step. */
export function sourceInputs(facts: ImageFacts, entries: readonly string[]): StepInputs {
  const digests = sourceDigests(facts.projectDirectory, entries);
  return { ...prefixed('source', digests), node: process.version };
}
