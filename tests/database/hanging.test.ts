import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { IMAGE } from '../../tasks/control-plane/image.ts';
import { startPostgresql } from '../../tasks/control-plane/postgresql.ts';
import { makeServicesFolder } from '../../tasks/control-plane/service.ts';

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
