import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { type ReadOptions, readContent } from '../build/comparison/read-content.ts';
import { makeSizeTree, type SizeTree } from '../build/comparison/size-tree.ts';
import type { ChartBar } from '../build/drawing/bar-chart.ts';
import { drawIcicleChart, type IcicleNode } from '../build/drawing/icicle.ts';
import type { Tone } from '../build/drawing/svg.ts';
import { drawTextChart } from '../build/drawing/text-chart.ts';
import { BuildError } from '../build/error.ts';
import {
  type ComparedPackage,
  comparePackages,
  describePackageChange,
  type PackageChange,
} from '../build/lock/compare.ts';
import { readJson } from '../build/process/read-json.ts';
import { buildChart, type Chart, drawBars, writeChart } from './chart.ts';
import type { Output } from './ui/events.ts';
import { formatBytes } from './ui/format.ts';

/** Input of `writeReport`. */
export interface ReportRequest {
  /** Path of an image or a lock. */
  image: string;
  /** Path of the image to compare with. */
  before: string | undefined;
  /** Output folder. */
  folder: string;
  signal: AbortSignal;
}

const REPORTS = { packages: reportPackages, sizes: drawSizesChart, build: reportBuild };

/**
 * Writes `<subject>.svg` and `<subject>.json` into a folder, which is created if missing. The same images give the same
 * bytes.
 * @throws BuildError if an image cannot be read, or has no data on the subject
 */
export async function writeReport(
  subject: keyof typeof REPORTS,
  request: ReportRequest,
  output: Output,
): Promise<void> {
  const { signal } = request;
  const chart = await REPORTS[subject](request, { signal, say: output.say });
  for (const file of await writeChart(join(request.folder, subject), chart, output)) {
    output.say(file);
  }
}

async function reportPackages(
  { image, before = '' }: ReportRequest,
  options: ReadOptions,
): Promise<Chart> {
  const [old, fresh] = [await readContent(before, options), await readContent(image, options)];
  if (old.packages === undefined || fresh.packages === undefined) {
    throw new BuildError({
      what: 'its packages are unknown',
      where: old.packages === undefined ? before : image,
      fix: 'Name the locks, or images with their manifests beside them.',
    });
  }
  const [earlier, now] = [old.packages, fresh.packages];
  return drawPackagesChart(
    { name: basename(before), packages: earlier },
    { name: basename(image), packages: now },
  );
}

/** Packages, and the name of the image or lock that contains them. */
export interface NamedPackages {
  name: string;
  packages: readonly ComparedPackage[];
}

/** Draws the packages that differ, with the growth of their archives. */
export function drawPackagesChart(before: NamedPackages, after: NamedPackages): Chart {
  const packages = comparePackages(before.packages, after.packages);
  const title = `Packages: ${before.name} → ${after.name}, ${packages.length} moved`;
  const data = { before: before.name, after: after.name, packages };
  return drawBars(packages.map(packageBar), title, data);
}

const TONES: Readonly<Record<PackageChange['change'], Tone>> = {
  added: 'bad',
  removed: 'good',
  changed: 'second',
};

/**
 * Returns the bar of a package: to the right if its archive grew, to the left if it shrank; empty if sizes are unknown.
 */
function packageBar(change: PackageChange) {
  const { name, bytesBefore, bytesAfter } = change;
  const isKnown =
    change.change !== 'changed' || (bytesBefore !== undefined && bytesAfter !== undefined);
  const grown = isKnown ? (bytesAfter ?? 0) - (bytesBefore ?? 0) : 0;
  const sides = [0, grown].sort((a, b) => a - b);
  const [from = 0, to = 0] = sides;
  const words = describePackageChange(change).replace(`${name} `, '');
  return { name, from, to, tone: TONES[change.change], note: `${words}${growth(grown)}` };
}

function growth(bytes: number): string {
  if (bytes === 0) return '';
  return `, ${bytes > 0 ? '+' : '-'}${formatBytes(Math.abs(bytes))}`;
}

/**
 * Draws the sizes of everything in an image, and what grew since another one.
 * @throws BuildError if it cannot be read, or has no files
 */
export async function drawSizesChart(
  { image, before }: Pick<ReportRequest, 'image' | 'before'>,
  options: ReadOptions,
): Promise<Chart> {
  const sizes = { ...options, sizesOnly: true };
  const old = before === undefined ? undefined : await readContent(before, sizes);
  const tree = makeSizeTree(await readContent(image, sizes), old);
  if (tree.size === 0) {
    throw new BuildError({ what: 'there are no files in it', where: image, fix: 'Name an image.' });
  }
  const since =
    before === undefined
      ? ''
      : `${growth(tree.size - (tree.before ?? 0))} since ${basename(before)}`;
  const title = `${basename(image)}: ${formatBytes(tree.size)} unpacked${since}`;
  const data = { image: basename(image), ...(before && { before: basename(before) }), tree };
  const bars = sizeBars(tree, { from: 0, level: 0, least: tree.size * SMALLEST });
  return {
    title,
    svg: drawIcicleChart(sizeNode(tree, '', 0), title),
    text: drawTextChart(bars),
    data,
  };
}

/** Limits of the text: it shows parts of at least this share of the whole, down to this level. */
const [SMALLEST, DEEPEST] = [0.01, 3];

/** Returns a bar for a part and for each of its parts, below one another, each at its place within the whole. */
function sizeBars(
  tree: SizeTree,
  { from, level, least }: { from: number; level: number; least: number },
): ChartBar[] {
  const { name, size, before, parts } = tree;
  if (size < least || level > DEEPEST) return [];
  const grown = before === undefined ? '' : growth(size - before);
  const bar = { from, to: from + size, tone: 'first' as const };
  let at = from;
  const below = parts.flatMap((part) => {
    const bars = sizeBars(part, { from: at, level: level + 1, least });
    at += part.size;
    return bars;
  });
  const note = `${formatBytes(size)}${grown}`;
  return [{ ...bar, name: `${'  '.repeat(level)}${name}`, note }, ...below];
}

/** Colours show growth; without an image to compare with, they only distinguish neighbours. */
function sizeNode(tree: SizeTree, above: string, index: number): IcicleNode {
  const path = above === '' ? tree.name : `${above}/${tree.name}`;
  const { before, size } = tree;
  const grown = before === undefined ? 0 : size - before;
  const plain: Tone = index % 2 === 0 ? 'first' : 'quiet';
  const compared: Tone = grown === 0 ? 'quiet' : grown > 0 ? 'bad' : 'good';
  return {
    ...{ name: tree.name, note: `${formatBytes(size)}${growth(grown)}`, size },
    tone: before === undefined ? plain : compared,
    hint: `${path}: ${formatBytes(size)}${growth(grown)}`,
    parts: tree.parts.map((part, at) => sizeNode(part, path, at)),
  };
}

/** Longest plausible build in seconds; a larger number is an error. */
const LONGEST = 1e9;

/** The part of a build manifest about the course of the build; see `buildManifest`. */
const stepsSchema = z.object({
  steps: z.array(
    z.object({
      step: z.string(),
      began: z.number().min(0).max(LONGEST),
      seconds: z.number().min(0).max(LONGEST),
      cached: z.boolean(),
      origin: z.string().optional(),
    }),
  ),
});

async function reportBuild({ image }: ReportRequest): Promise<Chart> {
  const file = `${image}.manifest.json`;
  if (!existsSync(file)) {
    throw new BuildError({
      what: 'there is no manifest of its build beside the image',
      where: file,
      fix: 'Build the image here: make iso.',
    });
  }
  const parsed = stepsSchema.safeParse(readJson(file));
  if (!parsed.success) {
    throw new BuildError({
      what: 'the manifest does not say when each step of the build began',
      where: file,
      fix: 'Build the image again: make iso.',
      cause: parsed.error,
    });
  }
  return buildChart(image, parsed.data.steps);
}
