import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { messageOf } from '../../../error.ts';
import { asDiskError, DiskError } from '../../../files/disk-error.ts';
import { readIfThere, setAside, syncFolder, writeDurably } from '../../../files/durable-file.ts';
import { getErrorCode } from '../../../process/code-of.ts';
import { AgentError } from '../../configuration/error.ts';
import { parseOrigin } from '../../configuration/origin.ts';
import { type Credentials, makeCredentials } from './credentials.ts';
import type { NodeKey } from './key.ts';

/** File that records the node's control plane. */
export const MEMBERSHIP = 'membership.json';

/** The control plane of a node. Its file is replaced atomically, so that a node never belongs to two control planes. */
export interface MembershipRecord {
  /** Address at which the control plane answered last: `https://host:port`. */
  readonly origin: string;
  /** Possible addresses of the control plane, as it reported them. */
  readonly endpoints?:
    | { readonly version: bigint; readonly origins: readonly string[] }
    | undefined;
  /** Version of the authorities in `credentials`, as the control plane reported it. */
  readonly trustBundleVersion?: bigint | undefined;
  readonly credentials: Credentials;
  /** `controlPlane` in `node.yaml` when this record was written. While it is unchanged, `origin` takes precedence. */
  readonly configuredBefore?: string | undefined;
}

export interface RecordOptions {
  readonly folder: string;
  readonly key: () => Promise<NodeKey>;
  /** `controlPlane` in `node.yaml`. */
  readonly configured: string | undefined;
  /** Receives a line for a person when an invalid file is set aside. */
  readonly log: (line: string) => void;
}

/**
 * Reads the address at which a node's control plane answered last, and the certificates of its authorities in PEM.
 * @returns undefined if the node has not joined
 */
export async function readPeer(
  folder: string,
): Promise<{ origin: string; caCertificates: string } | undefined> {
  const file = join(folder, MEMBERSHIP);
  const text = await readIfThere(file);
  if (text === undefined) return undefined;
  const { origin, caCertificates } = parse(text, file);
  return { origin, caCertificates };
}

/** Largest number of endpoints that are stored. */
const MOST_ENDPOINTS = 16;

/** A decimal string, because JSON numbers cannot represent every `uint64` exactly. */
const version = z
  .string()
  .regex(/^\d{1,20}$/)
  .transform(BigInt);

const schema = z.object({
  origin: z.string(),
  endpoints: z.object({ version, origins: z.array(z.string()).max(64) }).optional(),
  trustBundleVersion: version.optional(),
  configuredBefore: z.string().optional(),
  certificateChain: z.string(),
  caCertificates: z.string(),
});

/**
 * Reads the record of the node's control plane. If it consists of `node.crt` and `ca.crt`, as older agents wrote it, it
 * is rewritten as one file.
 * @returns `undefined` if the node has not joined
 */
export async function readRecord(options: RecordOptions): Promise<MembershipRecord | undefined> {
  const { folder, key, log } = options;
  const file = join(folder, MEMBERSHIP);
  const text = await readIfThere(file);
  if (text === undefined) return await takeOver(options);
  await removeOlderForm(folder, log);
  try {
    const { certificateChain, caCertificates, ...rest } = parse(text, file);
    const certificates = { certificateChain, caCertificates };
    return {
      ...rest,
      credentials: makeCredentials({ key: await key(), ...certificates, where: file }),
    };
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    log(`${error.message} Set aside as ${await setAside(file)}; the node must join again.`);
    return undefined;
  }
}

/** Writes the record of the node's control plane atomically. @throws DiskError */
export async function writeRecord(folder: string, record: MembershipRecord): Promise<void> {
  const { credentials, endpoints, trustBundleVersion, ...rest } = record;
  const { certificateChain, caCertificates } = credentials;
  const content = {
    ...rest,
    ...(endpoints === undefined
      ? {}
      : { endpoints: { ...endpoints, version: String(endpoints.version) } }),
    ...(trustBundleVersion === undefined ? {} : { trustBundleVersion: String(trustBundleVersion) }),
    certificateChain,
    caCertificates,
  };
  await writeDurably(join(folder, MEMBERSHIP), `${JSON.stringify(content, null, 2)}\n`, 0o600);
}

function parse(text: string, where: string): z.infer<typeof schema> {
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    if (!(cause instanceof SyntaxError || cause instanceof z.ZodError)) throw cause;
    throw new AgentError({ what: 'this does not name its control plane', where });
  }
}

async function takeOver(options: RecordOptions): Promise<MembershipRecord | undefined> {
  const { folder, key, configured: origin, log } = options;
  const [certificateFile, caFile] = olderForm(folder);
  const certificateChain = await readIfThere(certificateFile);
  const caCertificates = await readIfThere(caFile);
  if (origin === undefined || certificateChain === undefined || caCertificates === undefined) {
    return undefined;
  }
  try {
    const credentials = makeCredentials({
      key: await key(),
      certificateChain,
      caCertificates,
      where: certificateFile,
    });
    const record = { origin, credentials, configuredBefore: undefined };
    await replaceOlderForm(folder, record, log);
    return record;
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    const aside = await setAside(certificateFile);
    log(`${error.message} Set aside as ${aside}; the node must join again.`);
    return undefined;
  }
}

async function replaceOlderForm(
  folder: string,
  record: MembershipRecord,
  log: (line: string) => void,
): Promise<void> {
  try {
    await writeRecord(folder, record);
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
    return log(error.message);
  }
  await removeOlderForm(folder, log);
}

/**
 * Removes files of the older form. Files that cannot be removed do no harm, so that an error of the disk is only
 * logged.
 */
async function removeOlderForm(folder: string, log: (line: string) => void): Promise<void> {
  try {
    for (const file of olderForm(folder)) await rm(file, { force: true });
  } catch (error) {
    if (getErrorCode(error) === undefined) throw error;
    log(`older certificates cannot be removed: ${messageOf(error)}`);
  }
}

function olderForm(folder: string): [certificate: string, ca: string] {
  return [join(folder, 'node.crt'), join(folder, 'ca.crt')];
}

/**
 * Selects the endpoints that can be stored.
 * @param endpoints as it reported them
 * @returns `undefined` if no endpoint is usable
 */
export function selectUsableEndpoints({
  version: reported,
  origins,
}: {
  readonly version: bigint;
  readonly origins: readonly string[];
}): MembershipRecord['endpoints'] {
  const usable = origins.flatMap(readOrigin).slice(0, MOST_ENDPOINTS);
  return usable.length === 0 ? undefined : { version: reported, origins: usable };
}

function readOrigin(text: string): [] | [string] {
  try {
    return [parseOrigin(text)];
  } catch (error) {
    if (error instanceof AgentError) return [];
    throw error;
  }
}

/** Removes the record of the node's control plane. @throws DiskError */
export async function removeRecord(folder: string): Promise<void> {
  const file = join(folder, MEMBERSHIP);
  try {
    await rm(file, { force: true });
    await syncFolder(folder);
  } catch (error) {
    throw asDiskError(file, error);
  }
}
