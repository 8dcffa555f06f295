import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { ARCHITECTURE_NAMES, ARCHITECTURES, canRunHere } from '../build/architecture.ts';
import { BlobStore } from '../build/cache/blob-store.ts';
import { cacheDirectory } from '../build/cache/directory.ts';
import { Transport } from '../build/cache/transport.ts';
import { must } from '../build/error.ts';
import { makeAtomically } from '../build/process/atomic-write.ts';
import { LTS_NODE } from '../build/sea/lts.ts';
import { fetchNpmArchive, readNpmRegistry } from '../build/sea/npm-archive.ts';
import { unpackNode } from '../build/sea/unpack.ts';

const PROJECT = resolve(import.meta.dirname, '..');

/**
 * Path of the oldest Node that the programs run on, for this host; it is downloaded once.
 * @throws BuildError if it is not available
 */
export async function olderNode(): Promise<string> {
  const here = ARCHITECTURE_NAMES.find((name) => canRunHere(ARCHITECTURES[name]));
  const archive = LTS_NODE[must(here, 'a Node for this host')];
  const node = join(PROJECT, 'dist/tests', `node-${archive.version}`, 'node');
  if (existsSync(node)) return node;
  using transport = new Transport();
  const store = new BlobStore(cacheDirectory());
  const file = await fetchNpmArchive(archive, await readNpmRegistry(PROJECT), { store, transport });
  await mkdir(dirname(node), { recursive: true });
  await makeAtomically(node, (temporary) => unpackNode(file, temporary));
  return node;
}
