import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { z } from 'zod';
import { BuildError } from '../build/error.ts';
import { writeFileAtomically } from '../build/process/atomic-write.ts';
import { hashFile } from '../build/process/hash-file.ts';
import {
  type Dependency,
  type FileDigest,
  formatProvenance,
  sealProvenance,
} from '../build/release/provenance.ts';
import type { Signer } from '../build/release/signer.ts';
import { listDocuments } from './summary.ts';

const AGAIN = 'Build the image again.';

/** The fields of a build manifest that are read; see `buildManifest`. */
const manifestSchema = z.object({
  profile: z.string(),
  version: z.string(),
  base: z.string(),
  architecture: z.string(),
  flavour: z.string(),
  imageFormat: z.string(),
  release: z.boolean(),
  added: z.object({ packages: z.array(z.string()), cmdline: z.array(z.string()) }).optional(),
  buildId: z.string(),
  sourceDateEpoch: z.int(),
  iso: z.object({ sha256: z.string() }),
  inputs: z.object({
    packages: z.array(z.object({ name: z.string(), sha256: z.string() })),
    compression: z.string(),
    tools: z.record(z.string(), z.string()),
    releaseKeys: z.array(z.string()),
    node: z.string(),
  }),
  source: z.object({ commit: z.string(), dirty: z.boolean() }).nullable(),
});

/** The fields of a CycloneDX bill of materials that are read. */
const billSchema = z.object({
  components: z.array(
    z.object({
      name: z.string(),
      purl: z.string().optional(),
      hashes: z.array(z.object({ alg: z.string(), content: z.string() })).optional(),
      externalReferences: z.array(z.object({ url: z.string(), type: z.string() })).optional(),
    }),
  ),
});

/** What a provenance states besides the image, and who signs it. */
interface ProvenanceRequest {
  /** Other formats of the same image, made from it in the same build. */
  forms?: readonly FileDigest[] | undefined;
  /** URI of the builder. */
  builder: string;
  signer: Signer | undefined;
  signal?: AbortSignal | undefined;
}

/** Returns the path of an image's provenance. */
export function locateProvenance(image: string): string {
  return `${image}.intoto.json`;
}

/**
 * Writes the provenance of an image beside it, from its manifest and bill of materials.
 * @returns the files, and whether the sources differed from their commit
 * @throws BuildError if one of these is missing or of another image; ExplainedError if a release was not built from a
 *   commit
 */
export async function writeProvenance(
  image: string,
  { forms = [], builder, signer, signal }: ProvenanceRequest,
): Promise<{ files: string[]; dirty: boolean }> {
  const [billFile, spdxFile, manifestFile] = listDocuments(image);
  const manifest = await readDocument(manifestFile, manifestSchema);
  const bill = await readDocument(billFile, billSchema);
  const { whole: sha256 } = await hashOf(image, signal);
  if (sha256 !== manifest.iso.sha256) throw foreign('manifest', manifestFile);
  const dependencies = bill.components.flatMap(dependencyOf);
  const known = new Set(dependencies.map(({ digest }) => digest.sha256));
  if (manifest.inputs.packages.some((one) => !known.has(one.sha256))) {
    throw foreign('bill of materials', billFile);
  }
  const { source, profile, version, base, architecture, flavour, release, added } = manifest;
  if (source === null) {
    throw new BuildError({
      what: 'its manifest names no commit: it was not built in a git repository, or git refused to read it',
      where: image,
      fix: 'Build it in a clone in which `git status` works.',
    });
  }
  const { inputs, imageFormat: format, buildId, sourceDateEpoch } = manifest;
  const { compression, tools, node, releaseKeys } = inputs;
  const documents = [billFile, spdxFile, manifestFile];
  const statement = formatProvenance({
    subjects: [{ name: basename(image), sha256 }, ...forms],
    externalParameters: {
      ...{ profile, version, base, architecture, flavour, format, release },
      ...(added && { added }),
    },
    internalParameters: { buildId, sourceDateEpoch, compression, releaseKeys, tools, node },
    dependencies,
    source,
    builder,
    byproducts: await Promise.all(
      documents.map(async (file) => ({
        name: basename(file),
        sha256: (await hashOf(file, signal)).whole,
      })),
    ),
  });
  const files = new Map([[locateProvenance(image), statement]]);
  if (signer !== undefined) {
    files.set(`${locateProvenance(image)}l`, await sealProvenance(statement, [signer]));
  }
  for (const [file, text] of files) await writeFileAtomically(file, text);
  return { files: [...files.keys()], dirty: source.dirty };
}

/** Converts a component that was downloaded; returns nothing for the base itself, which was not downloaded. */
function dependencyOf({
  name,
  purl,
  hashes = [],
  externalReferences = [],
}: z.infer<typeof billSchema>['components'][number]): Dependency[] {
  const hash = (name: string) => hashes.find(({ alg }) => alg === name)?.content;
  const [sha256, sha512] = [hash('SHA-256'), hash('SHA-512')];
  if (sha256 === undefined && sha512 === undefined) return [];
  const url = externalReferences.find(({ type }) => type === 'distribution')?.url;
  const digest = { ...(sha256 && { sha256 }), ...(sha512 && { sha512 }) };
  return [{ name, uri: purl, downloadLocation: url, digest }];
}

async function readDocument<Schema extends z.ZodType>(
  file: string,
  schema: Schema,
): Promise<z.infer<Schema>> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    const fix = 'Build the image with make iso, which writes it beside the image.';
    throw new BuildError({ what: 'it cannot be read', where: file, fix, cause });
  });
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw new BuildError({
      what: 'it is not as this version writes it',
      where: file,
      fix: AGAIN,
      cause,
    });
  }
}

async function hashOf(file: string, signal?: AbortSignal) {
  return hashFile(file, [], signal).catch((cause: unknown) => {
    signal?.throwIfAborted();
    throw new BuildError({ what: 'it cannot be read', where: file, cause });
  });
}

function foreign(document: string, where: string): BuildError {
  return new BuildError({ what: `the ${document} is that of another image`, where, fix: AGAIN });
}
