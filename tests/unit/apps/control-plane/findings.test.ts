import { type AddressInfo, createServer as createPlainServer } from 'node:net';
import { createServer } from 'node:tls';
import { describe, expect, test } from 'vitest';
import {
  askPort,
  judgeBackups,
  judgeClock,
  judgeHosts,
  judgePort,
  judgeSpace,
} from '../../../../apps/control-plane/health/findings.ts';
import { Authority } from '../../../control-plane/authority.ts';

const GIB = 1024 ** 3;
const DAY = 86_400_000;

describe('doctor reports a problem with a fix:', () => {
  test.each([
    [11, true, '11.0 GiB of 100 GiB are free'],
    [9, false, '9.0 GiB of 100 GiB are free'],
  ])('a disk with %d of 100 GiB', (available, isWell, told) => {
    const space = { total: 100 * GIB, used: (100 - available) * GIB, available: available * GIB };
    const finding = judgeSpace(space, '/data/backup');
    expect(finding).toMatchObject({ isWell });
    expect(finding.told).toContain(told);
    expect(finding.fix === '').toBe(isWell);
  });

  test('a clock that differs from those of most hosts, if there is more than one', () => {
    const right = {
      ...{ servers: null, synchronized: true, reference: '192.0.2.1', offset: 0, sources: [] },
    };
    expect(judgeClock(right, [-20, 10, 90_000])).toMatchObject({ isWell: true, fix: '' });
    const wrong = judgeClock(right, [89_000, 90_000, 0]);
    expect(wrong.told).toContain('most hosts’ clocks are 89 s ahead of this one');
    expect(wrong.isWell).toBe(false);
    expect(judgeClock(undefined, [-7000]).told).toContain('7 s behind');
    expect(judgeClock({ ...right, synchronized: false }, [])).toMatchObject({
      ...{ isWell: null, told: 'set by no time server' },
    });
  });

  test.each([
    [{ problem: 'connect ECONNREFUSED' }, false, 'nothing serves hosts on port 9443'],
    [{ endsAt: 61 * DAY }, true, 'for 60 days more'],
    [{ endsAt: 10 * DAY }, false, 'for 9 days more'],
    [{ endsAt: 0 }, false, 'has ended, or the clock is wrong'],
  ])('the port of the agents: %j', (answer, isWell, told) => {
    const agents = { port: 9443, whom: 'agents', certificate: 'own' } as const;
    const finding = judgePort(answer, agents, DAY);
    expect(finding).toMatchObject({ isWell });
    expect(finding.told).toContain(told);
  });

  test('the certificate for people expires within thirty days', () => {
    const people = { port: 443, whom: 'people', certificate: 'given' } as const;
    expect(judgePort({ endsAt: 31 * DAY }, people, DAY)).toMatchObject({ isWell: true, fix: '' });
    expect(judgePort({ endsAt: 31 * DAY - 1 }, people, DAY)).toMatchObject({
      ...{ isWell: false, fix: expect.stringContaining('certificate set') },
      told: 'people are served on port 443, with a certificate for 29 days more',
    });
  });

  test('a certificate from an ACME server, which may last only a day, once it has expired', () => {
    const people = { port: 443, whom: 'people', certificate: 'acme' } as const;
    expect(judgePort({ endsAt: 1.5 * DAY }, people, DAY)).toMatchObject({ isWell: true, fix: '' });
    expect(judgePort({ endsAt: DAY - 1 }, people, DAY)).toMatchObject({
      ...{ isWell: false, fix: expect.stringContaining('alerts list shows why') },
    });
  });

  test('hosts of older versions, by name', () => {
    const hosts = [
      { hostname: 'node1', version: '1.9.0' },
      { hostname: 'node2', version: '1.10.0' },
      { hostname: 'node3', version: '' },
      { hostname: 'node4', version: 'source' },
    ];
    expect(judgeHosts(hosts, '1.10.0')).toMatchObject({
      ...{ isWell: true, told: '1 of 4 are older than 1.10.0: node1 (1.9.0)' },
      fix: expect.stringContaining('updates start'),
    });
    expect(judgeHosts(hosts, 'source').fix).toBe('');
  });

  test('backups that are not made', () => {
    const newest = 'qvdc-20300101T023000Z.backup';
    const well = { hasPassphrase: true, newest, unreadable: undefined };
    expect(judgeBackups('no backups are made', { ...well, hasPassphrase: false })).toMatchObject({
      ...{ isWell: false, fix: expect.stringContaining('backup.passphrase') },
    });
    const old = judgeBackups('the last one is old', well);
    expect(old).toMatchObject({ isWell: false, fix: expect.stringContaining('logread') });
    expect(old.fix).not.toContain('passphrase');
    expect(judgeBackups(undefined, well)).toMatchObject({
      ...{ isWell: true, told: newest, fix: '' },
    });
    const unreadable = { hasPassphrase: false, newest: undefined, unreadable: 'it is no folder' };
    expect(judgeBackups('it is no folder', unreadable)).toMatchObject({
      ...{ isWell: false, told: 'it is no folder', fix: expect.stringContaining('backup.folder') },
    });
  });
});

test('the certificate is read from the port, and a closed port is reported', async () => {
  const authority = await Authority.create('ours');
  const server = createServer(await authority.server());
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const answer = await askPort({ listen: '127.0.0.1', port, protocol: 'h2' });
  expect('endsAt' in answer && (answer.endsAt - Date.now()) / DAY).toBeCloseTo(90, 0);
  await new Promise((closed) => server.close(closed));
  expect(await askPort({ listen: '127.0.0.1', port, protocol: 'h2' }, 0)).toMatchObject({
    problem: expect.stringContaining('ECONNREFUSED'),
  });
  // A service that has just started will open its socket soon.
  const asked = askPort({ listen: '127.0.0.1', port, protocol: 'h2' });
  await new Promise<void>((listening) => server.listen(port, '127.0.0.1', listening));
  expect(await asked).toHaveProperty('endsAt');
  await new Promise((closed) => server.close(closed));
});

test('doctor waits for a port that is open but not served yet', async () => {
  const secure = createServer(await (await Authority.create('ours')).server());
  let calls = 0;
  const plain = createPlainServer((socket) => {
    calls += 1;
    if (calls === 2) socket.resetAndDestroy();
    if (calls > 2) secure.emit('connection', socket);
  });
  await new Promise<void>((listening) => plain.listen(0, '127.0.0.1', listening));
  const { port } = plain.address() as AddressInfo;
  const address = { listen: '127.0.0.1', port, protocol: 'http/1.1' } as const;
  expect(await askPort(address, 0, 300)).toEqual({ problem: 'no answer in time' });
  calls = 0;
  expect(await askPort(address, 60_000, 300)).toHaveProperty('endsAt');
  plain.close();
});
