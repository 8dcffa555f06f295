import { z } from 'zod';
import { ExplainedError } from '../explained-error.ts';
import { firstIssue, LONGEST_ENVELOPE, openEnvelope, sealBy } from './envelope.ts';
import type { TrustedKey } from './keys.ts';
import type { Signer } from './signer.ts';

/** What an envelope around a program says that it holds. */
export const PROGRAM_TYPE = 'application/vnd.quantix.program+json';

/** Largest program that is taken, bytes; the agent has an eighth of that. */
const LARGEST_PROGRAM = 1024 ** 3;

/** What the head of a program's file says, when its signature was checked: one executable, and who may run it. */
export const programSchema = z
  .strictObject({
    format: z.literal(1),
    /** Name of the profile of the product that it is for. */
    product: z.string().regex(/^[a-z][a-z0-9-]{0,63}$/),
    /** Name that it is called by. */
    program: z.string().regex(/^[a-z][a-z0-9-]{0,63}$/),
    version: z.string().regex(/^\d+\.\d+\.\d+([.-][0-9A-Za-z.-]{1,64})?$/),
    architecture: z.string().regex(/^[a-z0-9_]{1,32}$/),
    /** The base whose C library and other libraries it needs: `debian`. */
    base: z.string().regex(/^[a-z]{1,32}$/),
    /** Rises with each one of a product and program. */
    serial: z.int().min(1),
    /** Those with a serial below this one are refused once this one was confirmed. */
    floor: z.int().min(0),
    /** RFC 3339, UTC. */
    issued: z.iso.datetime(),
    /** RFC 3339, UTC. From then on it is not taken; where it runs already, it runs on. */
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

export type ProgramRelease = z.infer<typeof programSchema>;

/**
 * @param signers a signature by each
 * @returns the head of a program's file, to which the program is to be appended: a DSSE envelope, one line; the same for
 *   the same program and keys
 * @throws ExplainedError if `verifyProgram` would not take it, or a signer does not sign
 */
export async function signProgram(
  program: ProgramRelease,
  signers: readonly Signer[],
): Promise<string> {
  const checked = parse(program, 'the program to sign');
  return sealBy(PROGRAM_TYPE, Buffer.from(JSON.stringify(checked)), signers);
}

/**
 * What the head of a program's file says, if somebody trusted has signed it. Whether it has expired or is for another
 * machine, and whether the program is the one that it names, is for the caller to say.
 * @param head the first line of the file
 * @param where its file, for errors
 * @throws ExplainedError if it is no envelope, nobody trusted has signed it, or it does not say what it must
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
    throw new ExplainedError({ what: 'what was signed is no JSON', where, cause });
  }
  return { program: parse(json, where), key };
}

/**
 * The head of a program's file, which ends with its first line feed; the program is all that follows.
 * @param start the file's first bytes, LONGEST_HEAD of them or all
 * @returns `undefined` if there is no line feed, and so no head
 */
export function headOf(start: Uint8Array): { head: Uint8Array; programAt: number } | undefined {
  const end = start.indexOf(0x0a);
  if (end < 0) return undefined;
  return { head: start.subarray(0, end), programAt: end + 1 };
}

/** Bytes of a head, with its line feed, at most. */
export const LONGEST_HEAD = LONGEST_ENVELOPE + 1;

function parse(json: unknown, where: string): ProgramRelease {
  const { success, data, error } = programSchema.safeParse(json);
  if (success) return data;
  throw new ExplainedError({
    what: `it is no program that this version knows how to take: ${firstIssue(error)}`,
    where,
    fix: 'Make it with the qx-build of this version.',
    cause: error,
  });
}
