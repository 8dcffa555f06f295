import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ARCHITECTURE_NAMES } from '../../../build/architecture.ts';
import { selectPackages } from '../../../build/base/alpine/repository/select.ts';
import { BASE_NAMES } from '../../../build/bases.ts';
import { OLDEST_NODE } from '../../../build/contract/node.ts';
import { findBaseDigest, selectLastLines } from '../../../build/docker/engine.ts';
import {
  DEFAULT_BASE_IMAGE,
  makeImageArguments,
  makeImageTag,
  needsBuilding,
} from '../../../build/docker/image.ts';
import {
  buildRequirements,
  listBaseRequirements,
  RELEASE_REQUIREMENTS,
} from '../../../build/host/requirements.ts';
import { TOOL_PACKAGES } from '../../../build/process/tools.ts';
import { haveAlpine319, realIndex } from '../alpine/alpine-3.19.ts';

const dockerfile = readFileSync(resolve(import.meta.dirname, '../../../Dockerfile'), 'utf8');

/** Packages that a command of the Dockerfile installs. */
function installed(command: string): string[] {
  const list =
    dockerfile
      .split(command)[1]
      ?.split('&&')[0]
      ?.replace(/^[^\\]*/, '') ?? '';
  return list.split(/[\s\\]+/).filter((name) => name !== '');
}

test('the Dockerfile installs what a build by anyone but root requires, and what Node and https need', () => {
  const required = [
    ...BASE_NAMES.flatMap(listBaseRequirements),
    ...ARCHITECTURE_NAMES.flatMap(buildRequirements),
    ...RELEASE_REQUIREMENTS,
  ].map((one) => one.package);
  const others = [TOOL_PACKAGES.fakeroot, 'ca-certificates', 'libatomic1'];
  expect(installed('apt-get install')).toEqual([...new Set([...required, ...others])].sort());
});

describe.skipIf(!haveAlpine319)('on Alpine', () => {
  /** Programs of packages, as an index has them: `cmd:xorriso`. */
  const programsOf = (names: readonly string[]) => {
    const repositories = (['main', 'community'] as const).map((name) => ({
      ...realIndex(name),
      url: `https://mirror.invalid/${name}`,
      tag: '',
    }));
    const { packages } = selectPackages({ repositories, wanted: names, architecture: 'x86_64' });
    const provided = packages.flatMap(({ fields }) => (fields.get('p') ?? '').split(' '));
    return new Set(provided.map((one) => one.replace(/=.*/, '')));
  };

  test('the Dockerfile installs packages of Alpine that have every program which building requires', () => {
    const names = installed('apk add');
    expect(names).toEqual([...names].sort());
    const programs = programsOf(names);
    const strip = (name: string) =>
      name.replace(/^(\w+)-linux-gnu-strip$/, '$1-alpine-linux-musl-strip');
    const required = [
      ...ARCHITECTURE_NAMES.flatMap(buildRequirements),
      ...RELEASE_REQUIREMENTS,
      { name: 'fakeroot' },
      { name: 'ldd' },
      { name: 'node' },
    ];
    const commands = new Set(required.map(({ name }) => `cmd:${strip(name)}`));
    expect([...commands].filter((one) => !programs.has(one))).toEqual([]);
  });
});

test('the Dockerfile refuses an Alpine whose Node the programs do not run on', () => {
  expect(dockerfile).toContain(`parseInt(process.versions.node) < ${OLDEST_NODE} ?`);
  expect(dockerfile).toContain(`the toolchain needs ${OLDEST_NODE}:`);
});

test('the Dockerfile has the default base image', () => {
  expect(dockerfile).toContain(`\nARG BASE_IMAGE=${DEFAULT_BASE_IMAGE}\nFROM \${BASE_IMAGE}\n`);
});

test('the image runs as nobody if no user is named', () => {
  expect(dockerfile).toMatch(/^USER 65534:65534$/m);
});

test('the name of the image changes with the Dockerfile and with the base image, and with nothing else', () => {
  const tag = makeImageTag('FROM a\n', 'debian:trixie-slim');
  expect(tag).toMatch(/^quantix-builder:[0-9a-f]{12}$/);
  expect(makeImageTag('FROM a\n', 'debian:trixie-slim')).toBe(tag);
  expect(makeImageTag('FROM b\n', 'debian:trixie-slim')).not.toBe(tag);
  expect(makeImageTag('FROM a\n', 'debian:trixie')).not.toBe(tag);
});

test('the image is built from standard input, without a context, and further flags come after ours', () => {
  const args = makeImageArguments({
    tag: 'quantix-builder:abc',
    baseImage: 'own/base:1',
    environment: {},
    refresh: false,
    flags: ['--network=host', '--pull'],
  });
  expect(args).toEqual([
    'build',
    '--tag=quantix-builder:abc',
    '--build-arg=BASE_IMAGE=own/base:1',
    '--network=host',
    '--pull',
    '-',
  ]);
});

test('the image is built if there is none, if it is a month old, or if a flag requests it', () => {
  const now = new Date('2026-03-01T00:00:00Z');
  const needed = (built: string | undefined, flags: string[] = []) =>
    needsBuilding(built === undefined ? undefined : new Date(built), { now, flags });
  expect(needed(undefined)).toBe(true);
  expect(needed('2026-02-20T00:00:00Z')).toBe(false);
  expect(needed('2026-01-01T00:00:00Z')).toBe(true);
  expect(needed('2026-02-20T00:00:00Z', ['--network=host'])).toBe(false);
  expect(needed('2026-02-20T00:00:00Z', ['--network=host', '--pull'])).toBe(true);
});

test("an image that is built anew does not use Docker's cache", () => {
  const request = { tag: 't', baseImage: 'b', environment: {}, flags: [] };
  expect(makeImageArguments({ ...request, refresh: true })).toContain('--no-cache');
  expect(makeImageArguments({ ...request, refresh: false })).not.toContain('--no-cache');
});

test.each([
  ['BuildKit', (digest: string) => `#5 [1/2] FROM docker.io/library/debian:trixie-slim@${digest}`],
  ['Docker without it', (digest: string) => `Step 2/6 : FROM b\nDigest: ${digest}\nStatus: …`],
])('the digest of the base image is read from what %s prints', (_, print) => {
  const digest = `sha256:${'ab'.repeat(32)}`;
  expect(findBaseDigest(print(digest))).toBe(digest);
  expect(findBaseDigest('Step 2/6 : FROM b\n ---> 8f1c8e8ef0fc')).toBeUndefined();
});

test('a proxy is passed on by the name of its variable, never by its value', () => {
  const environment = { https_proxy: 'http://me:secret@proxy:3128', NO_PROXY: '', HOME: '/root' };
  const args = makeImageArguments({
    tag: 't',
    baseImage: 'b',
    environment,
    refresh: false,
    flags: [],
  });
  expect(args).toContain('--build-arg=https_proxy');
  expect(args.join(' ')).not.toMatch(/secret|NO_PROXY|HOME/);
});

test('the last errors of a failed build are reported in one line', () => {
  const printed = [
    'DEPRECATED: The legacy builder is deprecated',
    '            Install the buildx component to build images with BuildKit:',
    '            https://docs.docker.com/go/buildx/',
    '',
    'Sending build context to Docker daemon  3.072kB',
    'Step 1/5 : ARG BASE_IMAGE=debian:trixie-slim',
    ' ---> 8f1c8e8ef0fc',
    'E: Unable to locate package grub-common',
    "The command '/bin/sh -c apt-get update' returned a non-zero code: 100.",
    '',
  ].join('\n');
  expect(selectLastLines(printed)).toBe(
    "E: Unable to locate package grub-common | The command '/bin/sh -c apt-get update' returned a non-zero code: 100",
  );
  expect(selectLastLines('')).toBe('');
});
