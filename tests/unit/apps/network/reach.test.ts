import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { chmod, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { Network } from '../../../../apps/api/network.ts';
import {
  isNeighbour,
  type Reach,
  type ReachPlaces,
  testReach,
  toPlace,
} from '../../../../apps/network/reach.ts';
import { NETWORK } from '../../../screens/machine.ts';
import { temporaryFolder } from '../../folder.ts';
import { makeRootFolder } from '../host/root-folder.ts';

const { signal } = new AbortController();

/** A network whose first interface has this gateway and these name servers. */
function network(gateway: string | null, dns: readonly string[] = []): Network {
  const [eth0, ...others] = NETWORK.interfaces;
  if (eth0 === undefined) throw new Error('no interface');
  return { ...NETWORK, interfaces: [{ ...eth0, gateway, dns: [...dns] }, ...others] };
}

/** A script in place of ping. */
async function standIn(script: string): Promise<string> {
  const program = join(await temporaryFolder(), 'ping');
  await writeFile(program, `#!/bin/sh\n${script}\n`);
  await chmod(program, 0o755);
  return program;
}

/** A name server on the loopback interface. @returns its port */
async function nameServer(answer: (question: Buffer) => Buffer | undefined): Promise<number> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  onTestFinished(() => void socket.close());
  socket.on('message', (question, { port, address }) => {
    const told = answer(question);
    if (told !== undefined) socket.send(told, port, address);
  });
  return socket.address().port;
}

const of = (reaches: readonly Reach[], what: Reach['what']) =>
  reaches.filter((one) => one.what === what);

const askOnly = async (dns: readonly string[], places: ReachPlaces) =>
  of(
    await testReach({ network: network(null, dns), controlPlane: undefined }, signal, places),
    'dns',
  );

test('without a gateway, name server and control plane the result is not known', async () => {
  const reaches = await testReach(
    { network: network(null), controlPlane: { origin: null } },
    signal,
  );
  expect(reaches).toEqual([
    { what: 'gateway', target: null, state: 'unknown', detail: 'there is no default gateway' },
    { what: 'dns', target: null, state: 'unknown', detail: 'there is no name server' },
    { what: 'control-plane', target: null, state: 'unknown', detail: 'none is joined' },
  ]);
  const problem = 'the agent does not answer';
  const unasked = await testReach({ network: network(null), controlPlane: { problem } }, signal);
  expect(of(unasked, 'control-plane')).toMatchObject([{ state: 'unknown', detail: problem }]);
});

test('a gateway is reachable if it answers a ping or ARP', async () => {
  const root = await makeRootFolder({
    'proc/net/arp':
      'IP address HW type Flags HW address Mask Device\n10.0.0.1 0x1 0x2 52:54:00:00:00:01 * eth0\n10.0.0.2 0x1 0x0 00:00:00:00:00:00 * eth0\n',
  });
  const ask = async (gateway: string, script: string) =>
    of(
      await testReach({ network: network(gateway), controlPlane: undefined }, signal, {
        root,
        ping: await standIn(script),
      }),
      'gateway',
    );
  const words = '[ "$*" = "-c 1 -w 3 -I eth0 10.0.0.9" ]';
  expect(await ask('10.0.0.9', words)).toMatchObject([
    { target: '10.0.0.9', state: 'reached', detail: 'it answers a ping' },
  ]);
  expect(await ask('10.0.0.1', 'exit 1')).toMatchObject([
    { state: 'reached', detail: 'it is there, but answers no ping' },
  ]);
  expect(await ask('10.0.0.2', 'exit 1')).toMatchObject([
    { state: 'not-reached', detail: 'no answer to a ping' },
  ]);
  expect(isNeighbour('10.0.0.1 0x1 0x2 a * eth1', { name: 'eth0', address: '10.0.0.1' })).toBe(
    false,
  );
});

test('a name server is reachable if it gives any answer, whose content is not used', async () => {
  let asked: Buffer = Buffer.alloc(0);
  const dnsPort = await nameServer((question) => {
    asked = question;
    // Refused (RFC 1035, 4.1.1).
    return Buffer.concat([
      question.subarray(0, 2),
      Buffer.from([0x80, 0x05]),
      question.subarray(4),
    ]);
  });
  expect(await askOnly(['127.0.0.1'], { dnsPort })).toMatchObject([{ state: 'reached' }]);
  // The question is for the root, without recursion.
  expect(asked.subarray(2).toString('hex')).toBe('000000010000000000000000020001');
});

test('a name server that is silent, or answers with garbage, is not reachable, and the others are', async () => {
  const silent = await nameServer(() => undefined);
  const [one] = await askOnly(['127.0.0.1'], { dnsPort: silent, patience: 200 });
  expect(one).toMatchObject({ state: 'not-reached', detail: 'no answer within 0.2 s' });
  const wrong = await nameServer(() => Buffer.from('xxxxxxxxxxxxxxxxx'));
  const [other] = await askOnly(['127.0.0.1'], { dnsPort: wrong });
  expect(other).toMatchObject({
    state: 'not-reached',
    detail: expect.stringMatching(/does not match the question/) as string,
  });
  const nobody = await askOnly(['127.0.0.1'], { dnsPort: 1 });
  expect(nobody).toMatchObject([{ state: 'not-reached' }]);
});

test('a name server to which nothing can be sent is not reachable, and the reason is given', async () => {
  // The kernel refuses this address like one without a route: when the socket is connected.
  const [one] = await askOnly(['255.255.255.255'], { patience: 200 });
  expect(one).toMatchObject({
    state: 'not-reached',
    detail: expect.stringMatching(/EACCES|ENETUNREACH/) as string,
  });
});

test('a control plane is reachable if its port is open', async () => {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const origin = `https://127.0.0.1:${address.port}`;
  const ask = async () =>
    of(
      await testReach({ network: network(null), controlPlane: { origin } }, signal),
      'control-plane',
    );
  expect(await ask()).toMatchObject([{ target: origin, state: 'reached' }]);
  await new Promise((closed) => server.close(closed));
  expect(await ask()).toMatchObject([
    { state: 'not-reached', detail: expect.stringMatching(/ECONNREFUSED/) as string },
  ]);
});

test.each([
  ['https://vdc.example', { host: 'vdc.example', port: 443 }],
  ['https://vdc.example:9443', { host: 'vdc.example', port: 9443 }],
  ['10.0.0.2', { host: '10.0.0.2', port: 443 }],
  ['[2001:db8::2]:9443', { host: '2001:db8::2', port: 9443 }],
  ['', undefined],
  ['a b', undefined],
])('%j is parsed as host and port %j', (origin, place) => {
  expect(toPlace(origin)).toEqual(place);
});
