import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { expect, onTestFinished, test } from 'vitest';
import { makeCertificateRequest } from '../../../../../apps/agent/membership/identity/certificate-request.ts';
import { loadKey } from '../../../../../apps/agent/membership/identity/key.ts';
import { Authority } from '../../../../control-plane/authority.ts';
import { ControlPlane } from '../../../../control-plane/control-plane.ts';
import { type Agent, members, unjoined } from './agent.ts';
import { failAfter } from './failing-disk.ts';

const DAY = 86_400_000;

async function anotherPlane(): Promise<ControlPlane> {
  const plane = await ControlPlane.open();
  onTestFinished(() => plane.api.close());
  return plane;
}

/**
 * Restarts the agent, as after a power cut, and waits until it is connected.
 * @returns the address of its control plane
 */
async function restart(agent: Agent): Promise<string | null> {
  await agent.stop();
  const line = agent.lines.length;
  await agent.start();
  await agent.clock.skip();
  await agent.said(/ connected/, line);
  return agent.membership.status.address;
}

test('a join interrupted at any write leaves a complete membership of one control plane', async () => {
  const { plane, agent } = await members();
  const other = await anotherPlane();
  const planes = [plane, other];
  const joined: string[] = [];
  for (let steps = 0; ; steps += 1) {
    const before = agent.membership.status.address;
    const next = planes.find(({ api }) => api.origin !== before);
    if (next === undefined) throw new Error('nowhere to go');
    const disk = failAfter(steps);
    const outcome = await agent.membership
      .join({ controlPlane: next.api.origin, token: next.token() })
      .then(() => 'joined' as const)
      .catch((error: Error) => error.message);
    disk.recover();
    const after = await restart(agent);
    if (outcome === 'joined') expect(after).toBe(next.api.origin);
    else expect(outcome).toMatch(/membership\.json cannot be written: the disk is read-only/);
    if (after === before) expect(outcome).not.toBe('joined');
    joined.push(after === before ? 'before' : 'after');
    if (disk.steps <= steps) break;
  }
  expect(new Set(joined)).toEqual(new Set(['before', 'after']));
  expect(joined.lastIndexOf('before')).toBeLessThan(joined.indexOf('after'));
});

test('a token is not used if the membership cannot be stored', async () => {
  const { plane, agent } = await unjoined();
  const request = { controlPlane: plane.api.origin, token: plane.token() };
  const disk = failAfter(5, 'ENOSPC');
  await expect(agent.membership.join(request)).rejects.toThrow(
    /cannot be written: the disk is full.*Make room/,
  );
  expect(plane.calls).toEqual([]);
  disk.recover();
  await agent.membership.join(request);
});

test('a node can join in spite of a malformed node.yaml', async () => {
  const { plane, agent } = await unjoined();
  await writeFile(`${agent.folder}/node.yaml`, 'a: [');
  await agent.membership.join({ controlPlane: plane.api.origin, token: plane.token() });
  await agent.said(/node\.yaml still says what it said before/);
  expect(await restart(agent)).toBe(plane.api.origin);
});

test('an address that is written into node.yaml later is used', async () => {
  const { plane, agent } = await members();
  await agent.stop();
  const origin = plane.api.origin.replace('127.0.0.1', 'localhost');
  await writeFile(`${agent.folder}/node.yaml`, `controlPlane: ${origin}\n`);
  expect(await restart(agent)).toBe(origin);
});

/** Writes the membership in the form of two files, as older agents did. */
async function writeOlderForm({ folder }: Agent): Promise<void> {
  const { certificateChain, caCertificates } = JSON.parse(
    await readFile(`${folder}/membership.json`, 'utf8'),
  );
  await writeFile(`${folder}/node.crt`, certificateChain);
  await writeFile(`${folder}/ca.crt`, caCertificates);
  await rm(`${folder}/membership.json`);
}

test('a membership in the older form of two files is converted, even if that is interrupted anywhere', async () => {
  const { plane, agent } = await members();
  for (let steps = 0; ; steps += 1) {
    await agent.stop();
    await writeOlderForm(agent);
    const disk = failAfter(steps);
    const line = agent.lines.length;
    await agent.start();
    await agent.clock.skip();
    await agent.said(/ connected/, line);
    disk.recover();
    expect(await restart(agent)).toBe(plane.api.origin);
    expect(await readdir(agent.folder)).toEqual(
      expect.not.arrayContaining(['node.crt', 'ca.crt', 'membership.json.rejected']),
    );
    if (disk.steps <= steps) break;
  }
});

test('a renewal interrupted at any write leaves a complete membership', async () => {
  const { plane, agent } = await members();
  for (let steps = 0; ; steps += 1) {
    agent.clock.advance(61 * DAY);
    const renewals = plane.calls.filter(({ method }) => method === 'renewCertificate').length;
    const disk = failAfter(steps);
    await plane.answered('renewCertificate', renewals + 1);
    await agent.clock.sleeping();
    disk.recover();
    // The control plane's certificates are valid by the real clock.
    agent.clock.set(-61 * DAY);
    expect(await restart(agent)).toBe(plane.api.origin);
    await agent.clock.sleeping();
    if (disk.steps <= steps) break;
  }
});

test('a renewed certificate that cannot be written is used, reported, and written later', async () => {
  const { plane, agent } = await members();
  const before = await readFile(`${agent.folder}/membership.json`, 'utf8');
  const disk = failAfter(0, 'ENOSPC');
  agent.clock.advance(61 * DAY);
  await plane.answered('renewCertificate', 1);
  await agent.said(/cannot be written: .*the disk is full/);
  await agent.clock.sleeping();
  expect(agent.membership.status).toMatchObject({
    state: 'connected',
    problem: expect.stringMatching(/certificate.* cannot be written/),
  });
  disk.recover();
  await agent.clock.skip();
  await agent.said(/the changed control plane settings are written/);
  await agent.clock.sleeping();
  expect(agent.membership.status).toMatchObject({ state: 'connected', problem: null });
  expect(await readFile(`${agent.folder}/membership.json`, 'utf8')).not.toBe(before);
  expect(plane.calls.filter(({ method }) => method === 'renewCertificate')).toHaveLength(1);
});

test('a certificate of another key or another CA is set aside: the node must join again', async () => {
  const { agent } = await members();
  await agent.stop();
  const record = JSON.parse(await readFile(`${agent.folder}/membership.json`, 'utf8'));
  const stranger = await Authority.create('CA');
  const own = await loadKey(agent.folder, () => {});
  const { certificate } = await stranger.sign(await makeCertificateRequest(own));
  for (const content of [
    JSON.stringify({ ...record, certificateChain: certificate }),
    JSON.stringify({ ...record, caCertificates: stranger.pem }),
    JSON.stringify({ ...record, caCertificates: '' }),
    '{}',
    'null',
    '',
    '{"origin":',
    'x'.repeat(1_000_000),
  ]) {
    await writeFile(`${agent.folder}/membership.json`, content);
    const line = agent.lines.length;
    await agent.start();
    await agent.said(/membership\.json\.rejected.*must join again/, line);
    await agent.said(/unconfigured: .*needs a join token/, line);
    await agent.stop();
  }
});
