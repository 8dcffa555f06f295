import type { FileDigest } from './provenance.ts';

/** Predicate type of the record of a rebuild, described in docs/provenance.md. */
export const REBUILD_TYPE = 'https://quantix.internal/rebuilds/v1';

/** Result of comparing a file of a rebuilt release. */
export type RemadeFile = { path: string } & (
  | { result: 'same'; sha256: string; remade: string }
  | {
      result: 'differs';
      sha256: string;
      remade: string;
      /** Offset of the first different byte; absent if the files could not be compared. */
      offset?: number;
      /** A clause that says what contains this byte, or why there is no offset. */
      place?: string;
    }
  /** In the published release only. */
  | { result: 'missing'; sha256: string }
  /** In the rebuilt release only. */
  | { result: 'extra'; remade: string }
);

/** Result of rebuilding a release. */
export interface Rebuild {
  version: string;
  /** The list of the release, `release.json`. */
  list: FileDigest;
  commit: string;
  /** Versions of the host tools, and of the toolchain's Node, that were used for the rebuild. */
  tools: Readonly<Record<string, string>>;
  node: string;
  /** All files of both releases, sorted by name. */
  files: readonly RemadeFile[];
}

/** Whether the rebuilt release is identical to the published one. */
export function isReproduced({ files }: Pick<Rebuild, 'files'>): boolean {
  return files.every(({ result }) => result === 'same');
}

/**
 * Formats the record of a rebuild: an in-toto Statement v1 about the list of the release and each of its files, to be
 * signed like a provenance (`sealProvenance`). The same rebuild gives the same bytes: times are left out.
 * @returns JSON with a final line feed
 */
export function formatRebuild({ version, list, commit, tools, node, files }: Rebuild): string {
  const published = files.flatMap((file) =>
    file.result === 'extra' ? [] : [{ name: file.path, sha256: file.sha256 }],
  );
  const statement = {
    _type: 'https://in-toto.io/Statement/v1',
    subject: [list, ...published].map(({ name, sha256 }) => ({ name, digest: { sha256 } })),
    predicateType: REBUILD_TYPE,
    predicate: {
      release: version,
      commit,
      reproduced: isReproduced({ files }),
      environment: { tools, node },
      files,
    },
  };
  return `${JSON.stringify(statement)}\n`;
}
