import type { ComparedPackage } from '../lock/compare.ts';
import type { ImageNode } from '../readback/node.ts';

/** Parts of an image that contain files. */
export const PARTS = ['rootfs', 'initramfs', 'medium', 'esp'] as const;

/** The root filesystem, the initramfs, the ISO that contains both, or its EFI system partition. */
export type Part = (typeof PARTS)[number];

/** A path of a part. */
export interface ContentNode extends Omit<ImageNode, 'mtime' | 'inode'> {
  /** SHA-256 of a file's content in hex; empty for other types. */
  readonly sha256: string;
  /** The first path, in the order of paths, of the same file (hard link); empty if this path is the first. */
  readonly sameAs: string;
}

/** The content of an image or a lock. */
export interface Content {
  /** Path as given by the user. */
  file: string;
  /** Absent if unknown. */
  packages: readonly ComparedPackage[] | undefined;
  /** Settings read from its files: name → value. */
  settings: ReadonlyMap<string, string>;
  /** The parts that are present, each with every path except the root, once. */
  parts: ReadonlyMap<Part, readonly ContentNode[]>;
}
