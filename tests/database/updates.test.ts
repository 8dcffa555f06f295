import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { request } from 'node:https';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { pin, readKept } from '../../apps/control-plane/updates/tree.ts';
import { deriveServerName } from '../../apps/proto/names.ts';
import { makeServerSource } from '../../apps/update/server.ts';
import { verifyRelease } from '../../build/release/sign.ts';
import { releasePath } from '../../build/release/tree.ts';
import { LINE, OURS, released } from '../unit/apps/control-plane/updates/trees.ts';
import { temporaryFolder } from '../unit/folder.ts';
import { NodeApi } from './node-api.ts';

let folder: string;
let api: NodeApi;
let image: Buffer;
let path: string;

beforeEach(async () => {
  folder = await temporaryFolder();
  const made = await released(folder, '0.1.0', { size: 3_000_000 });
  [image, path] = [made.bytes, `/updates/${made.release.image.path}`];
  api = await NodeApi.open({ updates: folder });
});
afterEach(() => api[Symbol.asyncDispose]());

/**
 * Sends a request as qx-update does: by HTTP/1.1, without a client certificate, verifying the server by its authority.
 */
async function ask(
  at: string,
  { method = 'GET', headers = {} }: { method?: string; headers?: Record<string, string> } = {},
): Promise<{ status: number; body: Buffer }> {
  const { bundle, fingerprint } = api.authority;
  const asked = request(`${api.origin}${at}`, {
    ...{ method, headers, ca: bundle, servername: deriveServerName(fingerprint), agent: false },
  });
  asked.end();
  const [response] = await once(asked, 'response');
  const pieces: Buffer[] = [];
  for await (const piece of response) pieces.push(piece);
  return { status: response.statusCode, body: Buffer.concat(pieces) };
}

describe('the API for agents', () => {
  test('serves updates by HTTP/1.1 and HTTP/2 to any client that trusts its authority', async () => {
    expect((await ask(`/updates/${releasePath(LINE)}`)).body.toString()).toContain('payloadType');
    const rest = await ask(path, { headers: { range: 'bytes=2999000-' } });
    expect([rest.status, rest.body.equals(image.subarray(2_999_000))]).toEqual([206, true]);
    expect((await ask(path)).body.equals(image)).toBe(true);
    expect((await ask('/updates/images/nothing')).status).toBe(404);

    // HTTP/2 works, too.
    const session = connectHttp2(api.origin, { rejectUnauthorized: false });
    const stream = session.request({ ':path': path, range: 'bytes=0-9' });
    const [headers] = await once(stream, 'response');
    expect(headers[':status']).toBe(206);
    const pieces: Buffer[] = [];
    for await (const piece of stream) pieces.push(piece);
    expect(Buffer.concat(pieces).equals(image.subarray(0, 10))).toBe(true);
    session.destroy();

    // Everything else is refused over HTTP/1.1.
    expect((await ask('/')).status).toBe(505);
    const method = 'POST';
    expect((await ask('/quantix.v1.NodeService/Register', { method })).status).toBe(505);
    expect((await ask(path, { method })).status).toBe(405);
  });

  test('serves releases to qx-update, which resumes an interrupted download', async () => {
    const kept = await readKept(folder, LINE, [OURS.trusted]);
    if (kept === undefined) throw new Error('nothing is kept');
    await pin(folder, kept);
    await released(folder, '0.2.0');
    const { bundle, fingerprint } = api.authority;
    const source = makeServerSource({
      ...{ address: `${api.origin}/updates/at/1`, ...LINE },
      trust: { ca: bundle, name: deriveServerName(fingerprint) },
    });
    const { signal } = new AbortController();
    const release = verifyRelease(await source.readRelease(signal), [OURS.trusted]);
    expect(release.version).toBe('0.1.0');
    const pieces: Uint8Array[] = [];
    for await (const piece of source.openImage(release, { offset: 1_000_000, signal }))
      pieces.push(piece);
    expect(Buffer.concat(pieces).equals(image.subarray(1_000_000))).toBe(true);
    const other = { ca: bundle, name: deriveServerName('0'.repeat(64)) };
    const stranger = makeServerSource({ address: `${api.origin}/updates`, ...LINE, trust: other });
    await expect(stranger.readRelease(signal)).rejects.toThrow(/cannot be reached/);
  });

  test('stops at once even while a client downloads slowly', async () => {
    const { bundle, fingerprint } = api.authority;
    const trust = { ca: bundle, servername: deriveServerName(fingerprint), agent: false };
    const asked = request(`${api.origin}${path}`, trust).on('error', () => undefined);
    asked.end();
    const [response] = await once(asked, 'response');
    response.on('error', () => undefined).pause();
    await api.stop();
    response.destroy();
    await api.start();
    expect((await ask(path, { method: 'HEAD' })).status).toBe(200);
  });
});
