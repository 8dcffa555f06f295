import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ARCHITECTURES, DEFAULT_ARCHITECTURE } from '../../../build/architecture.ts';
import type { ContentReader } from '../../../build/tree/content.ts';
import { Tree } from '../../../build/tree/tree.ts';
import { directory } from '../tree/trees.ts';

/** A tree with the modules that the host's packages of GRUB have. */
export function hostGrub(reader: ContentReader): Tree {
  const tree = new Tree(reader);
  for (const path of ['usr', 'usr/lib', 'usr/lib/grub']) tree.add(directory(path));
  const { uefi, bios } = ARCHITECTURES[DEFAULT_ARCHITECTURE];
  for (const grub of [uefi.grub, bios?.grub ?? '']) {
    const folder = `usr/lib/grub/${grub}`;
    tree.add(directory(folder));
    for (const name of readdirSync(join('/', folder))) {
      const file = join('/', folder, name);
      const status = statSync(file);
      if (!status.isFile()) continue;
      const { size } = status;
      tree.add({
        ...{ type: 'file', path: `${folder}/${name}`, mode: 0o644, uid: 0, gid: 0, size },
        ...{ content: { in: 'file', file, offset: 0 }, origin: 'host' },
      });
    }
  }
  return tree;
}
