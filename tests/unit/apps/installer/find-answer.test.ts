import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { answerFor } from '../../../../apps/installer/answer.ts';
import { loadAnswer } from '../../../../apps/installer/find-answer.ts';
import { planInstall } from '../../../../apps/installer/plan.ts';
import { reportOf, sendReport } from '../../../../apps/installer/report.ts';
import { temporaryFolder } from '../../folder.ts';
import { counting, disk, machineWith } from './machines.ts';

const ANSWER = 'disk: {serial: X}\n';
const HASH = createHash('sha256').update(ANSWER).digest('hex');
const { signal } = new AbortController();

/** Starts a web server. @returns its address */
async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/node7.yaml`;
}

describe('an answer file', () => {
  test('is read from a path', async () => {
    const file = join(await temporaryFolder(), 'install.yaml');
    await writeFile(file, ANSWER);
    expect((await loadAnswer(file, signal)).answer.disk.serial).toBe('X');
    await expect(loadAnswer(`${file}.none`, signal)).rejects.toThrow(/cannot be read/);
  });

  test('is accepted from a server if it has the given hash', async () => {
    const address = await serve((_, response) => response.end(ANSWER));
    expect((await loadAnswer(`${address}#sha256=${HASH}`, signal)).where).toBe(address);
    await expect(loadAnswer(address, signal)).rejects.toThrow(/pinned by its hash/);
    await expect(loadAnswer(`${address}#sha256=${'0'.repeat(64)}`, signal)).rejects.toThrow(
      new RegExp(`not the pinned one: its SHA-256 is ${HASH}`),
    );
  });

  test.each<[string, RequestListener, RegExp]>([
    ['is not there', (_, response) => response.writeHead(404).end(), /the server answers 404/],
    [
      'is elsewhere',
      (_, response) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(),
      /cannot be fetched/,
    ],
    ['never ends', (_, response) => endless(response), /more than 262144 bytes/],
    ['breaks off', (_, response) => response.destroy(), /cannot be fetched/],
  ])('that %s is reported', async (_, listener, message) => {
    const address = await serve(listener);
    await expect(loadAnswer(`${address}#sha256=${HASH}`, signal)).rejects.toThrow(message);
  });
});

function endless(response: Parameters<RequestListener>[1]): void {
  const more = () => {
    while (!response.destroyed && response.write('a'.repeat(65_536)));
  };
  response.on('drain', more);
  more();
}

describe('a report', () => {
  const machine = machineWith([disk()]);
  const planned = planInstall(machine, answerFor({ path: '/dev/sda', pick: 'one' }), counting());
  if ('reasons' in planned) throw new Error(planned.reasons.join());
  const { plan } = planned;
  const started = new Date('2126-11-24T22:15:09Z');
  const parts = { plan, image: machine.image, started, ended: new Date('2126-11-24T22:15:50Z') };

  test('goes to a server as JSON', async () => {
    let got = '';
    const address = await serve((request, response) => {
      request.on('data', (piece) => {
        got += piece;
      });
      request.on('end', () => response.end());
    });
    const report = reportOf({ ...parts, sha256: HASH });
    expect(await sendReport(address, report, signal)).toBeNull();
    expect(JSON.parse(got)).toMatchObject({ result: 'installed', seconds: 41, problem: null });
  });

  test('is made for an answer that no disk matches, too', () => {
    const error = new Error('no disk is serial X; there are: none');
    expect(reportOf({ ...parts, plan: null, sha256: null, error })).toMatchObject({
      ...{ result: 'failed', problem: error.message, kind: null, disk: null, partitions: [] },
      ...{ product: 'quantix-os', warnings: [] },
    });
  });

  test('that cannot be sent is a warning, not an error', async () => {
    const report = reportOf({ ...parts, sha256: null, error: new Error('the disk gives errors') });
    expect(report).toMatchObject({ result: 'failed', problem: 'the disk gives errors' });
    const address = await serve((_, response) => response.writeHead(500).end());
    expect(await sendReport(address, report, signal)).toMatch(/answered 500/);
    expect(await sendReport('http://127.0.0.1:1/', report, signal)).toMatch(
      /ECONNREFUSED|bad port/,
    );
  });
});
