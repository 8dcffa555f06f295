import { open, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { BuildError, must } from '../error.ts';
import { hashFile, type Part } from '../process/hash-file.ts';
import { run } from '../process/run.ts';
import { nameMtoolsImage } from './fat.ts';
import { listReferencedPaths } from './grub-config.ts';
import { SLOT_CONFIG_PATH } from './grub-disk.ts';
import { BIOS_IMAGE_PATH } from './grub-model.ts';
import { ISO_BLOCK, type IsoPath, type IsoReport, reportIso } from './iso-report.ts';

/** Type GUID of an EFI system partition, C12A7328-F81F-11D2-BA4B-00A0C93EC93B, in the byte order of a GPT. */
const ESP_TYPE = '28732ac11ff8d211ba4b00a0c93ec93b';
const SECTOR = 512;
/** Menu files: the menu of the medium, and its part of the menu of an installed disk. */
const MENUS = ['/boot/grub/grub.cfg', SLOT_CONFIG_PATH];

/** Expected content of an ISO. */
export interface Expected {
  volumeId: string;
  /** Path on the medium → SHA-256. */
  files: Readonly<Record<string, string>>;
  boot: BootHashes;
  /** Paths of UEFI's boot files, both in the EFI system partition and on the medium. */
  uefi: readonly string[];
}

/** Hashes of the boot images, computed before the ISO is written. */
export interface BootHashes {
  /** The EFI system partition. */
  esp: { sha256: string; size: number };
  /** SHA-256 of GRUB for BIOS from byte `BIOS_PATCHED` on; absent if there is no BIOS. */
  bios?: string | undefined;
}

/**
 * Number of bytes at the start of GRUB for BIOS in which xorriso writes the image's position: in the boot info table at
 * 8 to 63, and in GRUB's table at 2548 to 2555 (xorrisofs(1), `-boot-info-table`, `--grub2-boot-info`).
 */
const BIOS_PATCHED = 2556;

/** Hashes the boot images for `Expected`. */
export async function hashBootImages(
  { bios, esp }: { bios?: string | undefined; esp: string },
  signal?: AbortSignal,
): Promise<BootHashes> {
  const [{ size }, espHashes, biosHash] = await Promise.all([
    stat(esp),
    hashFile(esp, [], signal),
    bios === undefined ? undefined : hashUnpatched(bios, signal),
  ]);
  return { bios: biosHash, esp: { sha256: espHashes.whole, size } };
}

async function hashUnpatched(bios: string, signal: AbortSignal | undefined): Promise<string> {
  const { size } = await stat(bios);
  const behind = { offset: BIOS_PATCHED, size: size - BIOS_PATCHED };
  const { parts } = await hashFile(bios, [behind], signal);
  return must(parts[0], 'hash of GRUB for BIOS');
}

/** Hashes of an ISO that was read back. */
export interface Verified {
  /** SHA-256 of the whole ISO. */
  sha256: string;
}

/**
 * Reads a written ISO back and checks that it has the expected content and that firmware can boot it: an El Torito
 * entry for UEFI and an EFI system partition with a loader; if there is a BIOS, an entry for it and GRUB in the boot
 * sector; every path in `grub.cfg`, and the hash of every file and boot image.
 * @throws BuildError that lists everything that is wrong
 */
export async function verifyIso(
  file: string,
  expected: Expected,
  signal?: AbortSignal,
): Promise<Verified> {
  const report = await reportIso(file, signal);
  const checked = report.files.filter(({ path }) => path in expected.files);
  const parts = [
    ...checked.map(({ block, size }) => ({ offset: block * ISO_BLOCK, size })),
    ...bootParts(report, expected.boot),
  ];
  const [hashes, menus, lacking] = await Promise.all([
    hashFile(file, parts, signal),
    Promise.all(MENUS.map((path) => readText(file, report, path))),
    lackingInEsp(file, report, { paths: expected.uefi, signal }),
  ]);
  const found = new Map(
    checked.map(({ path }, index) => [path, must(hashes.parts[index], `hash of ${path}`)]),
  );
  const problems = [
    ...listStructureProblems(report, expected),
    ...fileProblems(found, expected.files),
    ...pathProblems(report.paths, expected),
    ...copyProblems(report.paths, expected.uefi),
    ...bootProblems(hashes.parts.slice(checked.length), expected.boot),
    ...MENUS.flatMap((path, index) => menuProblems(path, menus[index] ?? '', report)),
    ...lacking.map((path) => `the EFI system partition has no ${path}`),
  ];
  if (problems.length === 0) return { sha256: hashes.whole };
  throw new BuildError({
    what: `the ISO does not read back as it was written: ${problems.join('; ')}`,
    where: file,
    fix: 'Check the disk, then build again; if it fails again, this is a bug of the builder.',
  });
}

/**
 * Positions of the boot images: GRUB for BIOS, then the EFI system partition. The part of a missing one has no bytes.
 */
function bootParts(report: IsoReport, { esp }: BootHashes): Part[] {
  const bios = report.files.find(({ path }) => path === BIOS_IMAGE_PATH);
  const partition = report.partitions.find(({ type }) => type === ESP_TYPE);
  return [
    {
      offset: (bios?.block ?? 0) * ISO_BLOCK + BIOS_PATCHED,
      size: (bios?.size ?? 0) - BIOS_PATCHED,
    },
    { offset: (partition?.start ?? 0) * SECTOR, size: partition === undefined ? 0 : esp.size },
  ];
}

function bootProblems([bios, esp]: readonly string[], expected: BootHashes): string[] {
  return [
    ...(expected.bios === undefined || bios === expected.bios
      ? []
      : [`${BIOS_IMAGE_PATH} is not as it was made`]),
    ...(esp === expected.esp.sha256 ? [] : ['the EFI system partition is not as it was made']),
  ];
}

/** Lists what is wrong with an ISO's boot structures. */
export function listStructureProblems(
  report: IsoReport,
  { volumeId, boot }: Pick<Expected, 'volumeId' | 'boot'>,
): string[] {
  const problems: string[] = [];
  const image = (platform: string) => report.bootImages.find((one) => one.platform === platform);
  const esp = report.partitions.find((partition) => partition.type === ESP_TYPE);
  const uefi = image('UEFI');
  if (report.volumeId !== volumeId) problems.push(`volume id is ${report.volumeId}`);
  if (uefi === undefined) problems.push('El Torito has no UEFI entry');
  if (boot.bios !== undefined) {
    if (image('BIOS')?.path !== BIOS_IMAGE_PATH) problems.push('El Torito has no BIOS entry');
    if (!report.hybrid) problems.push('the boot sector does not start GRUB');
  }
  if (esp === undefined) problems.push('the GPT has no EFI system partition');
  else if (uefi !== undefined && uefi.block * ISO_BLOCK !== esp.start * SECTOR) {
    problems.push('El Torito and GPT name different EFI system partitions');
  }
  return problems;
}

function fileProblems(found: Map<string, string>, expected: Expected['files']): string[] {
  return Object.entries(expected).flatMap(([path, sha256]) => {
    const actual = found.get(path);
    if (actual === undefined) return [`${path} is missing`];
    return actual === sha256 ? [] : [`${path} has SHA-256 ${actual}, not ${sha256}`];
  });
}

/** Path on the medium of El Torito's boot catalog. */
const CATALOG = '/boot/grub/boot.cat';

/**
 * Checks that everyone can read all paths and nobody can write to any, and that there are no unexpected or missing
 * paths.
 */
function pathProblems(
  paths: readonly IsoPath[],
  { files, boot }: Pick<Expected, 'files' | 'boot'>,
): string[] {
  const meant = new Map<string, IsoPath['kind']>([[CATALOG, 'boot catalog']]);
  const bios = boot.bios === undefined ? [] : [BIOS_IMAGE_PATH];
  for (const file of [...Object.keys(files), ...bios]) {
    meant.set(file, 'file');
    for (let up = dirname(file); !meant.has(up); up = dirname(up)) meant.set(up, 'directory');
  }
  const problems: string[] = [];
  for (const { path, kind, mode, owner } of paths) {
    const expected = meant.get(path);
    meant.delete(path);
    if (expected === undefined) problems.push(`${path} is unexpected`);
    else if (kind !== expected) problems.push(`${path} is a ${kind}, not a ${expected}`);
    const right = kind === 'directory' ? 'r-xr-xr-x' : 'r--r--r--';
    if (mode !== right || owner !== '0:0') problems.push(`${path} has ${mode} of ${owner}`);
  }
  return [...problems, ...[...meant.keys()].map((path) => `${path} is not there`)];
}

/**
 * Names that FAT or Joliet does not support: some characters, a dot or blank at the end, more than Joliet's 64
 * characters (Joliet 1995, 3.2; Microsoft FAT specification, 7).
 */
const UNCOPYABLE = /["*:<>?\\|\p{Cc}]|[. ]$|^.{65}/u;

/** Checks that the files of a medium can be copied onto a FAT stick, and that the stick then boots. */
function copyProblems(paths: readonly IsoPath[], uefi: readonly string[]): string[] {
  const seen = new Set<string>();
  const problems: string[] = [];
  for (const { path } of paths) {
    if (UNCOPYABLE.test(basename(path))) problems.push(`${path} has a name that FAT cannot have`);
    const folded = path.toUpperCase();
    if (seen.has(folded)) problems.push(`${path} differs from another name in case only`);
    seen.add(folded);
  }
  const present = new Set(paths.map(({ path }) => path));
  const lacking = uefi.filter((path) => !present.has(path));
  return [...problems, ...lacking.map((path) => `${path} is not among the files`)];
}

function menuProblems(path: string, menu: string, report: IsoReport): string[] {
  const present = new Set(report.files.map((file) => file.path));
  const named = listReferencedPaths(menu);
  if (named.length === 0) return [`${path} boots nothing`];
  return named.filter((one) => !present.has(one)).map((one) => `${path} names ${one}: missing`);
}

async function readText(file: string, report: IsoReport, path: string): Promise<string> {
  const place = report.files.find((one) => one.path === path);
  if (place === undefined) return '';
  const handle = await open(file, 'r');
  try {
    const text = Buffer.alloc(place.size);
    await handle.read(text, 0, place.size, place.block * ISO_BLOCK);
    return text.toString('utf8');
  } finally {
    await handle.close();
  }
}

/** Lists the paths that are missing in the EFI system partition. */
async function lackingInEsp(
  file: string,
  report: IsoReport,
  { paths, signal }: { paths: readonly string[]; signal: AbortSignal | undefined },
): Promise<readonly string[]> {
  const esp = report.partitions.find((partition) => partition.type === ESP_TYPE);
  if (esp === undefined) return paths;
  const { image, cwd } = nameMtoolsImage(file, esp.start * SECTOR);
  const listing = await run('mdir', ['-b', '-/', '-i', image, '::'], { cwd, signal });
  const present = new Set(listing.split('\n'));
  return paths.filter((path) => !present.has(`::${path}`));
}
