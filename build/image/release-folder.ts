import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { BuildError } from '../error.ts';
import { TEMPORARY_NAME } from '../process/atomic-write.ts';
import { errorCode } from '../process/errno.ts';
import { parseReleaseFiles } from '../release/release-files.ts';
import { listSignatureNames, RELEASE_LIST } from '../release/sign-folder.ts';

/**
 * Prepares a folder for a release. Removes the files that are made from finished files of a release, because they would
 * be outdated: the list with its signatures, and charts and licence texts of the images (`qx-build licenses`).
 * @param planned names of the files of the release
 * @param profiles profiles whose images may be in the folder
 * @throws BuildError if the folder has images of another release; nothing is removed then
 */
export async function openReleaseFolder(
  directory: string,
  {
    version,
    planned,
    profiles,
  }: { version: string; planned: readonly string[]; profiles: readonly string[] },
): Promise<void> {
  const list = join(directory, RELEASE_LIST);
  const names = await namesIn(directory);
  const before = names.includes(RELEASE_LIST)
    ? parseReleaseFiles(await readFile(list, 'utf8'), list).version
    : version;
  if (before !== version) {
    throw new BuildError({
      what: `this folder holds release ${before}, not ${version}`,
      where: directory,
      fix: FIX,
    });
  }
  const afterwards = [
    ...listSignatureNames(planned),
    ...planned
      .filter((name) => name.endsWith('.iso'))
      .flatMap((iso) => AFTER_IMAGE.map((suffix) => iso + suffix)),
  ];
  const ours = new Set([...planned, ...afterwards]);
  const others = names.filter(
    (name) =>
      profiles.some((profile) => name.startsWith(`${profile}-`)) &&
      !ours.has(name) &&
      !TEMPORARY_NAME.test(name),
  );
  if (others.length > 0) {
    const [first = '', ...more] = others;
    const rest = more.length === 0 ? '' : ` and ${more.length} more`;
    throw new BuildError({
      what: `the folder has files that do not belong to this release: ${first}${rest}`,
      where: directory,
      fix: FIX,
    });
  }
  for (const name of [RELEASE_LIST, ...afterwards]) {
    await rm(join(directory, name), { force: true });
  }
}

/** Subjects of the charts of an image, `<iso>.<subject>.svg` and `.json`; `boot` is drawn by `qx-build qemu`. */
const CHARTS = ['build', 'sizes', 'packages', 'boot'];

/** Suffixes of the files that are made from a finished ISO. */
const AFTER_IMAGE = [
  '.licenses.txt',
  ...CHARTS.flatMap((subject) => [`.${subject}.svg`, `.${subject}.json`]),
];

const FIX = 'Remove what is there, or choose another folder: --output.';

async function namesIn(directory: string): Promise<string[]> {
  try {
    return (await readdir(directory)).sort();
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}
