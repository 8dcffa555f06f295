import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { DEFAULT_ARCHITECTURE } from '../../build/architecture.ts';
import { readProductVersion } from '../../build/image/product-version.ts';
import { QUICK, writeSquashfs } from '../../build/image/squashfs.ts';
import { bundlePrograms } from '../../build/sea/bundle.ts';
import { compileExecutable } from '../../build/sea/compile.ts';
import { makeProgramEntries } from '../../build/sea/entries.ts';
import { locateToolchainNode } from '../../build/sea/runtime.ts';
import { readSources } from '../../build/step/source.ts';
import { ContentReader } from '../../build/tree/content.ts';
import { Tree } from '../../build/tree/tree.ts';
import { names } from '../../profiles/shared/names.ts';
import { type Figure, median, secondsOf } from './measure.ts';

/** Measures the executable with the programs: how fast it is made and starts, and what it adds to an image. */
export async function measurePrograms(project: string, runs: number): Promise<Figure[]> {
  const folder = await mkdtemp(join(tmpdir(), 'quantix-bench-'));
  try {
    const executable = join(folder, 'qx');
    const making = await secondsOf(() => makePrograms(project, executable));
    const version = () => execa(executable, ['--version']);
    await version();
    const starts: number[] = [];
    for (let run = 0; run < runs * 4; run += 1) starts.push(await secondsOf(version));
    const added = await compressedSize(executable, join(folder, 'squashfs'));
    return [
      { what: 'programs: bundle and compile', value: making, limit: 10, unit: 's' },
      { what: 'qx --version', value: median(starts) * 1000, limit: 60, unit: 'ms' },
      { what: 'programs in the ISO', value: added / 1e6, limit: 45, unit: 'MB' },
    ];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Makes the executable of the programs, as the Debian images have it. */
export async function makePrograms(projectDirectory: string, output: string): Promise<void> {
  const node = locateToolchainNode(projectDirectory);
  const version = readProductVersion(projectDirectory);
  const entry = 'apps/qx.ts';
  const sources = readSources(projectDirectory, [entry]);
  const request = { projectDirectory, entry, sources, version, node: process.versions.node };
  const { code } = await bundlePrograms(request);
  const preparer = { command: node, before: [] };
  const architecture = DEFAULT_ARCHITECTURE;
  await compileExecutable({ code, architecture, preparer, codeCache: true, node, output });
}

/** Returns the bytes of a squashfs with only the executable. */
async function compressedSize(executable: string, file: string): Promise<number> {
  using reader = new ContentReader();
  const tree = new Tree(reader);
  for (const entry of makeProgramEntries(executable, { ...names, programs: [] })) tree.add(entry);
  await writeSquashfs(tree, file, { compression: QUICK, epoch: 1 });
  return (await stat(file)).size;
}
