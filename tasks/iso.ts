import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { ListrTask } from 'listr2';
import { makeBootLoader } from '../build/image/boot-loader.ts';
import type { PreparedImage } from '../build/image/prepare.ts';
import { writeRecord } from '../build/image/record.ts';
import { packagesOf } from '../build/image/steps/facts.ts';
import { initramfsPackages, makeInitramfs } from '../build/image/steps/initramfs.ts';
import { type IsoResult, makeIso } from '../build/image/steps/iso.ts';
import { makeSquashfs, readScripts } from '../build/image/steps/squashfs.ts';
import { StepCache, type StepResult } from '../build/step/cache.ts';
import { fetchPackages, type PackageEntries } from './packages.ts';
import { makePrograms } from './programs.ts';
import { type Built, describeBuild } from './summary.ts';
import type { Output } from './ui/events.ts';
import { Stages } from './ui/stage.ts';

/**
 * Builds one image: the whole way from a lock to a checked ISO, one task an arrow.
 * @returns what was built, for the summary
 */
export async function buildIso(prepared: PreparedImage, output: Output): Promise<Built> {
  const { lockRequest } = prepared;
  const { profile } = prepared.facts;
  const stages = new Stages({ image: profile.name, output, signal: lockRequest.signal });
  const { signal, times } = stages;
  const task = stages.stage.bind(stages);
  let image: PreparedImage = { ...prepared, lockRequest: { ...lockRequest, signal } };
  let packages: PackageEntries;
  let sea: StepResult | undefined;
  let squashfs: StepResult;
  let initramfs: StepResult;
  let bootLoader: StepResult;
  let iso: IsoResult;

  const { cache } = lockRequest;
  const steps = new StepCache(cache.steps);

  const fetch = task('packages', 'Packages: fetch, verify, open', async (report) => {
    ({ image, packages } = await fetchPackages(image, report));
    return { cached: packages.downloaded === 0, note: `${packages.count} packages` };
  });

  const programs = task('sea', 'Programs: bundle, compile, try', async (report) => {
    sea = await makePrograms(image, steps, report);
    return sea ?? {};
  });

  const rootfs = task('squashfs', 'Root filesystem: merge, audit, compress', async (report) => {
    squashfs = await steps.run(image.plan.squashfs, (directory) =>
      makeSquashfs(directory, image.facts, {
        base: image.base,
        packages: packages.of(packagesOf(image.facts.lock, image.facts.flavour)),
        sea: sea?.directory,
        signal,
        onProgress: report.progress,
      }),
    );
    return squashfs;
  });

  const kernel = task('initramfs', 'Kernel and initramfs', async () => {
    initramfs = await steps.run(image.plan.initramfs, (directory) =>
      makeInitramfs(directory, image.facts, {
        skeleton: image.base.skeleton(profile),
        packages: packages.of(initramfsPackages(image.facts)),
      }),
    );
    return initramfs;
  });

  const loader = task('boot-loader', 'Boot loader for BIOS and UEFI', async () => {
    const { buildId } = image.plan;
    const epoch = image.facts.lock.sourceDateEpoch;
    bootLoader = await steps.run(image.plan.bootLoader, (directory) =>
      makeBootLoader(directory, { buildId, epoch, signal }),
    );
    return bootLoader;
  });

  const medium = task('iso', 'ISO: write, read back, check', async () => {
    await mkdir(dirname(image.file), { recursive: true });
    iso = await makeIso(image.file, image.facts, {
      buildId: image.plan.buildId,
      squashfs: squashfs.directory,
      initramfs: initramfs.directory,
      bootLoader: bootLoader.directory,
      signal,
    });
    return {};
  });

  const papers = task('papers', 'Checksums, manifest, SBOM', async () => {
    const scripts = await readScripts(squashfs.directory);
    await describeBuild({ image, iso, times, scripts, sea: sea?.directory });
    await writeRecord(cache, image.file, { plan: image.plan, sha256: iso.sha256 });
    await steps.prune();
    return {};
  });

  const sources: ListrTask =
    image.plan.sea === undefined
      ? fetch
      : {
          title: 'Sources',
          task: (_context, parent) => parent.newListr([fetch, programs], { concurrent: true }),
        };
  const system: ListrTask = {
    title: 'System',
    task: (_context, parent) => parent.newListr([kernel, loader, rootfs], { concurrent: true }),
  };
  await stages.run([sources, system, medium, papers]);
  return { image: profile.name, file: image.file, sha256: iso!.sha256, times };
}
