import { readFile, writeFile } from 'node:fs/promises';
import { expect, onTestFinished, test } from 'vitest';
import { ControlPlane } from '../../../../control-plane/control-plane.ts';
import { temporaryFolder } from '../../../folder.ts';
import { Agent, members } from './agent.ts';

const DAY = 86_400_000;

/** A host whose configuration names its control plane and a token. */
async function configured(token: (plane: ControlPlane) => string) {
  const plane = await ControlPlane.open();
  onTestFinished(() => plane.api.close());
  const agent = new Agent(await temporaryFolder());
  await writeFile(
    `${agent.folder}/node.yaml`,
    `controlPlane: ${plane.api.origin}\njoinToken: ${token(plane)}\n`,
  );
  onTestFinished(() => agent.stop());
  return { plane, agent };
}

test('a token in the configuration joins the host unattended, and is removed once used', async () => {
  const { plane, agent } = await configured((one) => one.token());
  await agent.start();
  await agent.said(/^joined/);
  await agent.clock.skip();
  await plane.answered('syncFullState', 1);
  expect(await readFile(`${agent.folder}/node.yaml`, 'utf8')).toBe(
    `controlPlane: ${plane.api.origin}\n`,
  );
});

test('an unattended host waits for its control plane', async () => {
  const { plane, agent } = await configured((one) => one.token());
  await plane.api.close();
  await agent.start();
  await agent.clock.skip();
  await agent.clock.sleeping();
  expect(agent.membership.status).toMatchObject({
    state: 'joining',
    problem: expect.stringMatching(/nothing listens there/),
  });
  await plane.api.open();
  await agent.clock.skip();
  await agent.said(/^joined/);
});

test('an unattended host whose token is refused says so, and asks again an hour later', async () => {
  const { plane, agent } = await configured(
    (one) => `qxj1.${'x'.repeat(32)}.${one.authority.fingerprint}`,
  );
  await agent.start();
  await agent.said(/refused: the control plane does not know the join token/);
  expect(plane.calls).toHaveLength(1);
  expect(await agent.clock.skip()).toBeGreaterThanOrEqual(3_600_000);
  await plane.answered('register', 2);
});

test('an address without a certificate or token is reported as needing a token', async () => {
  const agent = new Agent(await temporaryFolder());
  onTestFinished(() => agent.stop());
  await writeFile(`${agent.folder}/node.yaml`, 'controlPlane: https://192.0.2.1\n');
  await agent.start();
  await agent.said(/unconfigured: .*needs a join token/);
});

test('a certificate is renewed for the same key before it expires, and used from then on', async () => {
  const { plane, agent } = await members();
  const before = await readFile(`${agent.folder}/membership.json`, 'utf8');
  agent.clock.advance(61 * DAY);
  await plane.answered('renewCertificate', 1);
  await agent.said(/certificate renewed/);
  await agent.clock.skip();
  await plane.answered('heartbeat', 3);
  expect(await readFile(`${agent.folder}/membership.json`, 'utf8')).not.toBe(before);
  expect(plane.nodes.size).toBe(1);
});

test('a failed renewal does not end the membership, and is tried again an hour later', async () => {
  const { plane, agent } = await members();
  plane.fault.before = ({ method }) => {
    if (method === 'renewCertificate') throw new Error('no');
  };
  agent.clock.advance(61 * DAY);
  await plane.answered('renewCertificate', 1);
  await agent.said(/could not be renewed/);
  for (let beats = 0; beats < 119; beats += 1) {
    await agent.clock.skip();
    await plane.answered('heartbeat', 3 + beats);
  }
  await agent.clock.sleeping();
  const tries = () => plane.calls.filter(({ method }) => method === 'renewCertificate').length;
  expect(tries()).toBe(1);
  await agent.clock.skip();
  await plane.answered('renewCertificate', 2);
  expect(agent.membership.status.state).toBe('connected');
});

test('a node whose certificate has expired reports it, and continues once the clock is right', async () => {
  const { plane, agent } = await members();
  await agent.stop();
  agent.clock.advance(100 * DAY);
  await agent.start();
  await agent.clock.skip();
  await agent.said(/certificate ended at .*this host’s clock says/);
  agent.clock.set(-99 * DAY);
  await agent.clock.skip();
  await plane.answered('syncFullState', 2);
});

test('a difference of clocks is logged once, and once more when it has ended', async () => {
  const { plane, agent } = await members();
  agent.clock.advance(10 * 60_000);
  await plane.answered('heartbeat', 2);
  await agent.said(/clock is \d+ s ahead of/);
  await agent.clock.skip();
  await plane.answered('heartbeat', 3);
  await agent.clock.sleeping();
  expect(agent.lines.filter((line) => /clock is/.test(line))).toHaveLength(1);
});

test('on a day without changes there are only heartbeats over one connection, and no log lines', async () => {
  const { plane, agent } = await members();
  plane.interval = 300;
  const lines = agent.lines.length;
  const calls = plane.calls.length;
  const sockets = () =>
    process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;
  const open = sockets();
  for (let [milliseconds, beats] = [0, 1]; milliseconds < DAY; beats += 1) {
    const passed = await agent.clock.skip();
    // The control plane's clock stands still, so this host's clock is set back.
    agent.clock.set(-passed);
    milliseconds += passed;
    await plane.answered('heartbeat', beats + 1);
    await agent.clock.sleeping();
  }
  expect(new Set(plane.calls.slice(calls).map(({ method }) => method))).toEqual(
    new Set(['heartbeat']),
  );
  expect(plane.calls.length - calls).toBeLessThan(300);
  expect(agent.lines.slice(lines)).toEqual([]);
  // Sockets of earlier tests in this process may have closed in the meantime.
  expect(sockets()).toBeLessThanOrEqual(open);
});
