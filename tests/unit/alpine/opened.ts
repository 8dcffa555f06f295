import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openPackage } from '../../../build/base/alpine/package/open.ts';
import {
  decodeRecord,
  isRecord,
  type PackageRecord,
} from '../../../build/base/alpine/package/record.ts';
import { readTrustedKeys, type TrustedKeys } from '../../../build/base/alpine/signature/keys.ts';
import type { Entry } from '../../../build/tree/entry.ts';
import { makeKey } from '../../alpine-mirror/key.ts';
import { Collection } from '../tree/tars.ts';

/** The key of all test packages, and its public half as trusted. */
export const key = makeKey('test-0000.rsa.pub');
export const keys: TrustedKeys = readTrustedKeys([[key.name, key.pem]]);

/** An opened package. */
export interface Opened {
  entries: Entry[];
  record: PackageRecord;
}

/** Reads a package that is in memory. */
export async function openBytes(
  bytes: Uint8Array,
  trust: { keys?: TrustedKeys; identity?: string } = {},
): Promise<Opened> {
  const folder = await mkdtemp(join(tmpdir(), 'quantix-apk-'));
  try {
    const file = join(folder, 'a.apk');
    await writeFile(file, bytes);
    const sink = new Collection();
    await openPackage({ file, keys, origin: 'package a', sink, ...trust });
    const record = sink.entries.find(isRecord);
    if (record?.type !== 'file' || record.content.in !== 'memory') throw new Error('no record');
    return {
      entries: sink.entries.filter((entry) => !isRecord(entry)),
      record: decodeRecord(Buffer.from(record.content.bytes), 'package a'),
    };
  } finally {
    await rm(folder, { recursive: true });
  }
}
