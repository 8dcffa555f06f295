import { createHash } from 'node:crypto';
import { BuildError } from '../error.ts';
import type { OwnerKey } from './owner-key.ts';
import {
  algorithm,
  context,
  der,
  noBits,
  OIDS,
  object,
  octets,
  sequence,
  signContent,
} from './signed-data.ts';

/**
 * Signs a UEFI program for firmware that accepts the key, in Microsoft's format: Windows Authenticode Portable Executable
 * Signature Format, and PE Format, "The Attribute Certificate Table".
 * @param program a PE32+; its existing signatures are kept, and firmware accepts a program if it accepts one of the
 *   signatures
 * @param where name of the program in errors
 * @returns the program with the additional signature
 * @throws BuildError if it is not a PE32+; errors of signing
 */
export async function signProgram(
  program: Buffer,
  owner: OwnerKey,
  where: string,
): Promise<Buffer> {
  const { checksum, certificates, table } = fieldsOf(program, where);
  const before = table.length > 0 ? program.subarray(0, -table.length) : program;
  // The table is aligned to eight bytes, and the padding is hashed.
  const padded = Buffer.concat([before], Math.ceil(before.length / 8) * 8);
  const hash = createHash('sha256');
  hash.update(padded.subarray(0, checksum));
  hash.update(padded.subarray(checksum + 4, certificates));
  hash.update(padded.subarray(certificates + 8));
  const data = sequence(object(PE_IMAGE), sequence(noBits(), context(0, context(2, NO_FILE))));
  const digest = sequence(algorithm(OIDS.sha256), octets(hash.digest()));
  const signature = await signContent(owner, {
    type: INDIRECT_DATA,
    value: sequence(data, digest),
    digest: createHash('sha256').update(data).update(digest).digest(),
  });
  const length = Math.ceil((ENTRY_HEADER + signature.length) / 8) * 8;
  const entry = Buffer.alloc(length);
  entry.writeUInt32LE(length, 0);
  // WIN_CERT_REVISION_2_0, WIN_CERT_TYPE_PKCS_SIGNED_DATA
  entry.writeUInt16LE(0x0200, 4);
  entry.writeUInt16LE(0x0002, 6);
  signature.copy(entry, ENTRY_HEADER);
  padded.writeUInt32LE(padded.length, certificates);
  padded.writeUInt32LE(table.length + length, certificates + 4);
  return Buffer.concat([padded, table, entry]);
}

/** SPC_INDIRECT_DATA_OBJID and SPC_PE_IMAGE_DATAOBJ: their DER contents in hex. */
const INDIRECT_DATA = '2b060104018237020104';
const PE_IMAGE = '2b06010401823702010f';
/** An empty SpcString, in place of the file's name. */
const NO_FILE = der(0x80);

/** Bytes before the signature in an entry of the table. */
const ENTRY_HEADER = 8;
/** Index of the data directory entry of the certificate table. */
const CERTIFICATE_TABLE = 4;

/** Offsets of the fields that the hash excludes (checksum and entry of the certificate table), and the table itself. */
function fieldsOf(
  program: Buffer,
  where: string,
): { checksum: number; certificates: number; table: Buffer } {
  const header = program.length > 64 ? program.readUInt32LE(0x3c) : program.length;
  const optional = header + 24;
  const certificates = optional + 112 + CERTIFICATE_TABLE * 8;
  const is = (at: number, text: string) =>
    program.toString('latin1', at, at + text.length) === text;
  const isProgram =
    is(0, 'MZ') &&
    certificates + 8 <= program.length &&
    is(header, 'PE\0\0') &&
    program.readUInt16LE(optional) === 0x20b &&
    program.readUInt32LE(optional + 108) > CERTIFICATE_TABLE;
  if (!isProgram) throw unsignable(where, 'it is not a UEFI program');
  const [at, length] = [program.readUInt32LE(certificates), program.readUInt32LE(certificates + 4)];
  const table = program.subarray(program.length - length);
  const isAligned = at % 8 === 0 && length % 8 === 0;
  const isAtEnd = at >= certificates + 8 && at + length === program.length;
  if (length > 0 && !(isAligned && isAtEnd)) {
    throw unsignable(where, 'its signatures are not at its end, or not at eight bytes');
  }
  return { checksum: optional + 64, certificates, table };
}

function unsignable(where: string, what: string): BuildError {
  return new BuildError({
    what: `${what}: it cannot be signed`,
    where,
    fix: 'Check the packages of kernel and GRUB that the profile names.',
  });
}
