import type { ComparedPackage } from '../lock/compare.ts';
import type { ImageNode } from '../readback/node.ts';

/** Parts of an image that have files of their own. */
export const PARTS = ['rootfs', 'initramfs', 'medium', 'esp'] as const;

/** The root filesystem, the initramfs, the ISO around them, or the EFI system partition in it. */
export type Part = (typeof PARTS)[number];

/** A path of a part. */
export interface ContentNode extends Omit<ImageNode, 'mtime' | 'inode'> {
  /** SHA-256 of a file's content, hex; else empty. */
  readonly sha256: string;
  /** The first other path, in the order of paths, that is the same file; empty if there is none before. */
  readonly sameAs: string;
}

/** What is in an image or a lock. */
export interface Content {
  /** As it was named. */
  file: string;
  /** Absent where it does not say. */
  packages: readonly ComparedPackage[] | undefined;
  /** What it says of itself: name → value. */
  settings: ReadonlyMap<string, string>;
  /** Only the parts that it has. Every path but the root, each once. */
  parts: ReadonlyMap<Part, readonly ContentNode[]>;
}
