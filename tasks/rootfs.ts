import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { BuildError } from '../build/error.ts';
import type { PreparedImage } from '../build/image/prepare.ts';
import { packagesOf } from '../build/image/steps/facts.ts';
import { auditFindings, rootfsOf } from '../build/image/steps/squashfs.ts';
import { makeAtomically } from '../build/process/atomic-write.ts';
import { StepCache } from '../build/step/cache.ts';
import { ContentReader } from '../build/tree/content.ts';
import { tarStream } from '../build/tree/tar-stream.ts';
import { fetchPackages } from './packages.ts';
import { makePrograms } from './programs.ts';
import type { Output } from './ui/events.ts';
import { formatBytes } from './ui/format.ts';

/**
 * Writes the root filesystem of an image as a tar beside where its ISO goes.
 * @throws BuildError if the audit finds something; every finding is told
 */
export async function writeRootfs(prepared: PreparedImage, output: Output): Promise<void> {
  const report = { say: output.say, progress: () => {} };
  const { image, packages } = await fetchPackages(prepared, report);
  const sea = await makePrograms(image, new StepCache(image.lockRequest.cache.steps), report);
  const { facts, base } = image;
  using reader = new ContentReader();
  const entries = packages.of(packagesOf(facts.lock, facts.flavour));
  const { tree } = rootfsOf(facts, {
    base,
    packages: entries,
    sea: sea?.directory,
    reader,
  });
  const findings = auditFindings(tree, facts);
  for (const { rule, path, what, fix } of findings) output.say(`${rule}: /${path} ${what}. ${fix}`);
  if (findings.length > 0) {
    throw new BuildError({ what: `the root filesystem of ${facts.profile.name} does not pass` });
  }
  const file = image.file.replace(/\.iso$/, '-rootfs.tar');
  await mkdir(dirname(file), { recursive: true });
  const chunks = Readable.from(tarStream(tree, facts.lock.sourceDateEpoch));
  await makeAtomically(file, (temporary) => pipeline(chunks, createWriteStream(temporary)));
  const bytes = tree.entries().reduce((sum, one) => sum + (one.type === 'file' ? one.size : 0), 0);
  output.say(`${file}: ${tree.size} entries, ${formatBytes(bytes)}`);
}
