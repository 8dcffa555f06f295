import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import {
  makeOwnerKey,
  makeRsaSigner,
  type OwnerKey,
} from '../../../build/secure-boot/owner-key.ts';
import { temporaryFolder } from '../folder.ts';

/** An owner's key, made as the documentation describes, and the folder with its files. */
export interface NewOwner {
  folder: string;
  owner: OwnerKey;
}

/** Makes an owner's key. @param finished registers the removal of its folder; by default at the end of the test */
export async function newOwner(...finished: Parameters<typeof temporaryFolder>): Promise<NewOwner> {
  const folder = await temporaryFolder(...finished);
  const files = ['-keyout', join(folder, 'db.key'), '-out', join(folder, 'db.crt')];
  const more = ['-newkey', 'rsa:2048', '-nodes', '-days', '3650', '-subj', '/CN=Test'];
  await execa('openssl', ['req', '-x509', '-sha256', ...more, ...files]);
  return { folder, owner: readOwner(folder) };
}

/** An owner's key from its folder. */
export function readOwner(folder: string): OwnerKey {
  const secret = createPrivateKey(readFileSync(join(folder, 'db.key')));
  const text = readFileSync(join(folder, 'db.crt'), 'utf8');
  return makeOwnerKey(text, 'db.crt', makeRsaSigner(secret, 'db.key'));
}
