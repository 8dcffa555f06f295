import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { ARCHITECTURES, DEFAULT_ARCHITECTURE } from '../../build/architecture.ts';
import { type OciImage, writeOciArchive } from '../../build/image/oci.ts';
import { ContentReader } from '../../build/tree/content.ts';
import { tarStream } from '../../build/tree/tar-stream.ts';
import { Tree } from '../../build/tree/tree.ts';
import { NoDocker, openDaemon } from './daemon.ts';

const IMAGE: OciImage = {
  ...{ name: 'quantix-test-load', title: 'Loaded by a test', version: '0.1.0', init: '/sbin/init' },
  architecture: ARCHITECTURES[DEFAULT_ARCHITECTURE].debian,
  epoch: 1_700_000_000,
};

/** A root file system of a program, a link to it and a device. */
function system(reader: ContentReader): Tree {
  const tree = new Tree(reader);
  const owned = { uid: 0, gid: 0, origin: 'a test' };
  const bytes = Buffer.from('#!/bin/sh\n');
  const content = { in: 'memory', bytes } as const;
  for (const path of ['dev', 'sbin']) {
    tree.add({ ...owned, path, type: 'directory', mode: 0o755 });
  }
  tree.add({
    ...owned,
    path: 'sbin/openrc',
    type: 'file',
    mode: 0o755,
    size: bytes.length,
    content,
  });
  tree.add({ ...owned, path: 'sbin/init', type: 'symlink', mode: 0o777, target: 'openrc' });
  tree.add({ ...owned, path: 'dev/null', type: 'character', mode: 0o666, major: 1, minor: 3 });
  return tree;
}

test('docker load imports the archive, with the same root file system', async (context) => {
  const daemon = await openDaemon();
  if (daemon instanceof NoDocker) return context.skip(daemon.reason);
  const { docker, host, stop } = daemon;
  const folder = await mkdtemp(join(tmpdir(), 'quantix-load-'));
  const reference = `${IMAGE.name}:${IMAGE.version}`;
  try {
    using reader = new ContentReader();
    const archive = join(folder, 'image.tar');
    {
      await using file = await open(archive, 'w');
      await writeOciArchive(file, IMAGE, tarStream(system(reader), IMAGE.epoch));
    }
    expect(await docker('load', '--input', archive)).toContain(`Loaded image: ${reference}`);
    const [inspected] = JSON.parse(await docker('image', 'inspect', reference));
    expect(inspected).toMatchObject({
      Architecture: IMAGE.architecture,
      Os: 'linux',
      Config: { Entrypoint: ['/sbin/init'] },
    });
    const container = await docker('create', '--network=none', reference);
    const exported = join(folder, 'exported.tar');
    await execa('docker', ['export', '--output', exported, container], {
      env: { DOCKER_HOST: host },
    });
    const { stdout } = await execa('tar', ['-tvf', exported]);
    expect(stdout).toMatch(/^-rwxr-xr-x root\/root +10 .* sbin\/openrc$/m);
    expect(stdout).toMatch(/ sbin\/init -> openrc$/m);
    await docker('rm', container);
    await docker('image', 'rm', reference);
  } finally {
    await stop();
    await rm(folder, { recursive: true, force: true });
  }
});
