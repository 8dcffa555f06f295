import { QUICK } from '../../../build/image/squashfs.ts';
import type { ImageFacts } from '../../../build/image/steps/facts.ts';
import { readNpmLock } from '../../../build/sea/npm-lock.ts';
import { digestOf } from '../../../build/step/digest.ts';
import type { Overlay } from '../../../build/tree/overlay.ts';
import { locked, sampleLock } from '../lock/locks.ts';
import { PROJECT, shippedProfile } from '../profile/profiles.ts';
import { file } from '../tree/trees.ts';

/** An overlay of these files, path → text. */
export function overlayOf(name: string, files: Readonly<Record<string, string>>): Overlay {
  const texts = Object.entries(files);
  return {
    name,
    entries: texts.map(([path, text]) => file(path, text)),
    digests: Object.fromEntries(texts.map(([path, text]) => [`${name}/${path}`, digestOf(text)])),
  };
}

/** What a small image is made from. */
export async function sampleFacts(): Promise<ImageFacts> {
  const packages = [
    locked('bash'),
    locked('busybox-static', { sha256: '1'.repeat(64) }),
    locked('linux-cloud', { flavour: 'virt', sha256: '2'.repeat(64) }),
    locked('linux', { flavour: 'full', sha256: '3'.repeat(64) }),
  ];
  const npm = readNpmLock(PROJECT);
  return {
    projectDirectory: PROJECT,
    profile: await shippedProfile(),
    lock: sampleLock({ packages }),
    flavour: 'virt',
    version: '0.1.0',
    compression: QUICK,
    overlays: [overlayOf('common', { 'etc/motd': 'hello' })],
    initramfsOverlay: overlayOf('initramfs', { init: '#!/bin/sh', applets: 'sh\nmount\n' }),
    programs: { runtime: { from: 'npm', version: '26.10.0', integrity: 'sha512-x' }, npm },
    toolVersions: {
      mksquashfs: '4.5',
      'grub-mkimage': '2.06',
      mformat: '4.0',
      xorriso: '1.5',
      strip: '2.40',
    },
  };
}
