import { statSync } from 'node:fs';
import { basename } from 'node:path';
import { isUnreviewed, type PackageScript } from '../contract/scripts.ts';
import type { Artifact } from '../sbom/materials.ts';
import { type ImageFacts, listPackages, makeOwnerInput } from './facts.ts';
import type { IsoResult } from './iso.ts';
import type { ImagePlan } from './plan.ts';
import type { SourceState } from './source-state.ts';

/** Input of `buildManifest`. */
export interface ManifestParts {
  facts: ImageFacts;
  plan: ImagePlan;
  iso: IsoResult;
  /** Path of the ISO on the host. */
  file: string;
  /**
   * For each step: when it began (seconds since the start of the build), how many seconds it took, and who made it if
   * it was not made here.
   */
  times: readonly {
    step: string;
    began: number;
    seconds: number;
    cached: boolean;
    origin?: string | undefined;
  }[];
  /** Package scripts, which were not run. */
  scripts: readonly PackageScript[];
  /** Third-party components of the compiled programs: Node and npm packages. */
  artifacts: readonly Artifact[];
  /** The commit it was built from, if known. */
  source: SourceState | undefined;
}

/** Formats the build manifest as JSON. Except for `steps` and `source`, it is the same for the same ISO. */
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
    /** What the build added to the profile and the lock; absent if nothing. */
    ...(profile.added && { added: profile.added }),
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
      /** SHA-256 of each key that signs releases for the image. */
      releaseKeys: facts.releaseKeys.map(({ id }) => id),
      /** SHA-256 of the owner's certificate. */
      ...makeOwnerInput(facts),
      node: process.version,
    },
    source: source ?? null,
    scriptsNotRun: scripts.map(noteScript),
    steps: times,
  };
  return `${JSON.stringify(manifest, null, 2)}\n`;
}

/** Describes a script in the manifest: why it need not run or, if unreviewed, its text. */
function noteScript(script: PackageScript) {
  const { version: _, verdict, text, ...noted } = script;
  return { ...noted, verdict, ...(isUnreviewed(script) ? { text } : {}) };
}
