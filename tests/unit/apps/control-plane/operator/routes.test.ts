import { createServer } from 'node:net';
import { join } from 'node:path';
import { Client } from 'pg';
import { expect, test } from 'vitest';
import { explainErrors } from '../../../../../apps/control-plane/operator/routes.ts';
import { bind } from '../../../../../apps/http/bind.ts';
import { temporaryFolder } from '../../../folder.ts';

type Asked = Parameters<ReturnType<typeof explainErrors>>;

test('a database that accepts connections but does not answer is reported as such, and not as a refusal', async () => {
  const folder = await temporaryFolder();
  const silent = createServer();
  await bind(silent, join(folder, '.s.PGSQL.5432'));
  const route = explainErrors(async () => {
    const client = new Client({ host: folder, port: 5432, connectionTimeoutMillis: 100 });
    await client.connect();
    throw new Error('it answered');
  });
  await expect(route({} as Asked[0], {} as Asked[1])).rejects.toMatchObject({
    ...{ status: 503, message: 'the database does not answer' },
    fix: 'Try again in a moment; qx-controlplane doctor shows its state.',
  });
  silent.close();
});
