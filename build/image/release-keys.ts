import type { TrustedKey } from '../release/keys.ts';
import type { Overlay } from '../tree/overlay.ts';

/** Folder in an image with the keys that sign releases for it. */
export const RELEASE_KEYS_FOLDER = 'usr/share/quantix/release-keys';

/** The key files of an image: PEM as written by OpenSSL, without other text of the original files. */
export function releaseKeyOverlay(keys: readonly TrustedKey[]): Overlay {
  const name = 'release-keys';
  const owner = { uid: 0, gid: 0, origin: name };
  const files = keys.map(({ name: file, key }) => {
    const bytes = Buffer.from(key.export({ type: 'spki', format: 'pem' }));
    return {
      ...{ ...owner, type: 'file' as const, path: `${RELEASE_KEYS_FOLDER}/${file}.pem` },
      ...{ mode: 0o644, size: bytes.length, content: { in: 'memory' as const, bytes } },
    };
  });
  if (files.length === 0) return { name, entries: [] };
  const folder = { ...owner, type: 'directory' as const, path: RELEASE_KEYS_FOLDER, mode: 0o755 };
  return { name, entries: [folder, ...files] };
}
