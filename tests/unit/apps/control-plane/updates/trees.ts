import { createHash, randomBytes } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Release } from '../../../../../build/release/release.ts';
import { publish } from '../../../../../build/release/tree.ts';
import { newPair } from '../../../release/releases.ts';

export const OURS = newPair('ours');
export const LINE = { product: 'quantix-os', channel: 'stable', architecture: 'x86_64' };
export const NOW = new Date('2026-03-01T12:00:00Z');

/** Publishes a release with an image of random bytes in a tree. */
export async function released(
  tree: string,
  version: string,
  { signer = OURS.signer, size = 100_000, now = NOW, channel = LINE.channel } = {},
): Promise<{ release: Release; bytes: Buffer }> {
  await mkdir(tree, { recursive: true });
  const bytes = randomBytes(size);
  const file = join(tree, 'built.iso');
  await writeFile(file, bytes);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const { product, architecture } = LINE;
  const release = await publish(
    { product, version, architecture, base: 'debian', buildId: '01234567', file, sha256 },
    { tree, channel, signer, now, days: 30 },
  );
  await rm(file);
  return { release, bytes };
}

/** A server on a port of its own until the end of the test. @returns its address */
export async function listening(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, '127.0.0.1', resolve);
  await promise;
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
