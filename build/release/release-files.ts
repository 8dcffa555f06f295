import { z } from 'zod';
import { ExplainedError } from '../explained-error.ts';
import { formatFirstIssue } from './envelope.ts';
import { releaseFields } from './release.ts';

/** Types of documents about an image. */
const DOCUMENT_KINDS = ['manifest', 'sbom', 'provenance'] as const;

/** Kind of a release file: the format of an image, or the type of a document. */
export const RELEASE_FILE_KINDS = [
  ...['iso', 'raw', 'qcow2', 'vmdk', 'ova', 'netboot', 'rootfs', 'oci'],
  ...DOCUMENT_KINDS,
] as const;

const { sha256, product, version, architecture } = releaseFields;

const releaseFileSchema = z.strictObject({
  /** File name in the release's folder. */
  path: z.string().regex(/^[0-9A-Za-z][0-9A-Za-z._-]{0,199}$/, 'must be a plain file name'),
  /** In bytes. */
  size: z.int().min(0),
  /** In hex. */
  sha256,
  kind: z.enum(RELEASE_FILE_KINDS),
  /** Name of the product's profile; absent if the file is for all products. */
  product: product.optional(),
  /** Absent if the file is for all architectures. */
  architecture: architecture.optional(),
});

/** A file of a release's folder. */
export type ReleaseFile = z.infer<typeof releaseFileSchema>;

/** Whether a file of a release is an image, not a document about one. */
export function isImage({ kind }: ReleaseFile): boolean {
  return !DOCUMENT_KINDS.some((document) => document === kind);
}

const releaseFilesSchema = z
  .strictObject({
    format: z.literal(1),
    version,
    files: z.array(releaseFileSchema).min(1, 'has no file').max(10_000),
  })
  .superRefine(({ files }, context) => {
    const seen = new Set<string>();
    for (const { path } of files) {
      if (seen.has(path)) {
        context.addIssue({ code: 'custom', path: ['files'], message: `has ${path} twice` });
      }
      seen.add(path);
    }
  });

/** The list of a release: a version of the products, and its files. */
export interface ReleaseFiles {
  version: string;
  files: readonly ReleaseFile[];
}

/**
 * Formats the list of a release's files.
 * @returns JSON, with files sorted by name: independent of their order in the input
 * @throws ExplainedError if `parseReleaseFiles` would refuse it
 */
export function formatReleaseFiles({ version, files }: ReleaseFiles): string {
  const sorted = files.toSorted((a, b) => (a.path < b.path ? -1 : 1));
  const checked = check({ format: 1, version, files: sorted }, 'the files of the release');
  return `${JSON.stringify(checked, null, 2)}\n`;
}

/**
 * Parses the output of `formatReleaseFiles`. The caller has to check that the files exist and match.
 * @param where the file, for errors
 * @throws ExplainedError if it is something else
 */
export function parseReleaseFiles(text: string, where: string): ReleaseFiles {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new ExplainedError({ what: 'it is not JSON', where, fix: FETCH_AGAIN, cause });
  }
  return check(json, where);
}

const FETCH_AGAIN = 'Get it from its publisher again.';

function check(json: unknown, where: string) {
  const { success, data, error } = releaseFilesSchema.safeParse(json);
  if (success) return data;
  const what = `it is not the file list of a release: ${formatFirstIssue(error)}`;
  throw new ExplainedError({ what, where, fix: FETCH_AGAIN, cause: error });
}
