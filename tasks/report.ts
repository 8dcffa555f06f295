import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { type ReadOptions, readContent } from '../build/comparison/read-content.ts';
import { type SizeTree, sizeTree } from '../build/comparison/size-tree.ts';
import { barChart } from '../build/drawing/bar-chart.ts';
import { type IcicleNode, icicleChart } from '../build/drawing/icicle.ts';
import type { Tone } from '../build/drawing/svg.ts';
import { BuildError } from '../build/error.ts';
import {
  describePackageChange,
  type PackageChange,
  packageChanges,
} from '../build/lock/compare.ts';
import { writeFileAtomically } from '../build/process/atomic-write.ts';
import { readJson } from '../build/process/read-json.ts';
import type { Output } from './ui/events.ts';
import { formatBytes, formatSeconds } from './ui/format.ts';
import { cameFrom } from './ui/stage.ts';

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

/** A picture, and the data that it shows. */
interface Report {
  svg: string;
  data: object;
}

const REPORTS = { packages: reportPackages, sizes: reportSizes, build: reportBuild };

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
  const { svg, data } = await REPORTS[subject](request, { signal, say: output.say });
  await mkdir(request.folder, { recursive: true });
  const files = { svg, json: `${JSON.stringify(data, null, 2)}\n` };
  for (const [kind, text] of Object.entries(files)) {
    const file = join(request.folder, `${subject}.${kind}`);
    await writeFileAtomically(file, text);
    output.say(file);
  }
}

async function reportPackages(
  { image, before = '' }: ReportRequest,
  options: ReadOptions,
): Promise<Report> {
  const [old, fresh] = [await readContent(before, options), await readContent(image, options)];
  if (old.packages === undefined || fresh.packages === undefined) {
    throw new BuildError({
      what: 'its packages are unknown',
      where: old.packages === undefined ? before : image,
      fix: 'Name the locks, or images with their manifests beside them.',
    });
  }
  const packages = packageChanges(old.packages, fresh.packages);
  const names = [basename(before), basename(image)] as const;
  const title = `Packages: ${names.join(' → ')}, ${packages.length} moved`;
  const data = { before: names[0], after: names[1], packages };
  return { svg: barChart(packages.map(packageBar), title), data };
}

const TONES: Readonly<Record<PackageChange['change'], Tone>> = {
  added: 'bad',
  removed: 'good',
  changed: 'second',
};

/** Draws growth of a package's archive to the right, shrinkage to the left. Nothing if the sizes are unknown. */
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

async function reportSizes(
  { image, before }: ReportRequest,
  options: ReadOptions,
): Promise<Report> {
  const old = before === undefined ? undefined : await readContent(before, options);
  const tree = sizeTree(await readContent(image, options), old);
  if (tree.size === 0) {
    throw new BuildError({ what: 'there are no files in it', where: image, fix: 'Name an image.' });
  }
  const since =
    before === undefined
      ? ''
      : `${growth(tree.size - (tree.before ?? 0))} since ${basename(before)}`;
  const title = `${basename(image)}: ${formatBytes(tree.size)} unpacked${since}`;
  const data = { image: basename(image), ...(before && { before: basename(before) }), tree };
  return { svg: icicleChart(sizeNode(tree, '', 0), title), data };
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

async function reportBuild({ image }: ReportRequest): Promise<Report> {
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
  const steps = parsed.data.steps.toSorted((a, b) => a.began - b.began);
  const bars = steps.map(({ step, began, seconds, ...source }) => ({
    ...{ name: step, from: began, to: began + seconds },
    tone: source.cached ? ('quiet' as const) : ('first' as const),
    note: [formatSeconds(seconds), cameFrom(source)].filter((one) => one !== '').join(', '),
  }));
  const whole = Math.max(0, ...bars.map(({ to }) => to));
  const title = `Build of ${basename(image)}: ${formatSeconds(whole)}`;
  return { svg: barChart(bars, title), data: { image: basename(image), steps } };
}
