import { readFile, stat } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { parseJoinToken } from '../../../../../apps/agent/configuration/join-token.ts';
import { Authority } from '../../../../control-plane/authority.ts';
import { unjoined } from './agent.ts';

test('a host joins with a token, and never sends its private key', async () => {
  const { plane, agent } = await unjoined();
  const joined = await agent.membership.join({
    controlPlane: plane.api.origin,
    token: plane.token(),
  });
  expect([...plane.nodes.keys()]).toEqual([joined.nodeId]);
  expect(joined.persistent).toBe(true);
  expect((await stat(`${agent.folder}/node.key`)).mode & 0o777).toBe(0o600);
  expect(await readFile(`${agent.folder}/node.yaml`, 'utf8')).toBe(
    `controlPlane: ${plane.api.origin}\n`,
  );
});

test('a control plane whose CA does not match the token does not get the token', async () => {
  const { plane, agent } = await unjoined();
  const { secret } = parseJoinToken(plane.token());
  const other = await Authority.create('another');
  const token = `qxj1.${secret}.${other.fingerprint}`;
  await expect(agent.membership.join({ controlPlane: plane.api.origin, token })).rejects.toThrow(
    /shows no CA with the token’s fingerprint/,
  );
  expect(plane.calls).toEqual([]);
  expect(agent.membership.status.state).toBe('unconfigured');
});

test('a server certificate of another CA is refused, even if the server also sends the token’s CA', async () => {
  const { plane, agent } = await unjoined();
  const stranger = await (await Authority.create('Quantix control plane')).server();
  await plane.api.close();
  const leaf = stranger.cert.slice(0, stranger.cert.indexOf('-----END'));
  const cert = `${leaf}-----END CERTIFICATE-----\n${plane.authority.pem}`;
  await plane.api.open({ key: stranger.key, cert });
  await expect(
    agent.membership.join({ controlPlane: plane.api.origin, token: plane.token() }),
  ).rejects.toThrow(/not signed by the CA that this node trusts/);
  expect(plane.calls).toEqual([]);
});

test('a token that another node has used is refused', async () => {
  const { plane, agent } = await unjoined();
  const token = plane.token();
  await agent.membership.join({ controlPlane: plane.api.origin, token });
  const { agent: second } = await unjoined();
  await expect(second.membership.join({ controlPlane: plane.api.origin, token })).rejects.toThrow(
    /the join token was used by another node/,
  );
  expect(plane.nodes.size).toBe(1);
});

test('the same host may use its token again after a lost answer', async () => {
  const { plane, agent } = await unjoined();
  const token = plane.token();
  plane.fault.after = () => {
    plane.api.cut();
    plane.fault = {};
  };
  const request = { controlPlane: plane.api.origin, token };
  await expect(agent.membership.join(request)).rejects.toThrow(/cannot be reached/);
  const { nodeId } = await agent.membership.join(request);
  expect([...plane.nodes.keys()]).toEqual([nodeId]);
});

test('a clock that is far off is reported before the join', async () => {
  const { plane, agent } = await unjoined();
  agent.clock.set(-40 * 365 * 86_400_000);
  await expect(
    agent.membership.join({ controlPlane: plane.api.origin, token: plane.token() }),
  ).rejects.toThrow(/this host’s clock says 19.*Set the clock/);
});

test('a control plane that answers with another node id is not joined', async () => {
  const { plane, agent } = await unjoined();
  plane.nameNode = () => '00000000-0000-8000-8000-000000000000';
  await expect(
    agent.membership.join({ controlPlane: plane.api.origin, token: plane.token() }),
  ).rejects.toThrow(/the id 00000000.* for this node, and its key has the id/);
});

test('without a configuration disk a host joins for this session, with a warning', async () => {
  const { plane, agent } = await unjoined();
  agent.persistent = false;
  const joined = await agent.membership.join({
    controlPlane: plane.api.origin,
    token: plane.token(),
  });
  expect(joined.persistent).toBe(false);
  expect(await agent.said(/^joined/)).toMatch(/until the next reboot only/);
});

test.each([
  ['http://192.0.2.1', 'qxj1.', /not the address of a control plane/],
  ['https://192.0.2.1/path', 'qxj1.', /not the address of a control plane/],
  ['https://user@192.0.2.1', 'qxj1.', /not the address of a control plane/],
  ['192.0.2.1', 'qxj1.', /not the address of a control plane/],
  ['https://192.0.2.1', 'qxj1.short.00', /not a join token/],
  ['https://192.0.2.1', '', /not a join token/],
])('%s with token %s is refused before anything is sent', async (controlPlane, token, message) => {
  const { agent } = await unjoined();
  await expect(agent.membership.join({ controlPlane, token })).rejects.toThrow(message);
});
