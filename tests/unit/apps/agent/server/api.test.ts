import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { askAgent } from '../../../../../apps/agent/client/ask-agent.ts';
import { healthSchema } from '../../../../../apps/api/health.ts';
import { hostSchema } from '../../../../../apps/api/host.ts';
import { networkSchema } from '../../../../../apps/api/network.ts';
import { poolsSchema } from '../../../../../apps/api/storage.ts';
import { vmsSchema } from '../../../../../apps/api/vms.ts';
import { getErrorCode } from '../../../../../apps/process/code-of.ts';
import { servingAgent } from './agent.ts';
import { smallParts, WEB, world } from './small-parts.ts';

async function agentIn(around = world()) {
  return { around, ...(await servingAgent(smallParts(around))) };
}

test('the answers about host, network, VMs and pools match the schemas', async () => {
  const { around, send } = await agentIn();
  const read = async (path: string): Promise<unknown> =>
    JSON.parse((await send(`GET ${path}`)).text);
  expect(hostSchema.parse(await read('/v1/host'))).toEqual(around.host);
  expect(networkSchema.parse(await read('/v1/network?x=1'))).toEqual(around.network);
  expect(vmsSchema.parse(await read('/v1/vms')).vms).toEqual(around.vms);
  expect(poolsSchema.parse(await read('/v1/storage-pools'))).toEqual(around.pools);
  expect(healthSchema.parse(await read('/healthz'))).toMatchObject({ ok: true });
});

test('each answer has the current address', async () => {
  const { around, send } = await agentIn();
  const address = async () =>
    healthSchema.parse(JSON.parse((await send('GET /healthz')).text)).managementAddress;
  expect(await address()).toBe('10.0.0.7');
  around.address = '10.0.0.8';
  expect(await address()).toBe('10.0.0.8');
  around.address = null;
  expect(await address()).toBeNull();
});

test('health answers 503 with the problems, in JSON and in the status text', async () => {
  const { around, send, socket } = await agentIn();
  expect((await send('GET /healthz')).status).toBe(200);
  around.libvirt = { available: false, problem: 'libvirt is not running' };
  const { status, text } = await send('GET /healthz');
  expect(status).toBe(503);
  expect(healthSchema.parse(JSON.parse(text))).toMatchObject({
    ok: false,
    problems: ['libvirt is not running'],
  });
  expect(await askAgent({ socketPath: socket, path: '/healthz', schema: healthSchema })).toEqual(
    JSON.parse(text),
  );
  around.libvirt = { available: true, version: '9.0.0' };
  around.controlPlane = {
    state: 'connected',
    address: 'https://qvdc',
    problem: 'the renewed certificate cannot be written',
  };
  expect(await send('GET /healthz')).toMatchObject({
    status: 503,
    text: expect.stringContaining('control plane: the renewed certificate cannot be written'),
  });
});

test('a VM is defined, started, shut down, destroyed and undefined', async () => {
  const { send } = await agentIn();
  const created = await send('POST /v1/vms', '<domain><name>db</name></domain>');
  expect(created.status).toBe(201);
  const { id } = vmsSchema.shape.vms.element.parse(JSON.parse(created.text));
  for (const [verb, state] of [
    ['start', 'running'],
    ['shutdown', 'shutdown'],
    ['destroy', 'shutoff'],
  ]) {
    const { status, text } = await send(`POST /v1/vms/${id}/${verb}`);
    expect([status, JSON.parse(text)]).toMatchObject([200, { id, state }]);
  }
  expect(await send(`DELETE /v1/vms/${id}`)).toMatchObject({ status: 204, text: '' });
  expect((await send('GET /v1/vms')).text).not.toContain(id);
});

test('a pool is created and removed; a refusal is reported with a fix', async () => {
  const { around, send } = await agentIn();
  const add = (body: unknown) => send('POST /v1/storage-pools', JSON.stringify(body));
  const isos = { action: 'create', pool: { name: 'isos', directory: '/data/isos' } };
  expect(await add(isos)).toMatchObject({ status: 201, text: expect.stringContaining('"isos"') });
  const disk = { action: 'create', pool: { name: 'b' }, disks: ['/dev/sdb'] };
  const refused = await add(disk);
  expect(refused.status).toBe(409);
  expect(refused.text).toContain('it holds data. Type its serial');
  for (const odd of ['sdb', '/dev/../etc/passwd', '-rf', '/dev/a b']) {
    expect((await add({ ...disk, disks: [odd] })).status).toBe(400);
  }
  expect((await add({ ...isos, more: 1 })).status).toBe(400);
  expect(await send('DELETE /v1/storage-pools/isos')).toMatchObject({ status: 204, text: '' });
  expect(around.pools.map(({ name }) => name)).toEqual(['data']);
  expect((await send('DELETE /v1/storage-pools/isos')).status).toBe(409);
});

test.each([
  ['GET /', 404, 'there is nothing at'],
  ['GET /v1/vms/../host', 404, 'there is nothing at'],
  ['GET /v1/%76ms', 404, 'there is nothing at'],
  ['GET //healthz', 404, 'there is nothing at'],
  ['GET /healthz/', 404, 'there is nothing at'],
  ['POST /healthz', 405, 'this path supports GET only'],
  ['PUT /v1/vms', 405, 'this path supports GET, POST only'],
  [`GET /v1/vms/${WEB}/start`, 405, 'this path supports POST only'],
  ['POST /v1/vms//start', 404, 'there is nothing at'],
  ['POST /v1/vms/web/start', 400, 'is not the UUID of a VM'],
  ['POST /v1/vms/--all/destroy', 400, 'is not the UUID of a VM'],
  ['POST /v1/vms/00000000-0000-0000-0000-000000000000/start', 400, 'is not the UUID of a VM'],
  ['DELETE /v1/vms/6695eb01-f6a4-8304-79aa-97f2502e193f', 404, 'there is no VM of this UUID'],
  [`POST /v1/vms/${WEB}/start`, 409, 'Domain is already active'],
  ['POST /v1/vms', 400, 'the body is empty'],
  ['POST /v1/control-plane/join', 400, 'the body is not JSON'],
])('%s is answered with %i: %s', async (line, status, what) => {
  const { send } = await agentIn();
  const reply = await send(line);
  expect(reply.status).toBe(status);
  expect(JSON.parse(reply.text)).toEqual({
    error: expect.objectContaining({ what: expect.stringContaining(what) }),
  });
});

test('the answer to a wrong method lists the right ones', async () => {
  const { send } = await agentIn();
  expect((await send('PUT /v1/vms')).headers.allow).toBe('GET, POST');
});

test.each(['{', '[]', '{"address":"a"}', '{"address":"a","token":"b","more":1}', '"\\u0000"'])(
  'a join without address and token, %s, is refused',
  async (body) => {
    const { send, around } = await agentIn();
    expect((await send('POST /v1/control-plane/join', body)).status).toBe(400);
    expect(around.controlPlane.state).toBe('unconfigured');
  },
);

test('a body that is too big is refused, whether its length is declared or not', async () => {
  const { send, around } = await agentIn();
  const giant = `<name>${'x'.repeat(1024 * 1024)}</name>`;
  expect((await send('POST /v1/vms', giant)).status).toBe(413);
  const chunked = { 'transfer-encoding': 'chunked' };
  expect((await send('POST /v1/vms', giant, chunked)).status).toBe(413);
  expect(around.vms).toHaveLength(1);
  expect((await send('GET /healthz')).status).toBe(200);
});

test('a body that is not UTF-8 is refused', async () => {
  const { socket } = await agentIn();
  const reply = await raw(
    socket,
    'POST /v1/vms HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\nconnection: close\r\n\r\n\xff\xfe',
  );
  expect(reply).toContain('400 Bad Request');
  expect(reply).toContain('the body is not UTF-8');
});

test.each(['\0\0\0\n\n', 'GET / HTTP/9.9\r\n\r\n', `GET /${'x'.repeat(100_000)} HTTP/1.1\r\n\r\n`])(
  'an invalid request ends the connection, and not the agent: %.20j',
  async (text) => {
    const { socket, send } = await agentIn();
    expect(await raw(socket, text)).toMatch(/^(HTTP\/1\.1 4\d\d |$)/);
    expect((await send('GET /healthz')).status).toBe(200);
  },
);

test('a caller that disconnects in the middle of a request does not disturb others', async () => {
  const { socket, send, log } = await agentIn();
  const caller = connect(socket);
  caller.write('POST /v1/vms HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n<dom');
  caller.destroy();
  expect((await send('GET /healthz')).status).toBe(200);
  expect(log).toEqual([`info: listening on ${socket}`]);
});

test('an explained error is in the answer, and a bug only in the log', async () => {
  const around = { ...world(), network: null };
  const parts = smallParts(around);
  const agent = await servingAgent({
    ...parts,
    host: () => Promise.reject(new TypeError('secret is undefined')),
  });
  expect(await agent.send('GET /v1/network')).toMatchObject({
    status: 503,
    text: expect.stringContaining('qx-network does not know'),
  });
  const bug = await agent.send('GET /v1/host');
  expect(bug.status).toBe(500);
  expect(bug.text).not.toContain('secret');
  expect(agent.log.join()).toContain('TypeError: secret is undefined');
});

/** Sends bytes as they are, and returns all that comes back. */
function raw(socket: string, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const caller = connect(socket);
    let reply = '';
    caller.setEncoding('latin1').on('data', (piece) => {
      reply += piece;
    });
    caller.on('close', () => resolve(reply));
    // A client that is still sending when the agent closes the connection may get this error instead of the answer.
    caller.on('error', (error) => getErrorCode(error) === 'ECONNRESET' || reject(error));
    caller.end(text, 'latin1');
  });
}
