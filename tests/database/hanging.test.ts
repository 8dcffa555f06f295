import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { openDatabase } from '../../apps/control-plane/database/database.ts';
import { refuseWhileSilent } from '../../apps/control-plane/health/routes.ts';
import { listNodes } from '../../apps/control-plane/operator/client.ts';
import { bind } from '../../apps/http/bind.ts';
import { makeJsonAnswer } from '../../apps/http/route.ts';
import { createApiServer } from '../../apps/http/server.ts';
import { IMAGE } from '../../tasks/control-plane/image.ts';
import { startPostgresql } from '../../tasks/control-plane/postgresql.ts';
import { makeServicesFolder } from '../../tasks/control-plane/service.ts';
import { addressOf, SILENT } from './database.ts';

test('the health check of PostgreSQL detects a server that hangs and one that has ended', async () => {
  const folder = await makeServicesFolder('quantix-hanging-');
  const server = await startPostgresql(folder, { settings: { fsync: 'off' } });
  const isAlive = async () => {
    const env = { QX_SOCKET: server.socketFolder };
    const script = join(IMAGE.scripts, 'postgresql');
    return (await execa(script, ['alive'], { env, reject: false })).exitCode === 0;
  };
  try {
    expect(await isAlive()).toBe(true);
    process.kill(server.pid, 'SIGSTOP');
    expect(await isAlive()).toBe(false);
    process.kill(server.pid, 'SIGCONT');
    expect(await isAlive()).toBe(true);
  } finally {
    process.kill(server.pid, 'SIGCONT');
    await server.stop();
  }
  expect(await isAlive()).toBe(false);
  await rm(folder, { recursive: true });
});

test('commands and people are told within seconds that PostgreSQL hangs, and its work goes on when it continues', {
  timeout: 120_000,
}, async () => {
  const folder = await makeServicesFolder('quantix-hanging-');
  const postgresql = await startPostgresql(folder, { settings: { fsync: 'off' } });
  const address = addressOf(postgresql.socketFolder, 'quantix_vdc');
  const database = openDatabase(address, { open: 2, idle: 1 }, SILENT);
  const { db } = database;
  const socket = join(folder, 'controlplane.sock');
  const working = Promise.withResolvers<unknown>();
  const answer = async () => {
    const work = sql`CREATE TABLE done ()`.execute(db);
    work.then(working.resolve, working.reject);
    await work;
    return makeJsonAnswer({ nodes: [] });
  };
  const server = createApiServer({
    routes: refuseWhileSilent([{ method: 'GET', path: '/v1/nodes', answer }], database),
    explain: () => undefined,
    onBug: () => undefined,
  });
  await bind(server, socket);
  const { pid } = postgresql;
  const signal = async (name: NodeJS.Signals) => {
    const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
    for (const one of [pid, ...children.trim().split(' ').map(Number)]) process.kill(one, name);
  };
  try {
    // As long as it answers, work may take long.
    const slow = database.whileItAnswers(() => sql`SELECT pg_sleep(4)`.execute(db));
    expect((await slow).rows).toHaveLength(1);
    await signal('SIGSTOP');
    const began = performance.now();
    await expect(listNodes({ socket })).rejects.toThrow('the database does not answer');
    expect(performance.now() - began).toBeLessThan(30_000);
    await signal('SIGCONT');
    await working.promise;
  } finally {
    await signal('SIGCONT');
    server.close();
    server.closeAllConnections();
    await database.close();
    await postgresql.stop();
    await rm(folder, { recursive: true });
  }
});
