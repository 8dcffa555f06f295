import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { BASES } from '../build/bases.ts';
import { must } from '../build/error.ts';
import { listPackages } from '../build/image/facts.ts';
import type { PreparedImage } from '../build/image/prepare.ts';
import { makeAtomically } from '../build/process/atomic-write.ts';
import { formatLicenses } from '../build/sbom/license-report.ts';
import {
  collectNpmLicenses,
  collectPackageLicenses,
  type LicensedPart,
} from '../build/sbom/license-texts.ts';
import { readPackages } from '../build/sea/make.ts';
import { readNodeLicense } from '../build/sea/node-license.ts';
import { ContentReader } from '../build/tree/content.ts';
import { ImageBuild } from './image-build.ts';
import type { Output } from './ui/events.ts';
import type { StageReport } from './ui/stage.ts';

/** Writes the licences of everything in an image beside its ISO: `<image>.licenses.txt`. */
export async function writeLicenses(prepared: PreparedImage, output: Output): Promise<void> {
  const report = { say: output.say, progress: () => {} };
  const build = new ImageBuild(prepared);
  await build.fetch(report);
  const { facts, plan, file: image } = build.image;
  const { lock, flavour, profile, version } = facts;
  const folders =
    plan.sea === undefined
      ? []
      : await readPackages((await build.make(plan.sea, report)).directory);
  using reader = new ContentReader();
  const packages = listPackages(lock, flavour).map((stated) => {
    const [opened] = build.work(report).opened([stated]);
    return { ...must(opened, `entries of ${stated.name}`), stated };
  });
  const parts = [
    ...collectPackageLicenses(packages, reader),
    ...(await programLicenses(build, folders, report)),
  ];
  const base = `${BASES[lock.base].title} ${lock.request.suite}`;
  const title = `Licences of ${profile.title} ${version} from ${base}, ${profile.architecture}`;
  const file = `${image}.licenses.txt`;
  await mkdir(dirname(file), { recursive: true });
  await makeAtomically(file, (temporary) =>
    pipeline(Readable.from(formatLicenses(title, parts)), createWriteStream(temporary)),
  );
  const lacking = parts.filter((part) => part.lacking.length > 0);
  output.say(`${file}: ${parts.length} parts, ${lacking.length} of which lack a text`);
}

/** Returns the licences of the programs' components: Node, unless it is a package of the base, and npm packages. */
async function programLicenses(
  build: ImageBuild,
  folders: readonly string[],
  report: StageReport,
): Promise<LicensedPart[]> {
  const { facts, lockRequest } = build.image;
  const npm = folders.map((folder) => {
    const { version = '', license } = must(facts.installed.get(folder), `npm package in ${folder}`);
    const name = folder.slice(folder.lastIndexOf('node_modules/') + 'node_modules/'.length);
    return collectNpmLicenses(
      { name, version, license },
      join(lockRequest.projectDirectory, folder),
    );
  });
  const runtime = facts.programs?.runtime;
  if (runtime === undefined || runtime.from === 'package') return Promise.all(npm);
  const text = await readNodeLicense(await build.work(report).archive(runtime));
  const texts =
    text === undefined ? [] : [{ from: 'LICENSE, of Node’s archive', read: async () => text }];
  const lacking = text === undefined ? ['any text: its archive has none'] : [];
  const node = { name: 'node', version: runtime.version, license: 'MIT', texts, lacking };
  return [node, ...(await Promise.all(npm))];
}
