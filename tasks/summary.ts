import { existsSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { readChecksums, updateChecksums } from '../build/image/checksums.ts';
import { type ImageFacts, listPackages } from '../build/image/facts.ts';
import { buildManifest } from '../build/image/manifest.ts';
import { listOtherTools } from '../build/image/other-tools.ts';
import type { PreparedImage } from '../build/image/prepare.ts';
import { combineStates, readImageSource, type SourceState } from '../build/image/source-state.ts';
import { writeFileAtomically } from '../build/process/atomic-write.ts';
import { readPackages } from '../build/sea/make.ts';
import { ENROLMENT_FILES } from '../build/secure-boot/enrolment.ts';
import type { ImageBuild } from './image-build.ts';
import type { Output } from './ui/events.ts';
import { formatBytes, formatSeconds, formatTable } from './ui/format.ts';
import { describeOrigin, type StageTime } from './ui/stage.ts';

/** An image, built now or earlier. */
export interface Built {
  image: string;
  file: string;
  sha256: string;
  /** Time of each step; empty if there was nothing to do. */
  times: readonly StageTime[];
}

/** Paths of the documents of an ISO: the bill of materials in both formats, and the manifest. */
export function listDocuments(file: string): [cyclonedx: string, spdx: string, manifest: string] {
  return [`${file}.cdx.json`, `${file}.spdx.json`, `${file}.manifest.json`];
}

/** Properties of an image that determine which files go with it. */
interface ImageOfOwner {
  file: string;
  facts: Pick<ImageFacts, 'owner'>;
}

/** Names of the files that enrol the key of an image's owner → their paths beside the image; empty without an owner. */
function enrolmentPaths({ file, facts }: ImageOfOwner): Map<string, string> {
  const names = facts.owner === undefined ? [] : ENROLMENT_FILES;
  return new Map(names.map((name) => [name, `${file}.${name}`]));
}

/**
 * Whether all files that go with an ISO exist, and `SHA256SUMS` has its hash.
 * @throws BuildError if `SHA256SUMS` is malformed
 */
export async function hasDocuments(image: ImageOfOwner, sha256: string): Promise<boolean> {
  const { file } = image;
  const documents = [...listDocuments(file), ...enrolmentPaths(image).values()];
  if (!documents.every((document) => existsSync(document))) return false;
  return (await readChecksums(dirname(file))).get(basename(file)) === sha256;
}

/** Prints which host tools differ from those that the existing image was made with. */
export function reportOtherTools(
  { facts, file }: PreparedImage,
  say: (line: string) => void,
): void {
  const [, , manifest] = listDocuments(file);
  const others = listOtherTools(manifest, facts);
  if (others.length === 0) return;
  say(
    `${facts.profile.name}: ${basename(file)} was made with other tools, so the same sources give other bytes: ${others.join(', ')}`,
  );
}

/**
 * Writes the documents of an ISO: `SHA256SUMS`, `<iso>.manifest.json`, `<iso>.cdx.json` and `<iso>.spdx.json`.
 * @param before state of the sources at the start of the build
 */
export async function describeBuild(
  build: ImageBuild,
  times: readonly StageTime[],
  before: SourceState | undefined,
): Promise<void> {
  const { iso, scripts } = build;
  const { facts, plan, file } = build.image;
  const packages = listPackages(facts.lock, facts.flavour);
  const { profile, lock, version } = facts;
  const { programs, installed } = facts;
  const { listComponents } = await import('../build/sea/components.ts');
  const artifacts =
    programs === undefined || plan.sea === undefined
      ? []
      : listComponents(
          programs.runtime,
          installed,
          await readPackages(build.result(plan.sea).directory),
        );
  const { formatCycloneDx } = await import('../build/sbom/cyclonedx.ts');
  const { formatSpdx } = await import('../build/sbom/spdx.ts');
  const materials = {
    appliance: { name: profile.name, title: profile.title, version },
    base: lock.base,
    suite: lock.request.suite,
    packages,
    artifacts,
    sourceDateEpoch: lock.sourceDateEpoch,
  };
  const { lockRequest } = build.image;
  const source = combineStates(before, await readImageSource(lockRequest));
  // Times differ between builds, and a release has to be reproducible.
  const steps = facts.release ? [] : times;
  const parts = { facts, plan, iso, file, times: steps, scripts, artifacts, source };
  const manifest = buildManifest(parts);
  const [cyclonedxFile, spdxFile, manifestFile] = listDocuments(file);
  const documents = {
    [cyclonedxFile]: formatCycloneDx(materials),
    [spdxFile]: formatSpdx(materials),
    [manifestFile]: manifest,
  };
  for (const [path, text] of Object.entries(documents)) await writeFileAtomically(path, text);
  // These files are also on the image, but a machine may need them before it can boot the image.
  const bootLoader = build.result(plan.bootLoader).directory;
  for (const [name, path] of enrolmentPaths({ file, facts })) {
    await writeFileAtomically(path, await readFile(join(bootLoader, name)));
  }
  await updateChecksums(dirname(file), { [basename(file)]: iso.sha256 }, lockRequest.signal);
}

/** An output file. */
export interface MadeFile {
  /** File name without folder. */
  path: string;
  /** Size in bytes. */
  size: number;
  /** SHA-256, hex. */
  sha256: string;
}

/** Formats the tables at the end: each file with size and SHA-256, and the time of each step. */
function summarize(built: readonly Built[], files: readonly MadeFile[]): string {
  const rows = files.map(({ path, size, sha256 }) => [path, formatBytes(size), sha256]);
  const steps = built.flatMap(({ image, times }) =>
    times.map((time) => [image, time.step, formatSeconds(time.seconds), describeOrigin(time)]),
  );
  const tables = [formatTable([['File', 'Size', 'SHA-256'], ...rows])];
  if (steps.length > 0) tables.push(formatTable([['Image', 'Step', 'Time', ''], ...steps]));
  return tables.join('\n\n');
}

/**
 * Reports the result: tables for people, one event per image for programs.
 * @param files files shown to people; the images if absent
 */
export function reportResult(
  built: readonly Built[],
  output: Output,
  files: readonly MadeFile[] = built.map(fileOf),
): void {
  if (!output.json) output.say(`\n${summarize(built, files)}`);
  for (const one of built) {
    const { image, file, times } = one;
    const { size, sha256 } = fileOf(one);
    output.emit({ event: 'built', image, file, size, sha256, upToDate: times.length === 0 });
  }
}

function fileOf({ file, sha256 }: Built): MadeFile {
  return { path: basename(file), size: statSync(file).size, sha256 };
}
