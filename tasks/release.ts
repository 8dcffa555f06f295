import { readFile, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { ListrTask } from 'listr2';
import { ARCHITECTURES } from '../build/architecture.ts';
import { updateChecksums } from '../build/image/checksums.ts';
import { writeDiskFormats } from '../build/image/disk-formats.ts';
import { writeDiskImage } from '../build/image/disk-image.ts';
import { hasSignedPrograms } from '../build/image/facts.ts';
import { INITRAMFS_FILE, KERNEL_FILE } from '../build/image/initramfs.ts';
import { listKernelParameters } from '../build/image/iso.ts';
import { writeNetboot } from '../build/image/netboot.ts';
import type { PreparedImage } from '../build/image/prepare.ts';
import { openReleaseFolder } from '../build/image/release-folder.ts';
import {
  formatPath,
  RELEASE_FORMATS,
  type ReleaseFormatName,
} from '../build/image/release-formats.ts';
import { assembleRootfs, readRootfs } from '../build/image/rootfs.ts';
import { writeRootfsFormats } from '../build/image/rootfs-formats.ts';
import { SQUASHFS_FILE } from '../build/image/squashfs.ts';
import { VERITY_FILE } from '../build/image/verity.ts';
import { makeTemporaryName, writeFileAtomically } from '../build/process/atomic-write.ts';
import { DiskUse } from '../build/process/disk-use.ts';
import { hashFile } from '../build/process/hash-file.ts';
import { formatReleaseFiles, type ReleaseFile } from '../build/release/release-files.ts';
import { RELEASE_LIST } from '../build/release/sign-folder.ts';
import type { Step } from '../build/step/step.ts';
import { ContentReader } from '../build/tree/content.ts';
import type { ImageBuild } from './image-build.ts';
import { buildIso } from './iso.ts';
import { locateProvenance, writeProvenance } from './provenance.ts';
import { readEarlierLocks, writeReleaseCharts } from './release-charts.ts';
import { type Built, listDocuments, reportResult } from './summary.ts';
import type { Output } from './ui/events.ts';
import { formatBytes } from './ui/format.ts';
import type { StageReport, Stages } from './ui/stage.ts';

/** Number of processors, and minimum memory in MiB, of the machine that is created by importing an OVA. */
const MACHINE = { processors: 2, memory: 2048 };

/** An image of a release, and its formats. */
export interface ReleaseImage {
  image: PreparedImage;
  formats: readonly ReleaseFormatName[];
}

/**
 * Builds the images of a version into one folder, each built once and written in all its formats, and lists the files
 * in `SHA256SUMS` and `release.json`, which is written last.
 * @param images at least one image, all of one version and for one folder
 * @param profiles profiles whose images may already be in the folder
 * @param builder URI of the builder, for the provenance
 * @param since an earlier commit, with whose locks the charts of packages compare; without it, there are no such charts
 * @returns the contents of the release
 */
export async function buildRelease(
  images: readonly [ReleaseImage, ...ReleaseImage[]],
  {
    profiles,
    builder,
    since,
  }: { profiles: readonly string[]; builder: string; since?: string | undefined },
  output: Output,
): Promise<ReleaseFile[]> {
  const { file, facts, lockRequest, projectDirectory: project } = images[0].image;
  const { version } = facts;
  const { signal } = lockRequest;
  const directory = dirname(file);
  const planned = images.flatMap(({ image, formats }) => [
    ...formats.map((format) => formatPath(image.file, format)),
    ...listDocuments(image.file),
    locateProvenance(image.file),
  ]);
  const earlier =
    since === undefined
      ? undefined
      : await readEarlierLocks(
          images.map(({ image }) => image),
          { project, since, signal },
          output.say,
        );
  await openReleaseFolder(directory, {
    ...{ version, profiles },
    planned: planned.map((path) => basename(path)),
  });
  using use = new DiskUse(directory);
  const built: Built[] = [];
  const files: ReleaseFile[] = [];
  // Charts are not in the list of the release: a rebuild would draw other times, and may have nothing to compare with.
  const charts: string[] = [];
  for (const { image, formats } of images) {
    const digests: Digests = {};
    const done = await buildIso(image, output, {
      remote: 'forbidden',
      further: (build, stage) => formatStages(build, stage, { formats, digests }),
    });
    built.push(done);
    const made = await listFiles(image, formats, { ...digests, iso: done.sha256 });
    files.push(...made, await addProvenance(image, made, builder));
    const { times } = done;
    const packages = earlier?.get(image.file);
    charts.push(
      ...(await writeReleaseCharts(image, { times, earlier: packages }, { output, signal })),
    );
  }
  const sums = Object.fromEntries(files.map(({ path, sha256 }) => [path, sha256]));
  for (const chart of charts) sums[basename(chart)] = (await hashFile(chart, [], signal)).whole;
  await updateChecksums(directory, sums, signal);
  const list = join(directory, RELEASE_LIST);
  await writeFileAtomically(list, formatReleaseFiles({ version, files }));
  reportResult(built, output, files);
  printRelease({ list, files, peak: use.peak }, output);
  return files;
}

/** SHA-256 in hex of each format that was made. */
type Digests = Partial<Record<ReleaseFormatName, string>>;

function formatStages(
  build: ImageBuild,
  stage: Stages['stage'],
  { formats, digests }: { formats: readonly ReleaseFormatName[]; digests: Digests },
): ListrTask[] {
  const pathsFrom = (from: 'disk' | 'parts' | 'rootfs') => {
    const names = formats.filter((name) => RELEASE_FORMATS[name].from === from);
    return Object.fromEntries(names.map((name) => [name, formatPath(build.image.file, name)]));
  };
  const [ofDisk, ofRootfs] = [pathsFrom('disk'), pathsFrom('rootfs')];
  const { netboot } = pathsFrom('parts');
  const stages = [];
  if (Object.keys(ofDisk).length > 0) {
    stages.push(
      stage('disk', `Disk: ${Object.keys(ofDisk).join(', ')}`, async () => {
        Object.assign(digests, await writeDisk(build, ofDisk));
        return {};
      }),
    );
  }
  if (netboot !== undefined) {
    stages.push(
      stage('netboot', 'Files to boot from a network', async () => {
        digests.netboot = await writeNetbootSet(build, netboot);
        return {};
      }),
    );
  }
  if (Object.keys(ofRootfs).length > 0) {
    stages.push(
      stage('rootfs', `Root filesystem: ${Object.keys(ofRootfs).join(', ')}`, async (report) => {
        Object.assign(digests, await writeRootfs(build, ofRootfs, report));
        return {};
      }),
    );
  }
  return stages;
}

async function writeDisk(build: ImageBuild, paths: Digests): Promise<Digests> {
  const { facts, plan, file, lockRequest } = build.image;
  const { profile, lock, version } = facts;
  const { buildId } = plan;
  const epoch = lock.sourceDateEpoch;
  const { signal } = lockRequest;
  const raw = makeTemporaryName(file);
  try {
    const disk = await writeDiskImage(raw, {
      ...{ iso: file, labelPrefix: profile.labelPrefix, epoch, signal },
      trailer: {
        ...{ product: profile.name, version, base: lock.base },
        ...{ architecture: profile.architecture, buildId, sha256: build.iso.sha256 },
      },
      bootLoader: build.result(plan.bootLoader).directory,
    });
    const machine = {
      ...{ name: `${profile.name}-${version}`, title: profile.title, version },
      ...{ diskBytes: disk.bytes, guest: ARCHITECTURES[profile.architecture].vmware ?? '' },
      ...{ processors: MACHINE.processors, memory: Math.max(MACHINE.memory, profile.memory) },
      secureBoot: hasSignedPrograms(facts),
    };
    return await writeDiskFormats({ disk, paths, machine, identity: buildId, epoch, signal });
  } finally {
    await rm(raw, { force: true });
  }
}

async function writeNetbootSet(build: ImageBuild, path: string): Promise<string> {
  const { facts, plan, projectDirectory, lockRequest } = build.image;
  const { profile, lock, version } = facts;
  const { buildId } = plan;
  const made = (step: Step, name: string) => join(build.result(step).directory, name);
  const architecture = ARCHITECTURES[profile.architecture];
  return await writeNetboot(path, {
    kernel: made(plan.initramfs, KERNEL_FILE),
    initramfs: made(plan.verity, INITRAMFS_FILE),
    system: made(plan.squashfs, SQUASHFS_FILE),
    tree: made(plan.verity, VERITY_FILE),
    init: await readFile(join(projectDirectory, 'overlay/netboot/netboot-init')),
    namespace: profile.namespace,
    title: `${profile.title} ${version}`,
    parameters: [
      ...listKernelParameters({ profile, architecture, buildId }),
      `${profile.namespace}.mode=live`,
    ],
    epoch: lock.sourceDateEpoch,
    signal: lockRequest.signal,
  });
}

async function writeRootfs(
  build: ImageBuild,
  paths: Digests,
  report: StageReport,
): Promise<Digests> {
  const { facts, plan, lockRequest } = build.image;
  const { profile, lock, version } = facts;
  using reader = new ContentReader();
  const inputs = readRootfs({ ...facts, sea: plan.sea });
  // The tree is not audited here, because the stage of the squashfs audits it.
  const tree = assembleRootfs(inputs, build.work(report), reader);
  return await writeRootfsFormats({
    ...{ tree, paths, signal: lockRequest.signal },
    image: {
      ...{ name: profile.name, title: profile.title, version, init: '/sbin/init' },
      architecture: ARCHITECTURES[profile.architecture].debian,
      epoch: lock.sourceDateEpoch,
    },
  });
}

async function listFiles(
  { facts, file, lockRequest }: PreparedImage,
  formats: readonly ReleaseFormatName[],
  digests: Digests,
): Promise<ReleaseFile[]> {
  const { name: product, architecture } = facts.profile;
  const images = formats.map((format) => ({
    ...{ path: formatPath(file, format), kind: RELEASE_FORMATS[format].kind },
    sha256: digests[format],
  }));
  const documents = listDocuments(file).map((path) => ({
    ...{ path, sha256: undefined },
    kind: path.endsWith('.manifest.json') ? ('manifest' as const) : ('sbom' as const),
  }));
  return await Promise.all(
    [...images, ...documents].map(async ({ path, kind, sha256 }) => ({
      path: basename(path),
      size: (await stat(path)).size,
      sha256: sha256 ?? (await hashFile(path, [], lockRequest.signal)).whole,
      ...{ kind, product, architecture },
    })),
  );
}

/** Writes the provenance of an image and its other formats; see docs/provenance.md. */
async function addProvenance(
  { facts, file, lockRequest }: PreparedImage,
  made: readonly ReleaseFile[],
  builder: string,
): Promise<ReleaseFile> {
  const { signal } = lockRequest;
  const forms = made
    .filter(({ path, kind }) => path !== basename(file) && kind !== 'manifest' && kind !== 'sbom')
    .map(({ path, sha256 }) => ({ name: path, sha256 }));
  await writeProvenance(file, { forms, builder, signer: undefined, signal });
  const path = locateProvenance(file);
  return {
    path: basename(path),
    size: (await stat(path)).size,
    sha256: (await hashFile(path, [], signal)).whole,
    kind: 'provenance',
    product: facts.profile.name,
    architecture: facts.profile.architecture,
  };
}

function printRelease(
  { list, files, peak }: { list: string; files: readonly ReleaseFile[]; peak: number },
  output: Output,
): void {
  const kept = files.reduce((sum, { size }) => sum + size, 0);
  output.say(
    `${list}: ${files.length} files, ${formatBytes(kept)}; the folder had ${formatBytes(peak)} of the disk at most, ${(peak / kept).toFixed(1)} times as much`,
  );
  output.emit({ event: 'released', list, files: [...files], kept, peak });
}
