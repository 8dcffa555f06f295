import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { auditTree } from '../build/audit/audit.ts';
import { BuildError } from '../build/error.ts';
import type { PreparedImage } from '../build/image/prepare.ts';
import { assembleRootfs, makeAuditOptions, readRootfs } from '../build/image/rootfs.ts';
import { makeAtomically } from '../build/process/atomic-write.ts';
import type { RemoteCache } from '../build/remote-cache/remote-cache.ts';
import { ContentReader } from '../build/tree/content.ts';
import { tarStream } from '../build/tree/tar-stream.ts';
import { ImageBuild } from './image-build.ts';
import type { Output } from './ui/events.ts';
import { formatBytes } from './ui/format.ts';

/**
 * Writes the root filesystem of an image as a tar in the folder of its ISO.
 * @throws BuildError with all findings if the audit fails
 */
export async function writeRootfs(
  prepared: PreparedImage,
  output: Output,
  remote?: RemoteCache | 'forbidden',
): Promise<void> {
  const report = { say: output.say, progress: () => {} };
  const build = new ImageBuild(prepared, remote);
  await build.fetch(report);
  const { image } = build;
  const { facts, plan } = image;
  if (plan.sea !== undefined) await build.make(plan.sea, report);
  using reader = new ContentReader();
  const inputs = readRootfs({ ...facts, sea: plan.sea });
  const tree = assembleRootfs(inputs, build.work(report), reader);
  const findings = auditTree(tree, makeAuditOptions(inputs));
  for (const { rule, path, what, fix } of findings) output.say(`${rule}: /${path} ${what}. ${fix}`);
  if (findings.length > 0) {
    throw new BuildError({ what: `the root filesystem of ${facts.profile.name} does not pass` });
  }
  const file = image.file.replace(/\.\w+$/, '-rootfs.tar');
  await mkdir(dirname(file), { recursive: true });
  const chunks = Readable.from(tarStream(tree, facts.lock.sourceDateEpoch));
  await makeAtomically(file, (temporary) => pipeline(chunks, createWriteStream(temporary)));
  const bytes = tree.entries().reduce((sum, one) => sum + (one.type === 'file' ? one.size : 0), 0);
  output.say(`${file}: ${tree.size} entries, ${formatBytes(bytes)}`);
}
