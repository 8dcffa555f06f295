import type { TrustedKey } from '../release/keys.ts';
import type { Overlay } from '../tree/overlay.ts';

/**
 * Returns the overlay with the public keys whose releases the image accepts, one PEM file per key, as written by
 * OpenSSL, without other text of the original files.
 * @param namespace `namespace` of the profile
 */
export function releaseKeyOverlay(keys: readonly TrustedKey[], namespace: string): Overlay {
  const folder = `usr/share/${namespace}/release-keys`;
  const name = 'release-keys';
  const owner = { uid: 0, gid: 0, origin: name };
  const files = keys.map(({ name: file, key }) => {
    const bytes = Buffer.from(key.export({ type: 'spki', format: 'pem' }));
    return {
      ...{ ...owner, type: 'file' as const, path: `${folder}/${file}.pem` },
      ...{ mode: 0o644, size: bytes.length, content: { in: 'memory' as const, bytes } },
    };
  });
  if (files.length === 0) return { name, entries: [] };
  const directory = { ...owner, type: 'directory' as const, path: folder, mode: 0o755 };
  return { name, entries: [directory, ...files] };
}
