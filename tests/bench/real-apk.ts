import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { execa } from 'execa';
import { simulate } from '../../build/base/alpine/applets/simulate.ts';
import { openIndexArchive } from '../../build/base/alpine/index/archive.ts';
import { parseStanzas } from '../../build/base/alpine/index/stanza.ts';
import { packIndex } from '../alpine-mirror/index.ts';
import { makeKey } from '../alpine-mirror/key.ts';

/** Real packages of Alpine 3.19, among them apk-tools 2.14.0 itself. */
export const REAL = resolve(import.meta.dirname, '../../../shared/testdata/alpine-3.19-x86_64');
/** Packages with the libraries of apk, which its own loader loads. */
const APK_PACKAGES = ['apk-tools', 'musl', 'libcrypto3', 'libssl3', 'zlib'];

export const haveReal = existsSync(REAL) && process.arch === 'x64';

/** The real apk, a repository of real packages, and an output folder. */
export interface RealApk extends AsyncDisposable {
  readonly folder: string;
  /** A repository of all available packages, and the folder of its key. */
  readonly repository: string;
  readonly keys: string;
  /** Runs apk. @returns the seconds it took */
  run(args: readonly string[]): Promise<number>;
}

/** Extracts the real apk from its packages, without installing anything. */
export async function openRealApk(): Promise<RealApk> {
  const folder = await mkdtemp(join(tmpdir(), 'quantix-real-apk-'));
  const program = join(folder, 'program');
  await mkdir(program);
  const files = await readdir(join(REAL, 'iso/x86_64'));
  for (const name of APK_PACKAGES) {
    const file = files.find(
      (each) => each.startsWith(`${name}-`) && /^\d/.test(each.slice(name.length + 1)),
    );
    if (file === undefined) throw new Error(`${REAL} has no ${name}`);
    const archive = join(REAL, 'iso/x86_64', file);
    await execa('tar', ['--warning=none', '-xzf', archive, '-C', program]);
  }
  const libraries = [join(program, 'lib'), join(program, 'usr/lib')].join(':');
  const loader = join(program, 'lib/ld-musl-x86_64.so.1');
  const run = async (args: readonly string[]) => {
    const began = performance.now();
    const words = ['--library-path', libraries, join(program, 'sbin/apk'), ...args];
    await execa(loader, words, { stdout: 'ignore' });
    return (performance.now() - began) / 1000;
  };
  const repository = join(folder, 'repository');
  const keys = join(folder, 'keys');
  await packReal(repository, keys);
  const end = () => rm(folder, { recursive: true, force: true });
  return { folder, repository, keys, run, [Symbol.asyncDispose]: end };
}

/** Makes a repository of the available real packages; Alpine's own indexes list more. */
async function packReal(repository: string, keys: string): Promise<void> {
  const key = makeKey('bench.rsa.pub');
  await mkdir(keys, { recursive: true });
  await writeFile(join(keys, key.name), key.pem);
  const place = join(repository, 'x86_64');
  await mkdir(place, { recursive: true });
  const stanzas = new Map<string, string>();
  for (const part of ['iso', 'main', 'community']) {
    const source = join(REAL, part, 'x86_64');
    const there = new Set(await readdir(source));
    for (const { fields, text } of parseStanzas(await realIndex(part), part)) {
      const file = `${fields.get('P')}-${fields.get('V')}.apk`;
      if (!there.has(file) || stanzas.has(file)) continue;
      stanzas.set(file, `${text.trimEnd()}\n\n`);
      await symlink(join(source, file), join(place, file));
    }
  }
  const index = packIndex({ stanzas: [...stanzas.values()] }, key);
  await writeFile(join(place, 'APKINDEX.tar.gz'), index);
}

/** The text of a real index. */
export async function realIndex(part: string): Promise<string> {
  const file = join(REAL, part, 'x86_64/APKINDEX.tar.gz');
  return openIndexArchive(await readFile(file), file).text;
}

/** Returns a number of names, spread over an index, that can be installed together. */
export function worldOf(text: string, count: number): string[] {
  const names = [...text.matchAll(/^P:(.*)$/gm)].map(([, name = '']) => name);
  const step = Math.max(1, Math.floor(names.length / (2 * count)));
  const spread = names.filter((_, index) => index % step === 0);
  const chosen: string[] = [];
  for (let at = 0; at < spread.length && chosen.length < count; at += 10) {
    const more = spread.slice(at, at + 10);
    if (isSolvable(text, [...chosen, ...more])) chosen.push(...more);
  }
  return chosen.slice(0, count);
}

/** Returns names of packages, largest first, that can be installed together within a size. */
export function namesUpTo(text: string, most: number): string[] {
  const sizes = new Map(
    parseStanzas(text, 'index').map(({ fields }) => [
      fields.get('P') ?? '',
      Number(fields.get('I') ?? 0),
    ]),
  );
  const chosen: string[] = [];
  for (const [name] of [...sizes].sort(([, a], [, b]) => b - a)) {
    const lines = solve(text, [...chosen, name]);
    const total = lines.reduce((sum, line) => sum + (sizes.get(line.split(' ')[1] ?? '') ?? 0), 0);
    if (lines[0]?.startsWith('ERROR') !== true && total <= most) chosen.push(name);
  }
  return chosen;
}

function isSolvable(text: string, names: readonly string[]): boolean {
  return solve(text, names)[0]?.startsWith('ERROR') !== true;
}

function solve(text: string, names: readonly string[]): string[] {
  const none = { text: '', where: 'nothing' };
  const repositories = [{ tag: '', text, where: 'index' }];
  return simulate({ world: none, installed: none, repositories }, ['add', ...names]);
}
