import { deriveGuids } from '../disk/derived-guid.ts';
import { encodeGuid } from '../disk/gpt.ts';
import type { OwnerKey } from './owner-key.ts';
import { signDetached } from './signed-data.ts';

/** Firmware variables with the accepted keys, and their vendor GUIDs (UEFI 2.10, 3.3 and 32.4). */
const GLOBAL = '8be4df61-93ca-11d2-aa0d-00e098032b8c';
const VARIABLES = { PK: GLOBAL, KEK: GLOBAL, db: 'd719b2cb-3d3a-4596-a3bc-dad00e67656f' } as const;

/** Names of the files that enrol an owner's key. */
export const ENROLMENT_FILES = [
  'db.cer',
  ...Object.keys(VARIABLES).flatMap((name) => [`${name}.esl`, `${name}.auth`]),
];

/** EFI_CERT_X509_GUID and EFI_CERT_TYPE_PKCS7_GUID. */
const X509 = 'a5c059a1-94e4-4aa7-87b5-ab155c2bf072';
const PKCS7 = '4aafd29d-68df-49ee-8aa9-347d375665a7';

/** Non-volatile, boot and runtime access, time-based authenticated write access (UEFI 2.10, 8.2.1). */
const ATTRIBUTES = 0x27;

/**
 * Makes the files that enrol an owner's key as the only key that the firmware accepts: the certificate, and for each
 * variable its content as a signature list (UEFI 2.10, 32.4.1) and as an authenticated update (8.2.2), signed with the
 * key itself.
 * @returns name → content, of all of `ENROLMENT_FILES`
 */
export async function makeEnrolmentFiles(owner: OwnerKey): Promise<Record<string, Buffer>> {
  const list = signatureList(owner.certificate);
  const files: Record<string, Buffer> = { 'db.cer': owner.certificate };
  for (const [name, vendor] of Object.entries(VARIABLES)) {
    files[`${name}.esl`] = list;
    files[`${name}.auth`] = await authenticated(owner, { name, vendor, list });
  }
  return files;
}

function signatureList(certificate: Buffer): Buffer {
  const [head, owner] = [Buffer.alloc(12), deriveGuids(certificate.toString('base64'))()];
  const size = 16 + certificate.length;
  head.writeUInt32LE(28 + size, 0);
  head.writeUInt32LE(size, 8);
  return Buffer.concat([encodeGuid(X509), head, encodeGuid(owner), certificate]);
}

async function authenticated(
  owner: OwnerKey,
  { name, vendor, list }: { name: string; vendor: string; list: Buffer },
): Promise<Buffer> {
  const attributes = Buffer.alloc(4);
  attributes.writeUInt32LE(ATTRIBUTES);
  const time = efiTime(owner.since);
  const variable = Buffer.concat([Buffer.from(name, 'utf16le'), encodeGuid(vendor), attributes]);
  const signature = await signDetached(owner, Buffer.concat([variable, time, list]));
  const head = Buffer.alloc(8);
  head.writeUInt32LE(24 + signature.length, 0);
  // WIN_CERT_TYPE_EFI_GUID
  head.writeUInt16LE(0x0200, 4);
  head.writeUInt16LE(0x0ef1, 6);
  return Buffer.concat([time, head, encodeGuid(PKCS7), signature, list]);
}

/** EFI_TIME (UEFI 2.10, 8.3), UTC, seconds since 1970. */
function efiTime(seconds: number): Buffer {
  const date = new Date(seconds * 1000);
  const bytes = Buffer.alloc(16);
  bytes.writeUInt16LE(date.getUTCFullYear(), 0);
  const rest = [date.getUTCMonth() + 1, date.getUTCDate(), date.getUTCHours()];
  Buffer.from([...rest, date.getUTCMinutes(), date.getUTCSeconds()]).copy(bytes, 2);
  return bytes;
}
