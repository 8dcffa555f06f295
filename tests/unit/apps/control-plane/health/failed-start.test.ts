import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { createServer, get } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { askReadiness } from '../../../../../apps/console/appliance/control-plane.ts';
import { type OpenPort, openPort } from '../../../../../apps/control-plane/people/port.ts';
import { serveRecovery } from '../../../../../apps/control-plane/people/recovery.ts';
import { makeTemporaryAuthority } from '../../../../../apps/control-plane/trust/authority.ts';
import { temporaryFolder } from '../../../folder.ts';

const PROGRAM = resolve(import.meta.dirname, '../../../../../apps/qx.ts');

/** Asks a port of this machine. */
async function ask(port: OpenPort, accept: string) {
  const { port: number } = port.address() as AddressInfo;
  const asked = get({
    ...{ host: '127.0.0.1', port: number, path: '/v1/nodes', rejectUnauthorized: false },
    ...{ agent: false, headers: { accept } },
  });
  const [answer] = await once(asked, 'response');
  return {
    status: answer.statusCode,
    type: answer.headers['content-type'],
    text: await text(answer),
  };
}

test('the port for people shows why the control plane cannot serve, until the server starts', async () => {
  const port = await openPort({ listen: '127.0.0.1', port: 0 });
  const authority = await makeTemporaryAuthority();
  let reason = 'version 12 & version 14 meet <b>here</b>';
  const end = await serveRecovery(port, authority, () => reason);
  expect(await ask(port, 'text/html,*/*')).toEqual({
    status: 503,
    type: 'text/html; charset=utf-8',
    text: expect.stringContaining(
      '<p>version 12 &#38; version 14 meet &#60;b&#62;here&#60;/b&#62;</p>',
    ),
  });
  reason = 'it is on trial';
  const answer = await ask(port, '*/*');
  expect(answer).toMatchObject({ status: 503, type: 'application/problem+json' });
  expect(JSON.parse(answer.text)).toMatchObject({ status: 503, detail: 'it is on trial' });
  end();
  await expect(ask(port, '*/*')).rejects.toThrow();
  const { key, chain } = await authority.serverCertificate();
  const server = createServer({ key, cert: chain }, (_request, response) => response.end('taken'));
  server.listen(port);
  expect(await ask(port, '*/*')).toMatchObject({ status: 200, text: 'taken' });
  server.close();
  port.close();
});

test('a control plane that cannot start reports the reason on its socket and to its service, without restarting each second', async () => {
  const folder = await temporaryFolder();
  await chmod(folder, 0o777);
  const [authority, socket, config] = ['ca.pem', 'run.sock', 'config.yaml'].map((name) =>
    join(folder, name),
  ) as [string, string, string];
  await writeFile(authority, 'no certificate');
  await writeFile(
    config,
    JSON.stringify({
      ...{ authority, socket, database: { user: 'nobody' } },
      people: { listen: '127.0.0.1', port: 0 },
    }),
  );
  const args = [PROGRAM, 'qx-controlplane', 'run', '--config', config];
  const program = spawn(process.execPath, args, { stdio: 'ignore' });
  const ended = once(program, 'exit');
  const { signal } = new AbortController();
  const problem = expect.stringMatching(/certificate authority .*ca\.pem/);
  await expect
    .poll(() => askReadiness(signal, socket).catch(() => undefined))
    .toMatchObject({ ready: false, problem });
  await expect
    .poll(() => readFile(join(folder, 'state'), 'utf8').catch(() => ''))
    .toMatch(/^failed\n.*certificate authority .*ca\.pem.*\n$/);
  await expect.poll(() => readFile(join(folder, 'alive'), 'utf8').catch(() => '')).toMatch(/^\d/);
  expect(program.exitCode).toBeNull();
  program.kill('SIGTERM');
  expect(await ended).toEqual([1, null]);
});
