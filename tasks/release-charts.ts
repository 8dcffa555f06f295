import { basename, relative } from 'node:path';
import { BuildError } from '../build/error.ts';
import { ExplainedError } from '../build/explained-error.ts';
import { listPackages } from '../build/image/facts.ts';
import type { PreparedImage } from '../build/image/prepare.ts';
import { lockFile, parseLock } from '../build/lock/file.ts';
import { run } from '../build/process/run.ts';
import { buildChart, type Chart, writeChart } from './chart.ts';
import { drawPackagesChart, drawSizesChart, type NamedPackages } from './report.ts';
import type { Output } from './ui/events.ts';
import type { StageTime } from './ui/stage.ts';

/** The fields of a planned image that its charts are about. */
export type ChartedImage = Pick<PreparedImage, 'file'> & {
  facts: Pick<PreparedImage['facts'], 'lock' | 'flavour'> & {
    profile: Pick<PreparedImage['facts']['profile'], 'file' | 'name' | 'architecture'>;
  };
};

/**
 * Reads the locks of images as they were in an earlier commit. An image that had no lock then, or one that this version
 * cannot read, is reported to the user and left out.
 * @param since the commit, or a tag or branch of it
 * @returns path of an image → packages of its lock then, named by commit and path of the lock
 * @throws BuildError if the project has no such commit
 */
export async function readEarlierLocks(
  images: readonly ChartedImage[],
  { project, since, signal }: { project: string; since: string; signal?: AbortSignal | undefined },
  say: (line: string) => void,
): Promise<Map<string, NamedPackages>> {
  const git = (...words: string[]) => run('git', words, { cwd: project, signal });
  const commit = await git('rev-parse', '--verify', '--end-of-options', `${since}^{commit}`).catch(
    (cause: unknown) => {
      signal?.throwIfAborted();
      throw new BuildError({
        what: `there is no commit ${since} in this clone`,
        where: project,
        fix: 'Fetch it (git fetch --tags, in a shallow clone git fetch --unshallow), or name another: --since.',
        cause,
      });
    },
  );
  const earlier = new Map<string, NamedPackages>();
  for (const { file, facts } of images) {
    const path = relative(project, lockFile(facts.profile, facts.lock.base));
    const name = `${since}:${path}`;
    if ((await git('ls-tree', '--name-only', commit, '--', path)) === '') {
      say(`${name} does not exist: the packages of ${basename(file)} are not compared`);
      continue;
    }
    try {
      const lock = parseLock(await git('show', `${commit}:${path}`), name);
      earlier.set(file, { name, packages: listPackages(lock, facts.flavour) });
    } catch (error) {
      if (!(error instanceof ExplainedError) || signal?.aborted === true) throw error;
      say(`${name}: ${error.what}: the packages of ${basename(file)} are not compared`);
    }
  }
  return earlier;
}

/**
 * Draws the charts of an image of a release beside it: `<iso>.build`, `<iso>.sizes` and, if its earlier packages are
 * known, `<iso>.packages`, each as `.svg` and `.json`.
 * @returns the paths
 */
export async function writeReleaseCharts(
  { file, facts }: ChartedImage,
  { times, earlier }: { times: readonly StageTime[]; earlier: NamedPackages | undefined },
  { output, signal }: { output: Output; signal?: AbortSignal | undefined },
): Promise<string[]> {
  const charts: Record<string, Chart> = {
    build: buildChart(file, times),
    sizes: await drawSizesChart({ image: file, before: undefined }, { signal, say: output.say }),
  };
  if (earlier !== undefined) {
    const packages = listPackages(facts.lock, facts.flavour);
    charts.packages = drawPackagesChart(earlier, { name: basename(file), packages });
  }
  const written: string[] = [];
  for (const [subject, chart] of Object.entries(charts)) {
    written.push(...(await writeChart(`${file}.${subject}`, chart, output)));
  }
  return written;
}
