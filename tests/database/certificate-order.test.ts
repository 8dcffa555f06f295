import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { Server } from 'node:http';
import { connect as connectPlain } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { execa } from 'execa';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { shownCertificateSchema } from '../../apps/api/certificate.ts';
import { operate } from '../../apps/control-plane/commands/operate.ts';
import { listOpenAlerts } from '../../apps/control-plane/database/repositories/alerts.ts';
import { listAudit } from '../../apps/control-plane/database/repositories/audit-log.ts';
import { readCertificateOrder } from '../../apps/control-plane/database/repositories/people-certificate.ts';
import type { OperatorValues } from '../../apps/control-plane/operator/options.ts';
import { createLocalCertificateRoutes } from '../../apps/control-plane/people/certificate-routes.ts';
import { computeFingerprint } from '../../apps/control-plane/trust/authority.ts';
import { bind } from '../../apps/http/bind.ts';
import { createApiServer } from '../../apps/http/server.ts';
import { findFreePort } from '../../tasks/control-plane/free-port.ts';
import { AcmeAuthority, type Told } from '../control-plane/acme-authority.ts';
import { makeCertificate } from '../control-plane/certificates.ts';
import { PeopleApi } from './people-api.ts';

const NAME = 'qvdc.example';
const HOUR = 3_600_000;

let api: PeopleApi;
let authority: AcmeAuthority;
let folder: string;
let server: Server;
let cookie: string;
/** Milliseconds by which the certificate's clock is ahead. */
let ahead = 0;

beforeAll(async () => {
  api = await PeopleApi.open({ now: () => new Date(Date.now() + ahead) });
  authority = await AcmeAuthority.open();
  authority.tests = api.port;
  api.alsoTrusted = [authority.root.pem];
  folder = await mkdtemp(join(tmpdir(), 'quantix-acme-'));
  server = createApiServer({
    routes: createLocalCertificateRoutes(api.certificate),
    explain: () => undefined,
    onBug: (error) => {
      throw error;
    },
  });
  await bind(server, join(folder, 'controlplane.sock'));
  await writeFile(join(folder, 'root.pem'), authority.root.pem);
  cookie = await api.session(await api.account('ada', 'admin'));
});
afterAll(async () => {
  server.close();
  server.closeAllConnections();
  await api[Symbol.asyncDispose]();
  await authority[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});
afterEach(async () => {
  ahead = 0;
  authority.instead.clear();
  authority.names = undefined;
  authority.valid = { from: -1, to: 90 };
  authority.tests = api.port;
  await api.certificate.reset({ username: 'a test' });
});

/** Returns the certificate that a new connection receives. */
async function shownNow(protocol = 'http/1.1', servername = NAME): Promise<X509Certificate> {
  const socket = connect({
    ...{ host: '127.0.0.1', port: api.port, servername },
    ...{ rejectUnauthorized: false, ALPNProtocols: [protocol] },
  });
  try {
    await once(socket, 'secureConnect');
    return socket.getPeerX509Certificate()!;
  } finally {
    socket.destroy();
  }
}

const wanted = () => ({
  ...{ directory: authority.directory, names: [NAME], contact: 'ada@qvdc.example' },
  authority: authority.root.pem,
});

const order = (body: object = {}) =>
  api.ask('/v1/certificate/acme', {
    ...{ method: 'POST', cookie, body: { ...wanted(), ...body } },
  });

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

test('a certificate is ordered for names of this server, and presented to the next client', async () => {
  const answer = await order({ names: [NAME, 'www.qvdc.example'] });
  expect(answer).toMatchObject({
    status: 200,
    body: {
      ...{ origin: 'acme', directory: authority.directory, setBy: 'ada' },
      ...{ names: [NAME, 'www.qvdc.example'], certificates: 2 },
    },
  });
  expect(answer.text).not.toContain('PRIVATE');
  const shown = await shownNow();
  expect(computeFingerprint(shown)).toBe(api.fingerprint);
  expect(shown.checkHost('www.qvdc.example')).toBe('www.qvdc.example');
  expect(shown.verify(new X509Certificate(authority.root.pem).publicKey)).toBe(true);
  expect((await listAudit(api.db, { limit: 1 }))[0]).toMatchObject({
    ...{ action: 'certificate.order', username: 'ada' },
    details: { directory: authority.directory, fingerprint: api.fingerprint },
  });
});

test('qx-controlplane orders a certificate; setting or resetting the certificate ends the order', async () => {
  const root = join(folder, 'root.pem');
  const text = await run(`acme ${authority.directory}`, { name: NAME, authority: root });
  expect(text).toContain(`from ${authority.directory}, renewed by itself, `);
  expect(text).toMatch(/^names {8}qvdc\.example\nvalid until {2}\d{4}-\d\d-\d\d, 8\d days more$/m);
  expect(await readCertificateOrder(api.db)).toMatchObject({ names: [NAME], contact: '' });
  const given = await makeCertificate();
  await writeFile(join(folder, 'given.pem'), given.pem);
  await writeFile(join(folder, 'given.key'), given.key);
  const files = { cert: join(folder, 'given.pem'), key: join(folder, 'given.key') };
  expect(await run('set', files)).toMatch(/given by/);
  expect(await readCertificateOrder(api.db)).toBeUndefined();
  const json = await run(`acme ${authority.directory}`, { name: NAME, authority: root }, 'json');
  expect(shownCertificateSchema.parse(JSON.parse(json))).toMatchObject({
    ...{ origin: 'acme', names: [NAME], directory: authority.directory },
    fingerprint: api.fingerprint,
  });
  expect(await run('reset')).toContain('own authority');
  expect(await readCertificateOrder(api.db)).toBeUndefined();
  await expect(run('acme', { name: NAME })).rejects.toThrow('certificate acme DIRECTORY --name');
  await expect(run(`acme ${authority.directory}`)).rejects.toThrow('--name NAME,NAME');
});

test('a certificate is renewed when a third of its lifetime is left, with the same account', async () => {
  authority.valid = { from: -2, to: 1.1 };
  await order();
  const [first, accounts] = [api.fingerprint, authority.accounts.size];
  await api.certificate.renew();
  expect(api.fingerprint).toBe(first);
  authority.valid = { from: -2, to: 0.9 };
  await order();
  const second = api.fingerprint;
  authority.valid = { from: -1, to: 90 };
  await api.certificate.renew();
  expect([first, second]).not.toContain(api.fingerprint);
  expect(computeFingerprint(await shownNow())).toBe(api.fingerprint);
  expect(authority.accounts.size).toBe(accounts);
  expect((await listAudit(api.db, { limit: 1 }))[0]).toMatchObject({
    ...{ action: 'certificate.renew', username: '' },
  });
});

test('if a renewal fails, the present certificate stays, an alert is raised, and the renewal is tried again each hour until it succeeds', async () => {
  authority.valid = { from: -2, to: 0.9 };
  await order();
  const first = api.fingerprint;
  authority.valid = { from: -1, to: 90 };
  authority.tests = await findFreePort();
  await api.certificate.renew();
  expect(api.fingerprint).toBe(first);
  const alerts = async () =>
    (await listOpenAlerts(api.db)).map(({ title, message }) => ({ title, message }));
  expect(await alerts()).toEqual([
    {
      title: 'The certificate for people cannot be renewed',
      message: expect.stringMatching(
        /did not find this machine by the name qvdc\.example: .*ECONNREFUSED/,
      ),
    },
  ]);
  const asked = authority.asked.length;
  authority.tests = api.port;
  ahead = 0.9 * HOUR;
  await api.certificate.renew();
  await api.certificate.look();
  expect(authority.asked).toHaveLength(asked);
  expect(await alerts()).toHaveLength(1);
  ahead = 1.1 * HOUR;
  await api.certificate.renew();
  expect(api.fingerprint).not.toBe(first);
  expect(await alerts()).toEqual([]);
});

test('during the authority’s check browsers still get the present certificate, and only the authority gets the challenge', async () => {
  const before = api.fingerprint;
  const refused = () => expect(shownNow('acme-tls/1')).rejects.toThrow(/no application protocol/i);
  await refused();
  const number = authority.orders;
  let seen = '';
  authority.instead.set(`/tests/${number}/0`, async (told) => {
    // The challenge is still being served: it was just checked.
    seen = computeFingerprint(await shownNow());
    expect((await shownNow('acme-tls/1')).subject).toBe(`CN=${NAME}`);
    await expect(shownNow('acme-tls/1', 'other.example')).rejects.toThrow();
    return told;
  });
  expect((await order()).status).toBe(200);
  expect(seen).toBe(before);
  await refused();
});

const json = (body: unknown) => () => ({ body });
const moved = (location: string) => () => ({ status: 302, headers: { location } });
const problem = (type: string, detail: string) => () => ({
  ...{ status: 403, headers: { 'content-type': 'application/problem+json' } },
  body: { type: `urn:ietf:params:acme:error:${type}`, detail },
});
const withChallenges = (challenges: unknown) => (told: Told) => ({
  body: { ...(told.body as object), challenges },
});

test.each<[string, string, (told: Told) => Told, RegExp]>([
  ['garbage', '/directory', json('<html>'), /not the answer of an ACME server \(RFC 8555\)/],
  ['another JSON', '/directory', json([]), /not the answer of an ACME server/],
  ['nothing that is there', '/directory', () => ({ status: 404 }), /the directory answers 404/],
  ['a redirect', '/directory', moved('http://169.254.169.254/'), /redirects to http:\/\/169/],
  ['a redirect later', '/account', moved('/elsewhere'), /redirects to \/elsewhere/],
  [
    'addresses elsewhere',
    '/directory',
    json({ newNonce: 'http://127.0.0.1:2379/v3', newAccount: '', newOrder: '' }),
    /names an address elsewhere: http:\/\/127\.0\.0\.1:2379/,
  ],
  [
    'invalid addresses',
    '/directory',
    json({ newNonce: 'nowhere', newAccount: 'x', newOrder: 'x' }),
    /names an address elsewhere: nowhere/,
  ],
  ['without end', '/directory', json('x'.repeat(1_000_000)), /is longer than 262144 bytes/],
  [
    'a reason that would control a terminal',
    '/order',
    problem('rejectedIdentifier', 'not \u001b[2J\nyou'),
    /refuses it \(403\): not \?\[2J you$/,
  ],
  [
    'an account that is made elsewhere',
    '/account',
    problem('externalAccountRequired', 'no binding'),
    /refuses it \(403\): no binding/,
  ],
  ['nonces that are never good', '/account', problem('badNonce', 'again'), /\(403\): again/],
  ['no address of the account', '/account', json({}), /has no address of the created resource/],
  [
    'no order',
    '/order',
    json({ status: 'pending' }),
    /has no address of the created resource|not the answer of an ACME/,
  ],
])(
  'a directory that answers with %s is reported, and nothing changes',
  async (_what, path, answer, told) => {
    const before = api.fingerprint;
    authority.instead.set(path, answer);
    const refused = await order();
    expect(refused).toMatchObject({ status: 400, body: { detail: expect.stringMatching(told) } });
    expect(computeFingerprint(await shownNow())).toBe(before);
    expect(await readCertificateOrder(api.db)).toBeUndefined();
  },
);

test('a request whose nonce is refused is sent again with a new nonce', async () => {
  for (const path of ['/account', '/order']) {
    let left = 4;
    authority.instead.set(path, (told) => {
      left -= 1;
      return left < 0 ? told : problem('badNonce', 'again')();
    });
  }
  expect(await order()).toMatchObject({ status: 200, body: { origin: 'acme' } });
});

test.each<[string, (number: number) => [string, (told: Told) => Told], RegExp]>([
  [
    'no challenge for port 443',
    (number) => [
      `/proofs/${number}/0`,
      withChallenges([{ type: 'http-01', url: 'x', token: 'y' }]),
    ],
    /cannot test qvdc\.example by port 443/,
  ],
  [
    'an invalid token',
    (number) => [
      `/proofs/${number}/0`,
      withChallenges([{ type: 'tls-alpn-01', url: 'x', token: '../..' }]),
    ],
    /cannot test qvdc\.example by port 443/,
  ],
  [
    'a name that nobody asked for',
    (number) => [
      `/proofs/${number}/0`,
      (told) => ({ body: { ...(told.body as object), identifier: { value: 'evil.example' } } }),
    ],
    /asks for another name than was ordered/,
  ],
  [
    'an order that is invalid',
    (number) => [
      `/orders/${number}`,
      (told) => ({
        body: { ...(told.body as object), status: 'invalid', error: { detail: 'by CAA' } },
      }),
    ],
    /issues no certificate: by CAA/,
  ],
  [
    'an invalid certificate',
    (number) => [`/certificates/${number}`, json('-----BEGIN NOTHING-----')],
    /there is no certificate/,
  ],
])(
  'an authority that answers with %s is reported, and nothing changes',
  async (_what, replace, told) => {
    const before = api.fingerprint;
    const number = authority.orders;
    authority.instead.set(...replace(number));
    const refused = await order();
    expect(refused).toMatchObject({ status: 400, body: { detail: expect.stringMatching(told) } });
    expect(computeFingerprint(await shownNow())).toBe(before);
  },
);

test('certificates that browsers would refuse, or for other names, are not used', async () => {
  authority.valid = { from: -90, to: -1 };
  expect((await order()).body).toMatchObject({ detail: expect.stringContaining('ended at') });
  authority.valid = { from: -1, to: 90 };
  authority.names = ['other.example'];
  expect((await order()).body).toMatchObject({
    detail:
      'the certificate authority gave a certificate for other.example, and not for qvdc.example',
  });
});

test.each([
  [{ directory: 'http://ca.example/' }, 'directory of the body: is not an address such as https'],
  [{ names: ['*.qvdc.example'] }, 'is not a name such as qvdc.example'],
  [{ names: ['192.0.2.1'] }, 'is not a name such as qvdc.example'],
  [{ names: [] }, 'names of the body'],
  [{ contact: 'ada' }, 'is not a mail address'],
])(
  'an order that cannot succeed is refused before the authority is contacted: %j',
  async (body, told) => {
    const asked = authority.asked.length;
    const refused = await order(body);
    expect(refused).toMatchObject({ status: 400, body: { detail: expect.stringContaining(told) } });
    expect(authority.asked).toHaveLength(asked);
  },
);

test('an authority whose TLS certificate is not trusted is refused, with the option that trusts it', async () => {
  const refused = await order({ authority: '' });
  expect(refused).toMatchObject({
    status: 400,
    body: {
      detail: expect.stringContaining('cannot be asked'),
      fix: expect.stringContaining('--authority FILE'),
    },
  });
  expect((await order({ authority: 'no certificate' })).status).toBe(400);
});

test('pebble, the test server of Let’s Encrypt, issues a certificate and renews it', async () => {
  const own = await makeCertificate({ names: ['localhost'], by: authority.root });
  const [cert, key] = [join(folder, 'pebble.pem'), join(folder, 'pebble.key')];
  await writeFile(cert, own.pem);
  await writeFile(key, own.key);
  const [port, management] = [await findFreePort(), await findFreePort()];
  const file = join(folder, 'pebble.json');
  const settings = {
    ...{ listenAddress: `127.0.0.1:${port}`, certificate: cert, privateKey: key },
    managementListenAddress: `127.0.0.1:${management}`,
    ...{ httpPort: 1, tlsPort: api.port, certificateValidityPeriod: 86_400 },
  };
  await writeFile(file, JSON.stringify({ pebble: settings }));
  // Without this variable, pebble waits for some seconds before each test of a name.
  const env = { PEBBLE_VA_NOSLEEP: '1' };
  const pebble = execa('pebble', ['-config', file], { env, reject: false });
  try {
    await vi.waitFor(async () => {
      const socket = connectPlain(port, '127.0.0.1');
      await once(socket, 'connect').finally(() => socket.destroy());
    }, 10_000);
    const body = { directory: `https://localhost:${port}/dir`, names: ['localhost'] };
    const answer = await order(body);
    expect(answer).toMatchObject({ status: 200, body: { origin: 'acme', names: ['localhost'] } });
    const first = api.fingerprint;
    ahead = 17 * HOUR;
    await api.certificate.renew();
    expect(await listOpenAlerts(api.db)).toEqual([]);
    expect(api.fingerprint).not.toBe(first);
  } finally {
    pebble.kill();
    await pebble;
  }
});
