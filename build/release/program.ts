import { z } from 'zod';
import { ExplainedError } from '../explained-error.ts';
import { formatFirstIssue, LONGEST_ENVELOPE, openEnvelope, sealBy } from './envelope.ts';
import type { TrustedKey } from './keys.ts';
import type { Signer } from './signer.ts';

/** Payload type of an envelope for a program. */
export const PROGRAM_TYPE = 'application/vnd.quantix.program+json';

/** Maximum number of bytes of a program; the agent's executable has an eighth of this. */
const LARGEST_PROGRAM = 1024 ** 3;

/** The signed head of a program file: describes an executable and the hosts that may run it. */
export const programSchema = z
  .strictObject({
    format: z.literal(1),
    /** Name of the product's profile. */
    product: z.string().regex(/^[a-z][a-z0-9-]{0,63}$/),
    /** Name of the program. */
    program: z.string().regex(/^[a-z][a-z0-9-]{0,63}$/),
    version: z.string().regex(/^\d+\.\d+\.\d+([.-][0-9A-Za-z.-]{1,64})?$/),
    architecture: z.string().regex(/^[a-z0-9_]{1,32}$/),
    /** Base whose C library and other libraries it needs: `debian`. */
    base: z.string().regex(/^[a-z]{1,32}$/),
    /** Increases with each release of the program for a product. */
    serial: z.int().min(1),
    /** After this program is confirmed, programs with a serial below this number are refused. */
    floor: z.int().min(0),
    /** RFC 3339, UTC. */
    issued: z.iso.datetime(),
    /** RFC 3339, UTC. From then on, the program cannot be installed; hosts on which it already runs keep running it. */
    expires: z.iso.datetime(),
    bytes: z.int().min(1).max(LARGEST_PROGRAM),
    sha256: z.string().regex(/^[0-9a-f]{64}$/, 'must be a SHA-256, 64 lower-case hex digits'),
  })
  .superRefine(({ issued, expires, serial, floor }, context) => {
    const refuse = (path: string[], message: string) =>
      context.addIssue({ code: 'custom', path, message });
    if (Date.parse(expires) <= Date.parse(issued)) {
      refuse(['expires'], 'must be later than issued');
    }
    if (floor > serial) refuse(['floor'], 'must not be above its own serial');
  });

/** The content of the signed head of a program file. */
export type ProgramRelease = z.infer<typeof programSchema>;

/**
 * Makes the head of a program file, to which the program is appended.
 * @param signers each makes one signature
 * @returns a DSSE envelope in one line; the same for the same program and keys
 * @throws ExplainedError if `verifyProgram` would refuse it, or a signer fails
 */
export async function signProgram(
  program: ProgramRelease,
  signers: readonly Signer[],
): Promise<string> {
  const checked = parse(program, 'the program to sign');
  return sealBy(PROGRAM_TYPE, Buffer.from(JSON.stringify(checked)), signers);
}

/**
 * Verifies and parses the head of a program file. The caller has to check that it has not expired, is for this machine,
 * and describes the program that follows it.
 * @param head the first line of the file
 * @param where its file, for errors
 * @throws ExplainedError if it is not an envelope, not signed with a trusted key, or malformed
 */
export function verifyProgram(
  head: string | Uint8Array,
  trusted: readonly TrustedKey[],
  where: string,
): { program: ProgramRelease; key: TrustedKey } {
  const { payload, key } = openEnvelope(head, { payloadType: PROGRAM_TYPE, trusted, where });
  let json: unknown;
  try {
    json = JSON.parse(payload.toString('utf8'));
  } catch (cause) {
    throw new ExplainedError({ what: 'what was signed is not JSON', where, cause });
  }
  return { program: parse(json, where), key };
}

/**
 * Splits a program file into its head, which ends with the first line feed, and the program.
 * @param start the first LONGEST_HEAD bytes of the file, or all of it
 * @returns `undefined` if there is no line feed, and thus no head
 */
export function splitHead(start: Uint8Array): { head: Uint8Array; programAt: number } | undefined {
  const end = start.indexOf(0x0a);
  if (end < 0) return undefined;
  return { head: start.subarray(0, end), programAt: end + 1 };
}

/** Maximum number of bytes of a head, including its line feed. */
export const LONGEST_HEAD = LONGEST_ENVELOPE + 1;

function parse(json: unknown, where: string): ProgramRelease {
  const { success, data, error } = programSchema.safeParse(json);
  if (success) return data;
  throw new ExplainedError({
    what: `it is not a program that this version can install: ${formatFirstIssue(error)}`,
    where,
    fix: 'Make it with the qx-build of this version.',
    cause: error,
  });
}
