import { statSync } from 'node:fs';
import { basename } from 'node:path';
import { isUnreviewed, type PackageScript } from '../contract/scripts.ts';
import type { Artifact } from '../sbom/materials.ts';
import { type ImageFacts, listPackages } from './facts.ts';
import type { IsoResult } from './iso.ts';
import type { ImagePlan } from './plan.ts';
import type { SourceState } from './source-state.ts';

/** What a build manifest is made from. */
export interface ManifestParts {
  facts: ImageFacts;
  plan: ImagePlan;
  iso: IsoResult;
  /** The ISO on the host. */
  file: string;
  /** When each step began, since the build did, and what it took, in seconds; and who made it if that was somebody else. */
  times: readonly {
    step: string;
    began: number;
    seconds: number;
    cached: boolean;
    origin?: string | undefined;
  }[];
  /** Scripts of packages that were not run. */
  scripts: readonly PackageScript[];
  /** Third-party components of the compiled programs: Node and npm packages. */
  artifacts: readonly Artifact[];
  /** What it was built from, where that is a commit. */
  source: SourceState | undefined;
}

/**
 * The build manifest, as JSON: what went in, what came out, what it took. All but `steps` and `source` is the same for the
 * same ISO.
 */
export function buildManifest({
  facts,
  plan,
  iso,
  file,
  times,
  scripts,
  artifacts,
  source,
}: ManifestParts): string {
  const { profile, lock, flavour, version, compression, toolVersions } = facts;
  const manifest = {
    format: 1,
    profile: profile.name,
    title: profile.title,
    version,
    base: lock.base,
    architecture: profile.architecture,
    flavour,
    imageFormat: facts.format,
    release: facts.release,
    buildId: plan.buildId,
    sourceDateEpoch: lock.sourceDateEpoch,
    iso: { name: basename(file), size: statSync(file).size, sha256: iso.sha256 },
    files: iso.files,
    inputs: {
      repositories: lock.repositories,
      packages: listPackages(lock, flavour).map(({ name, version: of, sha256 }) => ({
        name,
        version: of,
        sha256,
      })),
      artifacts: artifacts.map(({ name, version: of, hashes }) => ({ name, version: of, hashes })),
      compression: compression.args.join(' '),
      tools: toolVersions,
      /** SHA-256 of each key by which releases for it are signed. */
      releaseKeys: facts.releaseKeys.map(({ id }) => id),
      node: process.version,
    },
    source: source ?? null,
    scriptsNotRun: scripts.map(noteScript),
    steps: times,
  };
  return `${JSON.stringify(manifest, null, 2)}\n`;
}

/** A script as the manifest has it: why it need not run or, where nobody said so, what it would have done. */
function noteScript(script: PackageScript) {
  const { version: _, verdict, text, ...noted } = script;
  return { ...noted, verdict, ...(isUnreviewed(script) ? { text } : {}) };
}
