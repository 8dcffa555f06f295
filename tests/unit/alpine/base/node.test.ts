import { afterEach, beforeEach, expect, test } from 'vitest';
import { resolveAlpine } from '../../../../build/base/alpine/resolve.ts';
import { openWorkplace, PACKAGES, profileOf, program, type Workplace } from './mirrored.ts';

let place: Workplace;

beforeEach(async () => {
  place = await openWorkplace();
});

afterEach(() => place[Symbol.asyncDispose]());

const programs = ['qx-controlplane'];

/** Resolves a profile with programs from a mirror whose Node has this version. */
async function resolve(nodeVersion: string | undefined, packages = ['base', 'nodejs']) {
  const node = nodeVersion === undefined ? [] : [program('nodejs', { version: nodeVersion })];
  const mirror = await place.mirror('one', [...PACKAGES, ...node]);
  const request = place.request({ mirror, profile: profileOf({ packages }, undefined, programs) });
  return { resolution: resolveAlpine(request) };
}

test('the Node that programs run on is locked like other packages', async () => {
  const { resolution } = await resolve('24.19.0-r0');
  const { packages } = await resolution;
  expect(packages.find(({ name }) => name === 'nodejs')).toMatchObject({
    version: '24.19.0-r0',
    sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
  });
});

test('a mirror without Node is refused with the name of the missing package', async () => {
  const { resolution } = await resolve(undefined);
  await expect(resolution).rejects.toThrow(
    'world wants nodejs, but nothing is called or provides nodejs',
  );
});

test('a mirror whose Node is too old is refused in one line', async () => {
  const { resolution } = await resolve('22.21.0-r0');
  await expect(resolution).rejects.toThrow(
    /^\s*.*nodejs is 22\.21\.0-r0, and the programs run on Node 24 and newer/m,
  );
});

test('a profile with programs but without Node is refused, and the error says what to add', async () => {
  const { resolution } = await resolve('24.19.0-r0', ['base']);
  await expect(resolution).rejects.toThrow(
    'the programs need nodejs among bases.alpine.packages, or an archive of Node: bases.alpine.architectures.x86_64.node',
  );
});
