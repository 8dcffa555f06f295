import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { ListrTask } from 'listr2';
import { cacheLimit, pruneCache } from '../build/cache/contents.ts';
import { readChecksums } from '../build/image/checksums.ts';
import { sweepOutputFolder } from '../build/image/output-folder.ts';
import type { PreparedImage } from '../build/image/prepare.ts';
import { writeRecord } from '../build/image/record.ts';
import { readImageSource } from '../build/image/source-state.ts';
import type { RemoteCache } from '../build/remote-cache/remote-cache.ts';
import { ImageBuild } from './image-build.ts';
import { type Built, describeBuild } from './summary.ts';
import type { Output } from './ui/events.ts';
import { Stages } from './ui/stage.ts';

/** Further options of a build. */
export interface BuildOptions {
  /** Cache with results and packages of others, if available; `forbidden` if the image must not contain any of them. */
  remote?: RemoteCache | 'forbidden' | undefined;
  /** Stages that make other formats of the finished image, before its manifest and bill of materials. */
  further?: (build: ImageBuild, stage: Stages['stage']) => ListrTask[];
}

/**
 * Builds one image from its lock to a checked ISO, one task per step.
 * @returns what was built, for the summary
 */
export async function buildIso(
  prepared: PreparedImage,
  output: Output,
  { remote, further = () => [] }: BuildOptions = {},
): Promise<Built> {
  const { lockRequest, facts } = prepared;
  const limit = cacheLimit();
  const source = await readImageSource(lockRequest);
  // Checked first, because the build updates this file at its end.
  await readChecksums(dirname(prepared.file));
  await sweepOutputFolder(dirname(prepared.file), [prepared.facts.profile.name]);
  const { name } = facts.profile;
  const stages = new Stages({
    ...{ image: name, output, signal: lockRequest.signal },
    atOnce: prepared.jobs,
  });
  const { signal, times } = stages;
  const build = new ImageBuild({ ...prepared, lockRequest: { ...lockRequest, signal } }, remote);
  const task = stages.stage.bind(stages);

  const packages = task('packages', 'Packages: fetch, verify, open', (report) =>
    build.fetch(report),
  );

  // Programs are made while packages are fetched, unless they run on a Node that is one of these packages.
  const programs = task(
    'sea',
    'Programs: bundle, compile, try',
    async (report) =>
      build.image.plan.sea === undefined ? {} : build.make(build.image.plan.sea, report),
    { after: facts.programs?.runtime.from === 'package' ? [packages] : [] },
  );
  const sources = facts.programs === undefined ? [packages] : [packages, programs];

  const rootfs = task(
    'squashfs',
    'Root filesystem: merge, audit, compress',
    (report) => build.make(build.image.plan.squashfs, report),
    { after: sources },
  );

  const kernel = task(
    'initramfs',
    'Kernel and initramfs',
    (report) => build.make(build.image.plan.initramfs, report),
    { after: [packages] },
  );

  const loader = task(
    'boot-loader',
    'Boot loader for BIOS and UEFI',
    (report) => build.make(build.image.plan.bootLoader, report),
    { after: [packages] },
  );

  const trust = task('verity', 'Hash tree of the root filesystem', (report) =>
    build.make(build.image.plan.verity, report),
  );

  const medium = task('iso', 'Image: write, read back, check', async (report) => {
    const { plan, file } = build.image;
    await mkdir(dirname(file), { recursive: true });
    build.iso = await plan.iso.make(file, build.work(report));
    return {};
  });

  const documents = task('documents', 'Checksums, manifest, SBOM', async () => {
    const { plan, file } = build.image;
    await describeBuild(build, times, source);
    const { iso, isOfOthers } = build;
    await writeRecord(lockRequest.cache, file, { plan, sha256: iso.sha256, isOfOthers });
    await build.steps.sweep();
    await pruneCache(lockRequest.cache, { limit, since: performance.timeOrigin });
    return {};
  });

  const formats = further(build, task);
  await stages.run([
    stages.sideBySide('System', [...sources, kernel, loader, rootfs]),
    trust,
    medium,
    ...(formats.length === 0 ? [] : [stages.sideBySide('Formats', formats)]),
    documents,
  ]);
  return { image: name, file: build.image.file, sha256: build.iso.sha256, times };
}
