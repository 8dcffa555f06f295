import { z } from 'zod';
import { ExplainedError } from '../explained-error.ts';
import { formatFirstIssue, LONGEST_OF_FOLDER, sealBy } from './envelope.ts';
import { releaseFields } from './release.ts';
import type { Signer } from './signer.ts';

/** Build type of images, described in docs/provenance.md. */
export const BUILD_TYPE = 'https://quantix.internal/build-types/appliance/v1';

/** Builder id for builds on any machine: no trusted service confirms how they were made. */
export const BY_HAND = 'https://quantix.internal/builders/by-hand';

/** Payload type of an envelope with a statement (in-toto attestation framework, "envelope"). */
export const STATEMENT_TYPE = 'application/vnd.in-toto+json';

/** Name and hash of a file. */
export interface FileDigest {
  /** File name without folder. */
  readonly name: string;
  /** In hex. */
  readonly sha256: string;
}

/** An input of a build. */
export interface Dependency {
  readonly name: string;
  /** Package URL, if it has one. */
  readonly uri?: string | undefined;
  /** Address that it was downloaded from. */
  readonly downloadLocation?: string | undefined;
  /** Algorithm → digest in hex. */
  readonly digest: Readonly<Partial<Record<'sha256' | 'sha512', string>>>;
}

/** How images were built. */
export interface BuildDescription {
  /** The files that were built. */
  readonly subjects: readonly FileDigest[];
  /** Parameters given by the caller. */
  readonly externalParameters: {
    readonly profile: string;
    readonly version: string;
    readonly base: string;
    readonly architecture: string;
    readonly flavour: string;
    readonly format: string;
    readonly release: boolean;
    /** Packages and kernel parameters in addition to those of profile and lock; absent if none. */
    readonly added?: { readonly packages: readonly string[]; readonly cmdline: readonly string[] };
  };
  /** Parameters chosen by the builder, and its environment. */
  readonly internalParameters: Readonly<Record<string, unknown>>;
  /** All packages and artifacts. */
  readonly dependencies: readonly Dependency[];
  /** The sources; `dirty` if files differed from the commit. */
  readonly source: { readonly commit: string; readonly dirty: boolean };
  /** URI of the builder. */
  readonly builder: string;
  /** Other output files. */
  readonly byproducts: readonly FileDigest[];
}

/**
 * Formats the provenance of images: an in-toto Statement v1 with a SLSA provenance v1 predicate
 * (https://slsa.dev/spec/v1.0/provenance). The same build gives the same bytes: lists are sorted, and times are left
 * out.
 * @returns JSON with a final line feed
 * @throws ExplainedError if a release was not built from an unchanged commit
 */
export function formatProvenance(build: BuildDescription): string {
  const { externalParameters, internalParameters, source, builder } = build;
  if (externalParameters.release && source.dirty) {
    throw new ExplainedError({
      what: `files differed from commit ${source.commit.slice(0, 12)} when it was built, and a release is built from a commit`,
      where: build.subjects.map(({ name }) => name).join(', '),
      fix: 'Commit or remove what `git status` lists, and build again.',
    });
  }
  const { commit, dirty } = source;
  const sources = {
    name: 'source',
    digest: { gitCommit: commit },
    ...(dirty ? { annotations: { dirty: true } } : {}),
  };
  const statement = {
    _type: 'https://in-toto.io/Statement/v1',
    subject: sortByName(build.subjects).map(describeFile),
    predicateType: 'https://slsa.dev/provenance/v1',
    predicate: {
      buildDefinition: {
        buildType: BUILD_TYPE,
        externalParameters,
        internalParameters,
        resolvedDependencies: [sources, ...sortByName(build.dependencies).map(describeDependency)],
      },
      runDetails: {
        builder: { id: builder },
        byproducts: sortByName(build.byproducts).map(describeFile),
      },
    },
  };
  return `${JSON.stringify(statement)}\n`;
}

/** Subjects of a statement (in-toto Statement v1, "subject"). */
const statementSchema = z.object({
  subject: z
    .array(z.object({ name: z.string(), digest: z.object({ sha256: releaseFields.sha256 }) }))
    .min(1, 'names no file'),
});

/**
 * Returns the subjects of an in-toto statement, whatever its predicate.
 * @param where the file, for errors
 * @throws ExplainedError if it is not such a statement
 */
export function readSubjects(statement: Uint8Array, where: string): FileDigest[] {
  const { subject } = parseStatement(statement, statementSchema, where);
  return subject.map(({ name, digest }) => ({ name, sha256: digest.sha256 }));
}

/** Package URLs of packages from a base's mirror (purl-spec, types `deb` and `apk`). */
const OF_BASE = /^pkg:(?:deb|apk)\//;

const word = z.string().regex(/^[a-z][a-z0-9_]{0,31}$/);
const { product, version, architecture, sha256 } = releaseFields;

/** The fields of a provenance that `parseProvenance` reads. */
const provenanceSchema = statementSchema.extend({
  predicateType: z.literal('https://slsa.dev/provenance/v1'),
  predicate: z.object({
    buildDefinition: z.object({
      buildType: z.literal(BUILD_TYPE),
      externalParameters: z.object({
        ...{ profile: product, version, base: word, architecture, flavour: word },
        release: z.boolean(),
      }),
      internalParameters: z.object({
        tools: z.record(z.string(), z.string()),
        node: z.string(),
        releaseKeys: z.array(sha256),
      }),
      resolvedDependencies: z.array(
        z.object({
          uri: z.string().optional(),
          digest: z.object({
            sha256: sha256.optional(),
            gitCommit: z
              .string()
              .regex(/^[0-9a-f]{40,64}$/)
              .optional(),
          }),
          annotations: z.object({ dirty: z.boolean() }).optional(),
        }),
      ),
    }),
  }),
});

/** The parts of a provenance that are needed to rebuild images. */
export interface Provenance {
  /** The image and its other formats. */
  subjects: readonly FileDigest[];
  parameters: Omit<BuildDescription['externalParameters'], 'format'>;
  /** Version of each host tool. */
  tools: Readonly<Record<string, string>>;
  /** Version of the toolchain's Node. */
  node: string;
  /** SHA-256 of each key that signs updates, hex. */
  releaseKeys: readonly string[];
  source: BuildDescription['source'];
  /** Packages of the base; their names are package URLs. */
  packages: readonly FileDigest[];
}

/**
 * Parses the output of `formatProvenance`.
 * @param where the file, for errors
 * @throws ExplainedError if it is something else, or has no commit
 */
export function parseProvenance(text: Uint8Array, where: string): Provenance {
  const { subject, predicate } = parseStatement(text, provenanceSchema, where);
  const { externalParameters, internalParameters, resolvedDependencies } =
    predicate.buildDefinition;
  const source = resolvedDependencies.find(({ digest }) => digest.gitCommit !== undefined);
  const commit = source?.digest.gitCommit;
  if (commit === undefined) {
    throw new ExplainedError({ what: 'it names no commit', where, fix: FETCH_AGAIN });
  }
  return {
    subjects: subject.map(({ name, digest }) => ({ name, sha256: digest.sha256 })),
    parameters: externalParameters,
    ...internalParameters,
    source: { commit, dirty: source?.annotations?.dirty === true },
    packages: resolvedDependencies.flatMap(({ uri = '', digest }) =>
      OF_BASE.test(uri) && digest.sha256 !== undefined
        ? [{ name: uri, sha256: digest.sha256 }]
        : [],
    ),
  };
}

function parseStatement<Schema extends z.ZodType>(
  statement: Uint8Array,
  schema: Schema,
  where: string,
): z.infer<Schema> {
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(statement).toString('utf8'));
  } catch (cause) {
    throw new ExplainedError({ what: 'it is not JSON', where, fix: FETCH_AGAIN, cause });
  }
  const { success, data, error } = schema.safeParse(json);
  if (success) return data;
  const what = `it is not a provenance statement: ${formatFirstIssue(error)}`;
  throw new ExplainedError({ what, where, fix: FETCH_AGAIN, cause: error });
}

const FETCH_AGAIN = 'Get it from its publisher again.';

/**
 * Signs a statement: returns it in a DSSE envelope.
 * @param statement output of `formatProvenance`
 * @param signers each makes one signature
 */
export function sealProvenance(statement: string, signers: readonly Signer[]): Promise<string> {
  return sealBy(STATEMENT_TYPE, Buffer.from(statement), signers, LONGEST_OF_FOLDER);
}

function describeFile({ name, sha256 }: FileDigest) {
  return { name, digest: { sha256 } };
}

function describeDependency({ name, uri, downloadLocation, digest }: Dependency) {
  return {
    ...(uri === undefined ? { name } : { uri }),
    digest,
    ...(downloadLocation === undefined ? {} : { downloadLocation }),
  };
}

function sortByName<T extends { name: string; uri?: string | undefined }>(list: readonly T[]): T[] {
  const key = ({ name, uri = '' }: T) => `${name} ${uri}`;
  return list.toSorted((a, b) => (key(a) < key(b) ? -1 : 1));
}
