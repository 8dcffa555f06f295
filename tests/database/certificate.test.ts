import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { shownCertificateSchema } from '../../apps/api/certificate.ts';
import { operate } from '../../apps/control-plane/commands/operate.ts';
import { listOpenAlerts } from '../../apps/control-plane/database/repositories/alerts.ts';
import { listAudit } from '../../apps/control-plane/database/repositories/audit-log.ts';
import { listEvents, numberEvents } from '../../apps/control-plane/database/repositories/events.ts';
import { setPeopleCertificate } from '../../apps/control-plane/database/repositories/people-certificate.ts';
import type { OperatorValues } from '../../apps/control-plane/operator/options.ts';
import { PeopleCertificate } from '../../apps/control-plane/people/certificate.ts';
import { createLocalCertificateRoutes } from '../../apps/control-plane/people/certificate-routes.ts';
import { computeFingerprint } from '../../apps/control-plane/trust/authority.ts';
import { bind } from '../../apps/http/bind.ts';
import { createApiServer } from '../../apps/http/server.ts';
import { type Made, makeCertificate } from '../control-plane/certificates.ts';
import { openTestDatabase, SILENT } from './database.ts';
import { PeopleApi } from './people-api.ts';

let api: PeopleApi;
let folder: string;
let server: Server;
let root: Made;
let given: Made;
let cookie: string;

beforeAll(async () => {
  api = await PeopleApi.open();
  folder = await mkdtemp(join(tmpdir(), 'quantix-certificate-'));
  server = createApiServer({
    routes: createLocalCertificateRoutes(api.certificate),
    explain: () => undefined,
    onBug: (error) => {
      throw error;
    },
  });
  await bind(server, join(folder, 'controlplane.sock'));
  root = await makeCertificate({ name: 'root', isAuthority: true });
  api.alsoTrusted = [root.pem];
  given = await makeCertificate({ by: root });
  cookie = await api.session(await api.account('ada', 'admin'));
});
afterAll(async () => {
  server.close();
  server.closeAllConnections();
  await api[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});
beforeEach(async () => {
  await api.certificate.reset({ username: 'a test' });
});

/** Returns the fingerprint of the certificate that a new connection receives. */
async function shownNow(): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port: api.port, rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  const certificate = socket.getPeerX509Certificate();
  socket.destroy();
  return certificate === undefined ? '' : computeFingerprint(certificate);
}

const printOf = ({ pem }: Made) => computeFingerprint(new X509Certificate(pem));

const post = (made: Made, chain = made.pem + root.pem) =>
  api.ask('/v1/certificate', { method: 'POST', cookie, body: { chain, key: made.key } });

async function run(
  words: string,
  values: OperatorValues = {},
  form: 'json' | 'text' = 'text',
): Promise<string> {
  const { text } = await operate('certificate', words.split(' '), {
    ...{ form, values, socket: join(folder, 'controlplane.sock') },
    ...{ signal: new AbortController().signal, tell: () => undefined },
    print: async () => undefined,
    askLine: async () => undefined,
  });
  return text;
}

test('a certificate that an admin sets is presented to the next client, and can be reset, without a restart', async () => {
  const own = await shownNow();
  const answer = await post(given);
  expect(answer).toMatchObject({
    status: 200,
    body: {
      ...{ origin: 'given', fingerprint: printOf(given), names: ['qvdc.example'] },
      ...{ certificates: 2, setBy: 'ada' },
    },
  });
  expect(answer.text).not.toContain('PRIVATE');
  expect(await shownNow()).toBe(printOf(given));
  expect(api.fingerprint).toBe(printOf(given));
  const read = await api.ask('/v1/certificate', { cookie });
  expect(read.body).toMatchObject({ origin: 'given' });
  expect(read.text).not.toContain('PRIVATE');
  const reset = await api.ask('/v1/certificate', { method: 'DELETE', cookie });
  expect(reset.body).toMatchObject({ origin: 'own', setBy: null });
  expect(await shownNow()).not.toBe(printOf(given));
  expect(await shownNow()).not.toBe(own);
  const entries = await listAudit(api.db, { limit: 2, filter: { username: 'ada' } });
  expect(entries.map(({ action, details }) => ({ action, details }))).toEqual([
    {
      action: 'certificate.set',
      details: { fingerprint: printOf(given), names: 'qvdc.example' },
    },
    { action: 'certificate.reset', details: {} },
  ]);
});

test('an unusable certificate is refused with the reason, and the previous one stays', async () => {
  await post(given);
  const other = await makeCertificate({ by: root });
  const refused = await api.ask('/v1/certificate', {
    ...{ method: 'POST', cookie },
    body: { chain: other.pem, key: given.key },
  });
  expect(refused).toMatchObject({
    status: 400,
    body: { detail: expect.stringContaining('the key is not that of the first certificate') },
  });
  expect(await shownNow()).toBe(printOf(given));
  expect((await api.ask('/v1/certificate', { cookie })).body).toMatchObject({ setBy: 'ada' });
});

test('qx-controlplane shows the certificate, sets one from files and resets it', async () => {
  const [cert, key] = [join(folder, 'qvdc.pem'), join(folder, 'qvdc.key')];
  await writeFile(cert, given.pem + root.pem);
  await writeFile(key, given.key);
  expect(await run('show')).toContain('signed by the control plane’s own authority');
  const text = await run('set', { cert, key });
  expect(text).toMatch(/^names {8}qvdc\.example\nvalid until {2}\d{4}-\d\d-\d\d, 8\d days more$/m);
  expect(text).toContain(printOf(given));
  expect(await shownNow()).toBe(printOf(given));
  await expect(run('set', { cert: key, key: cert })).rejects.toThrow('have a key among them');
  await expect(run('set', { cert: join(folder, 'none'), key })).rejects.toThrow('ENOENT');
  await expect(run('set', { cert })).rejects.toThrow('certificate set --cert FILE --key FILE');
  expect(await shownNow()).toBe(printOf(given));
  expect(await run('reset')).toContain('own authority');
  for (const [words, values, origin] of [
    ...[['set', { cert, key }, 'given'] as const, ['show', {}, 'given'] as const],
    ['reset', {}, 'own'],
  ] as const) {
    const shown = shownCertificateSchema.parse(JSON.parse(await run(words, values, 'json')));
    expect(shown).toMatchObject({ origin });
  }
});

test('another program loads the stored certificate when it starts; a stored certificate that it cannot use is not presented', async () => {
  await post(given);
  const lines: string[] = [];
  const note = (line: string) => lines.push(line);
  const log = { error: note, warning: note, info: note, debug: note };
  const { authority } = api;
  const { database } = api.opened;
  const { signal } = new AbortController();
  const other = new PeopleCertificate({ database, authority, log, signal });
  expect((await other.look()).shown).toMatchObject({ origin: 'given' });
  await api.certificate.reset({ username: 'ada' });
  expect((await other.look()).shown).toMatchObject({ origin: 'own' });
  const kept = { chain: given.pem, privateKey: 'damaged', setBy: 'ada', setAt: new Date() };
  await setPeopleCertificate(api.db, kept);
  expect((await other.look()).shown).toMatchObject({ origin: 'own' });
  expect(lines.join('\n')).toContain('cannot be shown');
  const open = async () =>
    (await listOpenAlerts(api.db)).filter(({ title }) => title.endsWith('cannot be used'));
  expect(await open()).toMatchObject([{ severity: 'CRITICAL', sourceName: 'certificate' }]);
  await other.look();
  expect(lines.filter((line) => line.includes('cannot be shown'))).toHaveLength(1);
  await api.certificate.reset({ username: 'ada' });
  await other.look();
  expect(await open()).toEqual([]);
});

test('a certificate that expires within thirty days raises an alert, and so does one that has expired; another certificate clears it', async () => {
  // A separate database, because the server of the other tests also checks its certificate, by another clock.
  await using opened = await openTestDatabase();
  const { database } = opened;
  const { db } = database;
  const kept = { chain: given.pem, privateKey: given.key, setBy: 'ada', setAt: new Date() };
  await setPeopleCertificate(db, kept);
  const DAY = 86_400_000;
  const end = given.certificate.notAfter.getTime();
  const programAt = (time: number) => {
    const { authority } = api;
    const now = () => new Date(time);
    const { signal } = new AbortController();
    return new PeopleCertificate({ database, authority, now, log: SILENT, signal });
  };
  /** Checks the certificate twice at a time. @returns the open alerts */
  const at = async (time: number) => {
    const program = programAt(time);
    await program.look();
    await program.look();
    return (await listOpenAlerts(db)).map(({ severity, title, message }) => ({
      ...{ severity, title, message },
    }));
  };
  expect(await at(end - 30 * DAY)).toEqual([]);
  const soon = {
    severity: 'WARNING',
    title: 'The certificate for people ends soon',
    message: expect.stringMatching(/^qvdc\.example, until \d{4}-.*Z\. Renew it, /),
  };
  expect(await at(end - 30 * DAY + 1)).toEqual([soon]);
  expect(await at(end - 1)).toEqual([soon]);
  const ended = {
    ...{ ...soon, severity: 'CRITICAL' },
    title: 'The certificate for people has ended',
  };
  expect(await at(end + 1)).toEqual([ended]);
  expect(await at(end + 90 * DAY)).toEqual([ended]);
  await programAt(end + 90 * DAY).reset({ username: 'ada' });
  expect(await listOpenAlerts(db)).toEqual([]);
  await numberEvents(db, 1000);
  const told = await listEvents(db, { after: 0, limit: 1000, filter: { kinds: ['alert'] } });
  expect(told.map(({ kind, subject }) => [kind, subject.name])).toEqual([
    ['alert.raised', soon.title],
    ['alert.cleared', soon.title],
    ['alert.raised', ended.title],
    ['alert.cleared', ended.title],
  ]);
});

test('after simultaneous changes the certificate in the database is the one that is presented', async () => {
  const made = await Promise.all([1, 2, 3].map(() => makeCertificate({ by: root })));
  await Promise.all([...made.map((one) => post(one)), api.certificate.look(), post(given)]);
  const { body } = await api.ask('/v1/certificate', { cookie });
  expect(body).toMatchObject({ fingerprint: await shownNow() });
});
