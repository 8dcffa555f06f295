import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { execa } from 'execa';
import { z } from 'zod';
import { assembleRoot } from '../../build/base/alpine/assemble.ts';
import { openIndexArchive } from '../../build/base/alpine/index/archive.ts';
import { parseRepositoryAddress } from '../../build/base/alpine/repository/address.ts';
import { readKeys } from '../../build/base/alpine/signature/keys.ts';
import { cacheRooms } from '../../build/cache/directory.ts';
import { tarStream } from '../../build/tree/tar-stream.ts';
import { packIndex } from '../alpine-mirror/index.ts';
import { makeKey } from '../alpine-mirror/key.ts';
import { packPackageFile } from '../alpine-mirror/package.ts';
import { type Figure, median, secondsOf } from './measure.ts';
import {
  haveReal,
  namesUpTo,
  openRealApk,
  REAL,
  type RealApk,
  realIndex,
  worldOf,
} from './real-apk.ts';

const PROJECT = resolve(import.meta.dirname, '../..');
const INDEX = resolve(PROJECT, '../shared/testdata/alpine-3.17-main-aarch64/APKINDEX.tar.gz');
/** Options with which `make` and npm start the builder. */
const COMPILED = { NODE_COMPILE_CACHE: join(PROJECT, 'node_modules/.cache/compiled') };
const PACKAGES = 200;
/** Bytes of each file; chosen so that compression has little effect. */
const SIZE = 750_000;

const timesSchema = z.object({ parse: z.number(), solve: z.number() });

/** Measures the apk engine: the shared index in fresh processes, and packages made here from cache to tar. */
export async function measureApk(runs: number): Promise<Figure[]> {
  return [...(await measureIndex(runs)), await measureTar(runs), ...(await measureBesideApk(runs))];
}

const solvedSchema = z.object({ seconds: z.number(), changes: z.number() });

/** Input of both programs: number of names in the world to solve, and bytes of the packages to open. */
const NAMES = 200;
const LARGE = 82_000_000;

/** Compares the engine with the real apk, whose time on this machine is the reference. */
async function measureBesideApk(runs: number): Promise<Figure[]> {
  if (!haveReal || process.getuid?.() !== 0) {
    console.error(`Not measured, for want of ${REAL} or of root: the engine beside the real apk`);
    return [];
  }
  await using apk = await openRealApk();
  return [await besideSolve(apk, runs), ...(await besideOpen(apk, runs))];
}

async function besideSolve(apk: RealApk, runs: number): Promise<Figure> {
  const index = join(REAL, 'main/x86_64/APKINDEX.tar.gz');
  const names = worldOf(await realIndex('main'), NAMES);
  const script = join(import.meta.dirname, 'apk-solve.ts');
  const root = join(apk.folder, 'solve');
  const options = [
    '--root',
    root,
    '--allow-untrusted',
    '--no-network',
    '--repository',
    join(REAL, 'main'),
  ];
  await apk.run([...options, '--initdb', 'add']);
  const [ours, real]: [number[], number[]] = [[], []];
  let changes = 0;
  for (let run = 0; run < runs; run += 1) {
    const { stdout } = await execa(process.execPath, [script, index, ...names]);
    const solved = solvedSchema.parse(JSON.parse(stdout));
    ours.push(solved.seconds);
    changes = solved.changes;
    real.push(await apk.run([...options, '--simulate', 'add', ...names]));
  }
  const note = `${ms(median(ours))} without Node's start; floor: apk 2.14 in ${ms(median(real))}`;
  const what = `apk: solving ${names.length} names of main 3.19, ${changes} changes, to apk`;
  return { what, value: median(ours) / median(real), limit: 2, unit: '×', note };
}

async function besideOpen(apk: RealApk, runs: number): Promise<Figure[]> {
  const index = join(apk.repository, 'x86_64/APKINDEX.tar.gz');
  const { text } = openIndexArchive(await readFile(index), index);
  const large = namesUpTo(text, LARGE);
  const times = { node: [], small: [], cold: [], real: [] } as Record<string, number[]>;
  const file = join(apk.folder, 'root.tar');
  for (let run = 0; run <= runs; run += 1) {
    const cold = join(apk.folder, `cache${run}`);
    const root = join(apk.folder, `root${run}`);
    const options = ['--arch', 'x86_64', '--keys-dir', apk.keys, '--repository', apk.repository];
    const taken = {
      node: await secondsOf(() => execa(process.execPath, ['-e', '0'])),
      cold: await secondsOf(() => openTree(large, { options, cache: cold, file })),
      small: await secondsOf(() => openTree(['alpine-release'], { options, cache: cold, file })),
      real: await apk.run([
        '--root',
        root,
        '--initdb',
        '--no-scripts',
        ...options,
        'add',
        ...large,
      ]),
    };
    await rm(cold, { recursive: true });
    await rm(root, { recursive: true });
    if (run > 0) for (const [name, seconds] of Object.entries(taken)) times[name]?.push(seconds);
  }
  const middle = (name: string) => median(times[name] ?? []);
  return [
    {
      what: 'apk: the fixed part of opening an installation',
      value: (middle('small') - middle('node')) * 1000,
      limit: 150,
      unit: 'ms',
      note: `qx-build apk tree of one small package; floor: Node’s start, ${ms(middle('node'))}, is taken off`,
    },
    {
      what: `apk: opening ${Math.round(LARGE / 1e6)} MB from a cold cache, to apk`,
      value: middle('cold') / middle('real'),
      limit: 1,
      unit: '×',
      note: `${ms(middle('cold'))} with Node's start; floor: apk 2.14 unpacks them in ${ms(middle('real'))}`,
    },
  ];
}

async function openTree(
  names: readonly string[],
  { options, cache, file }: { options: readonly string[]; cache: string; file: string },
): Promise<void> {
  await execa(process.execPath, ['tasks/qx-build.ts', 'apk', 'tree', ...options, '--', ...names], {
    cwd: PROJECT,
    env: { ...COMPILED, QUANTIX_CACHE: cache },
    stdout: { file },
  });
}

function ms(seconds: number): string {
  return `${(seconds * 1000).toFixed(0)} ms`;
}

async function measureIndex(runs: number): Promise<Figure[]> {
  if (!existsSync(INDEX)) {
    console.error(`Not measured, for want of ${INDEX}: parsing an index, and resolving against it`);
    return [];
  }
  const times: z.infer<typeof timesSchema>[] = [];
  for (let run = 0; run < runs; run += 1) {
    const { stdout } = await execa(process.execPath, [
      join(import.meta.dirname, 'apk-index.ts'),
      INDEX,
    ]);
    times.push(timesSchema.parse(JSON.parse(stdout)));
  }
  const middle = (of: keyof (typeof times)[number]) => median(times.map((one) => one[of])) * 1000;
  return [
    {
      what: 'apk: parsing an index of 5,000 packages',
      value: middle('parse'),
      limit: 40,
      unit: 'ms',
    },
    {
      what: 'apk: resolving the world of quantix-os',
      value: middle('solve'),
      limit: 60,
      unit: 'ms',
    },
  ];
}

async function measureTar(runs: number): Promise<Figure> {
  const directory = await mkdtemp(join(tmpdir(), 'quantix-apk-bench-'));
  try {
    const { names, keys } = await makeMirror(directory);
    const request = {
      architecture: 'x86_64',
      keys: await readKeys(keys),
      repositories: [parseRepositoryAddress(directory)],
      wanted: names,
      cache: cacheRooms(join(directory, 'cache')),
    };
    const rates: number[] = [];
    for (let run = 0; run <= runs; run += 1) {
      let bytes = 0;
      const seconds = await secondsOf(async () => {
        const { tree, reader } = await assembleRoot(request);
        using _ = reader;
        for (const chunk of tarStream(tree, 1)) bytes += chunk.length;
      });
      if (run > 0) rates.push(bytes / 1e6 / seconds);
    }
    const what = `apk: ${PACKAGES} packages, ${(PACKAGES * SIZE) / 1e6} MB, cached, to a tar`;
    return { what, value: median(rates), limit: 250, unit: 'MB/s' };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function makeMirror(directory: string): Promise<{ names: string[]; keys: string }> {
  const key = makeKey('bench.rsa.pub');
  const [keys, place] = [join(directory, 'keys'), join(directory, 'x86_64')];
  await mkdir(keys);
  await writeFile(join(keys, key.name), key.pem);
  const names = Array.from({ length: PACKAGES }, (_, index) => `package${index}`);
  const stanzas: string[] = [];
  for (const name of names) {
    const bytes = randomBytes(SIZE);
    const head = { uid: 0, gid: 0, origin: name };
    const entries = [
      { ...head, type: 'directory', path: 'usr', mode: 0o755 },
      {
        ...head,
        type: 'file',
        path: `usr/${name}`,
        mode: 0o644,
        size: SIZE,
        content: { in: 'memory', bytes },
      },
    ] as const;
    stanzas.push(
      await packPackageFile({ name, version: '1-r0', entries }, { key, level: 1 }, place),
    );
  }
  await writeFile(join(place, 'APKINDEX.tar.gz'), packIndex({ stanzas }, key));
  return { names, keys };
}
