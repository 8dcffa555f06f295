import type { KeyObject } from 'node:crypto';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { anyPack, anyUnpack, StringValueSchema } from '@bufbuild/protobuf/wkt';
import { z } from 'zod';
import { BuildError } from '../error.ts';
import { formatFirstIssue, openEnvelope, seal } from '../release/envelope.ts';
import type { TrustedKey } from '../release/keys.ts';
import type { Step } from '../step/step.ts';
import { type ActionResult, ActionResultSchema } from './proto/gen/remote_execution_pb.js';

/** Payload type of an envelope for a step's result. */
const RESULT_TYPE = 'application/vnd.quantix.step-result+json';

/** Worker name in an entry: if it is missing, bazel-remote inserts the client's address. */
const WORKER = 'qx-build';

/** Longest entry that is read, in bytes; one with a dozen files has about 5,000. */
export const LONGEST_ENTRY = 64 * 1024;

/** Maximum number of output files of a step. */
const MOST_OUTPUTS = 64;

const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/, 'must be a SHA-256, 64 lower-case hex');

const outputSchema = z.strictObject({
  /** Name of an output file; names with a meaning in the local cache are not allowed. */
  name: z
    .string()
    .regex(/^[0-9A-Za-z][0-9A-Za-z._+-]{0,127}$/, 'must be the plain name of a file')
    .refine((name) => !['step.json', 'checked'].includes(name), 'is a name of the local cache'),
  /** In bytes. */
  size: z.int().min(0),
  sha256: sha256Schema,
  executable: z.boolean(),
});

const resultSchema = z
  .strictObject({
    format: z.literal(1),
    /** Name of the step. */
    step: z.string().max(64),
    key: sha256Schema,
    /** Seconds that the step took. */
    seconds: z.number().min(0).max(86_400),
    outputs: z.array(outputSchema).max(MOST_OUTPUTS),
  })
  .refine(({ outputs }) => new Set(outputs.map(({ name }) => name)).size === outputs.length, {
    path: ['outputs'],
    message: 'must have each name once',
  });

/** An output file of a step. */
export type StepOutput = z.infer<typeof outputSchema>;

/** Result of a step in a remote cache. */
export interface EntryResult {
  /** Seconds that the step took. */
  seconds: number;
  outputs: readonly StepOutput[];
}

/** A result signed with a trusted key. */
export interface OpenedEntry extends EntryResult {
  /** The key that signed it. */
  signedBy: TrustedKey;
}

/**
 * Makes the entry of a step whose result has passed its check: an `ActionResult` of Bazel's Remote Execution API. Only
 * the DSSE envelope in its auxiliary metadata, signed with Ed25519, is trusted; its output files repeat the same data
 * for the cache, which keeps an entry together with its blobs.
 * @param signer private key
 * @returns bytes for `/ac/<key of the step>`; the same for the same result and key
 * @throws ZodError if `openEntry` would refuse the result
 */
export function sealEntry(step: Step, result: EntryResult, signer: KeyObject): Uint8Array {
  const signed = resultSchema.parse({
    format: 1,
    step: step.name,
    key: step.key,
    seconds: result.seconds,
    outputs: result.outputs,
  });
  const envelope = seal(RESULT_TYPE, Buffer.from(JSON.stringify(signed)), [signer]);
  const note = create(StringValueSchema, { value: envelope });
  const outputFiles = signed.outputs.map(({ name, size, sha256, executable }) => ({
    path: name,
    digest: { hash: sha256, sizeBytes: BigInt(size) },
    isExecutable: executable,
  }));
  return toBinary(
    ActionResultSchema,
    create(ActionResultSchema, {
      outputFiles,
      executionMetadata: {
        worker: WORKER,
        auxiliaryMetadata: [anyPack(StringValueSchema, note)],
      },
    }),
  );
}

/**
 * Verifies and parses the entry of a step.
 * @param bytes the cache's answer
 * @param trusted trusted keys
 * @param where its address, for errors
 * @throws ExplainedError if it is not an entry, not signed with a trusted key, of another step, or its unsigned part
 *   differs from the signed one
 */
export function openEntry(
  bytes: Uint8Array,
  { step, trusted, where }: { step: Step; trusted: readonly TrustedKey[]; where: string },
): OpenedEntry {
  const refuse = (what: string, cause?: unknown) => new BuildError({ what, where, cause });
  if (bytes.length > LONGEST_ENTRY) throw refuse(`it is longer than ${LONGEST_ENTRY} bytes`);
  const [action, envelope] = readAction(bytes, refuse);
  const { payload, key } = openEnvelope(envelope, { payloadType: RESULT_TYPE, trusted, where });
  const { success, data, error } = resultSchema.safeParse(parseJson(payload, refuse));
  if (!success)
    throw refuse(`it is not a result that this version understands: ${formatFirstIssue(error)}`);
  if (data.key !== step.key || data.step !== step.name) {
    throw refuse(`it is the result of ${data.step} ${data.key.slice(0, 16)}, another step`);
  }
  if (!agrees(action, data.outputs)) throw refuse('its files are not those that were signed');
  return { seconds: data.seconds, outputs: data.outputs, signedBy: key };
}

type Refuse = (what: string, cause?: unknown) => BuildError;

/** Decodes the message, and the text of the envelope in it. */
function readAction(bytes: Uint8Array, refuse: Refuse): [ActionResult, string] {
  let action: ActionResult;
  let envelope: string | undefined;
  try {
    action = fromBinary(ActionResultSchema, bytes);
    const notes = action.executionMetadata?.auxiliaryMetadata ?? [];
    envelope = notes
      .map((note) => anyUnpack(note, StringValueSchema)?.value)
      .find((value) => value !== undefined);
  } catch (cause) {
    throw refuse('it is not an ActionResult', cause);
  }
  if (envelope === undefined) throw refuse('it is not signed');
  return [action, envelope];
}

function parseJson(payload: Buffer, refuse: Refuse): unknown {
  try {
    return JSON.parse(payload.toString('utf8'));
  } catch (cause) {
    throw refuse('what was signed is not JSON', cause);
  }
}

/** Whether the unsigned list of output files equals the signed one, in any order. */
function agrees({ outputFiles }: ActionResult, outputs: readonly StepOutput[]): boolean {
  const named = outputFiles.map(({ path, digest, isExecutable }) =>
    [path, digest?.hash, digest?.sizeBytes, isExecutable].join(' '),
  );
  const signed = outputs.map(({ name, sha256, size, executable }) =>
    [name, sha256, size, executable].join(' '),
  );
  return named.toSorted().join('\n') === signed.toSorted().join('\n');
}
