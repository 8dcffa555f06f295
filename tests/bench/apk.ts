import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { execa } from 'execa';
import { z } from 'zod';
import { assemble } from '../../build/base/alpine/assemble.ts';
import { repositoryAddress } from '../../build/base/alpine/repository/address.ts';
import { readKeys } from '../../build/base/alpine/signature/keys.ts';
import { cacheRooms } from '../../build/cache/directory.ts';
import { tarStream } from '../../build/tree/tar-stream.ts';
import { packIndex } from '../alpine-mirror/index.ts';
import { makeKey } from '../alpine-mirror/key.ts';
import { packPackageFile } from '../alpine-mirror/package.ts';
import { type Figure, median, secondsOf } from './measure.ts';

const PROJECT = resolve(import.meta.dirname, '../..');
const INDEX = resolve(PROJECT, '../shared/testdata/alpine-3.17-main-aarch64/APKINDEX.tar.gz');
const PACKAGES = 200;
/** Bytes of each; such that compression neither gains nor costs much. */
const SIZE = 750_000;

const timesSchema = z.object({ parse: z.number(), solve: z.number() });

/** Measures the apk engine: the shared index in fresh processes, and packages made here from cache to tar. */
export async function measureApk(runs: number): Promise<Figure[]> {
  return [...(await measureIndex(runs)), await measureTar(runs)];
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
      repositories: [repositoryAddress(directory)],
      wanted: names,
      cache: cacheRooms(join(directory, 'cache')),
    };
    const rates: number[] = [];
    for (let run = 0; run <= runs; run += 1) {
      let bytes = 0;
      const seconds = await secondsOf(async () => {
        const { tree, reader } = await assemble(request);
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
