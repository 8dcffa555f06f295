import { createHash, generateKeyPairSync } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { updateStatusSchema } from '../../apps/api/update.ts';
import { signRelease } from '../../build/release/sign.ts';
import { keySigner } from '../../build/release/signer.ts';
import { buildImage } from './build-images.ts';
import { boot, imageOf, logIn, logInAfter, type Story, succeed, untilSucceeds } from './story.ts';

/** Milliseconds: three boots on an emulated processor, and an image that is hashed there, too. */
const STORY = 2_400_000;

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const PEM = publicKey.export({ type: 'spki', format: 'pem' }).toString().trim();

async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(file)) hash.update(piece);
  return hash.digest('hex');
}

/** An update server with the image under test as a release, and the connection broken once in the middle. */
async function serve(
  iso: string,
): Promise<{ address: string; release(serial: number): void } & AsyncDisposable> {
  const { size: bytes } = await stat(iso);
  const sha256 = await sha256Of(iso);
  const image = { path: `images/${sha256}.iso`, bytes, sha256 };
  let [envelope, breaks] = ['', 1];
  const server = createServer((request, response) => {
    if (request.url === '/quantix-os/stable/x86_64/release.json') return response.end(envelope);
    if (request.url !== `/${image.path}`) return response.writeHead(404).end();
    const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const end = breaks-- > 0 ? Math.floor(bytes / 2) : bytes;
    response.writeHead(start === 0 ? 200 : 206, {
      'content-length': bytes - start,
      'content-range': `bytes ${start}-${bytes - 1}/${bytes}`,
    });
    const file = createReadStream(iso, { start, end: end - 1 });
    file.pipe(response, { end: end === bytes });
    return file.on('end', () => (end === bytes ? undefined : response.destroy()));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const now = Date.now();
  return {
    address: `http://10.0.2.2:${(server.address() as AddressInfo).port}`,
    release: async (serial) => {
      envelope = await signRelease(
        {
          ...{ format: 1, product: 'quantix-os', base: 'debian', architecture: 'x86_64' },
          ...{ version: `0.${serial}.0`, channel: 'stable', buildId: '0123456789abcdef', serial },
          ...{ floor: 0, image, issued: new Date(now).toISOString() },
          expires: new Date(now + 86_400_000).toISOString(),
        },
        [keySigner(privateKey)],
      );
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** What the machine says of its updates. */
async function status(story: Story) {
  return updateStatusSchema.parse(JSON.parse(await succeed(story, 'qx-update status --json')));
}

test(
  'an installed host is updated from a server that breaks off once, and keeps the version, which is well; configuration and data are there as before',
  async () => {
    const image = await buildImage('quantix-os', '--format', 'qcow2');
    await using server = await serve(imageOf('quantix-os').iso);
    await using story = await boot(
      'quantix-os-update',
      {
        ...{ firmware: 'uefi', board: 'q35', watchdog: true },
        medium: { as: 'disk', bus: 'virtio', image, format: 'qcow2', isKept: 'until end' },
      },
      'nobody',
    );
    const { guest } = story;
    await guest.waitForMilestone('ready');
    await logIn(story);
    expect(await status(story)).toMatchObject({ state: 'good', booted: 'a' });
    await succeed(story, 'qx-hostname before && touch /data/before && sync');
    const trust = `mkdir -p /usr/share/quantix/release-keys && echo '${PEM.replaceAll('\n', '|')}' | tr '|' '\\n' >/usr/share/quantix/release-keys/tests.pem`;

    await server.release(2);
    await succeed(story, trust);
    await succeed(
      story,
      `qx-update server ${server.address} && qx-update check && qx-update stage`,
    );
    const { mark } = guest;
    guest.type('qx-update activate --minutes 0');
    await logInAfter(story, mark);
    await untilSucceeds(story, 'qx-update status --json | grep -q \'"state":"good"\'');
    expect(await status(story)).toMatchObject({
      booted: 'b',
      last: { version: '0.2.0', result: 'confirmed' },
    });
    expect(await succeed(story, 'hostname; ls /data/before')).toBe('before\n/data/before\n');
  },
  STORY,
);
