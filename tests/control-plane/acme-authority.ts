import '@abraham/reflection';
import {
  createHash,
  createPublicKey,
  randomBytes,
  verify,
  type webcrypto,
  X509Certificate,
} from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:tls';
import * as x509 from '@peculiar/x509';
import * as z from 'zod';
import { type Made, makeCertificate } from './certificates.ts';

const DAY = 86_400_000;

/** An answer of the authority. */
export interface Told {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** As JSON, unless it is text. */
  readonly body?: unknown;
}

const jwsSchema = z.strictObject({
  protected: z.string(),
  payload: z.string(),
  signature: z.string(),
});
const headSchema = z.strictObject({
  alg: z.literal('ES256'),
  nonce: z.string(),
  url: z.string(),
  jwk: z.record(z.string(), z.string()).optional(),
  kid: z.string().optional(),
});
const ordered = z.object({
  identifiers: z.array(z.strictObject({ type: z.literal('dns'), value: z.string() })),
});

const decoded = (text: string): unknown => {
  const json = Buffer.from(text, 'base64url').toString();
  return json === '' ? undefined : JSON.parse(json);
};

/** A name of an order, and the result of its validation. */
interface Proof {
  readonly name: string;
  readonly token: string;
  status: 'pending' | 'valid' | 'invalid';
  error?: object;
}

/**
 * A certificate authority that speaks ACME (RFC 8555) as strictly as it must: each nonce is valid once, requests are
 * signed by the account's key, and it connects to the machine of a name. A test can replace any answer.
 */
export class AcmeAuthority implements AsyncDisposable {
  /** The root, which signs the certificates that it issues. */
  readonly root: Made;
  /** Functions that replace its answers, by path. */
  readonly instead = new Map<string, (told: Told) => Told | Promise<Told>>();
  /** The requested paths, in order. */
  readonly asked: string[] = [];
  /** The keys of its accounts, by their thumbprints. */
  readonly accounts = new Map<string, webcrypto.JsonWebKey>();
  /** Validity of the certificates that it issues, in days from now. */
  valid = { from: -1, to: 90 };
  /** Names in the certificates that it issues; the requested names if absent. */
  names: readonly string[] | undefined;
  /** Port of this host to which it connects to validate a name, whatever the name is. */
  tests = 0;
  readonly #server: Server;
  readonly #nonces = new Set<string>();
  readonly #orders: { proofs: Proof[]; certificate: string }[] = [];

  private constructor(root: Made, server: Server) {
    this.root = root;
    this.#server = server;
  }

  static async open(): Promise<AcmeAuthority> {
    const root = await makeCertificate({ name: 'an authority', isAuthority: true });
    const own = await makeCertificate({ names: ['localhost'], by: root });
    const server = createServer({ cert: own.pem, key: own.key });
    const authority = new AcmeAuthority(root, server);
    server.on('request', (request, response) => {
      void (async () => {
        const path = request.url ?? '';
        authority.asked.push(path);
        const usual = await authority.#answer(path, request).catch((error: unknown) => ({
          ...{ status: 400, headers: { 'content-type': 'application/problem+json' } },
          body: { type: 'urn:ietf:params:acme:error:malformed', detail: String(error) },
        }));
        const answer = authority.instead.get(path);
        const { status = 200, headers = {}, body } = (await answer?.(usual)) ?? usual;
        const nonce = randomBytes(8).toString('base64url');
        authority.#nonces.add(nonce);
        response.writeHead(status, { 'replay-nonce': nonce, ...headers });
        response.end(typeof body === 'string' ? body : JSON.stringify(body ?? {}));
      })();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return authority;
  }

  get origin(): string {
    return `https://localhost:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Number of orders so far, which is also the number of the next order. */
  get orders(): number {
    return this.#orders.length;
  }

  get directory(): string {
    return `${this.origin}/directory`;
  }

  async #answer(path: string, request: IncomingMessage): Promise<Told> {
    const at = (...parts: (string | number)[]) => [this.origin, ...parts].join('/');
    if (path === '/directory') {
      return {
        body: { newNonce: at('nonce'), newAccount: at('account'), newOrder: at('order'), more: 1 },
      };
    }
    if (path === '/nonce') return { status: request.method === 'HEAD' ? 200 : 405 };
    const { payload, thumbprint } = await this.#open(path, request);
    const [, what, order = '', proof = ''] = path.split('/');
    if (what === 'account') {
      return { status: 201, headers: { location: at('accounts', thumbprint) }, body: {} };
    }
    if (what === 'order') {
      const { identifiers } = ordered.parse(payload);
      const proofs = identifiers.map(({ value: name }): Proof => {
        return { name, token: randomBytes(16).toString('base64url'), status: 'pending' };
      });
      const number = this.#orders.push({ proofs, certificate: '' }) - 1;
      return {
        ...{ status: 201, headers: { location: at('orders', number) } },
        body: this.#describe(number),
      };
    }
    const present = this.#orders[Number(order)];
    if (present === undefined) throw new Error(`there is no ${path}`);
    const { proofs } = present;
    const one = proofs[Number(proof)];
    switch (what) {
      case 'orders':
        return { body: this.#describe(Number(order)) };
      case 'proofs': {
        const { name, token, status, error } = one!;
        const challenge = { type: 'tls-alpn-01', url: at('tests', order, proof), token, error };
        const others = ['http-01', 'dns-01'].map((type) => ({ type, url: at(type), token }));
        const identifier = { type: 'dns', value: name };
        return { body: { status, identifier, challenges: [...others, challenge] } };
      }
      case 'tests':
        await this.#test(one!, thumbprint);
        return { body: {} };
      case 'finalize': {
        if (proofs.some(({ status }) => status !== 'valid')) throw new Error('it is not proved');
        const { csr } = z.strictObject({ csr: z.string() }).parse(payload);
        present.certificate = await this.#issue(Buffer.from(csr, 'base64url'), proofs);
        return { body: this.#describe(Number(order)) };
      }
      case 'certificates':
        return { body: present.certificate };
      default:
        throw new Error(`there is no ${path}`);
    }
  }

  #describe(number: number): object {
    const { proofs, certificate } = this.#orders[number]!;
    const at = (what: string, ...rest: number[]) => [this.origin, what, number, ...rest].join('/');
    return {
      status: certificate === '' ? 'pending' : 'valid',
      authorizations: proofs.map((_, index) => at('proofs', index)),
      finalize: at('finalize'),
      ...(certificate === '' ? {} : { certificate: at('certificates') }),
    };
  }

  /** Verifies who signed a request. */
  async #open(path: string, request: IncomingMessage) {
    let text = '';
    for await (const piece of request.setEncoding('utf8')) text += piece;
    const jws = jwsSchema.parse(JSON.parse(text));
    const head = headSchema.parse(decoded(jws.protected));
    if (!this.#nonces.delete(head.nonce)) {
      throw new Error(`the nonce ${head.nonce} is none`);
    }
    if (head.url !== this.origin + path) throw new Error(`it is signed for ${head.url}`);
    const jwk = head.jwk ?? this.accounts.get(head.kid?.split('/').at(-1) ?? '');
    if (jwk === undefined) throw new Error('the account is none');
    const { crv, kty, x, y } = jwk;
    const thumbprint = createHash('sha256')
      .update(JSON.stringify({ crv, kty, x, y }))
      .digest('base64url');
    const signed = Buffer.from(`${jws.protected}.${jws.payload}`);
    const key = createPublicKey({ key: jwk, format: 'jwk' });
    const signature = Buffer.from(jws.signature, 'base64url');
    if (!verify('sha256', signed, { key, dsaEncoding: 'ieee-p1363' }, signature)) {
      throw new Error('the signature is wrong');
    }
    this.accounts.set(thumbprint, jwk);
    return { payload: decoded(jws.payload), thumbprint };
  }

  /** Connects to the machine as RFC 8737 describes. */
  async #test(proof: Proof, thumbprint: string): Promise<void> {
    const socket = connect({
      ...{ host: '127.0.0.1', port: this.tests, servername: proof.name },
      ...{ ALPNProtocols: ['acme-tls/1'], rejectUnauthorized: false },
    });
    try {
      await once(socket, 'secureConnect');
      const shown = socket.getPeerX509Certificate();
      const digest = createHash('sha256').update(`${proof.token}.${thumbprint}`).digest();
      const wanted = `06082b0601050507011f0101ff04220420${digest.toString('hex')}`;
      const isRight =
        socket.alpnProtocol === 'acme-tls/1' &&
        shown?.subjectAltName === `DNS:${proof.name}` &&
        shown.raw.toString('hex').includes(wanted);
      if (!isRight) throw new Error('the certificate is not that of the challenge');
      proof.status = 'valid';
    } catch (error) {
      proof.status = 'invalid';
      proof.error = { type: 'urn:ietf:params:acme:error:tls', detail: String(error) };
    } finally {
      socket.destroy();
    }
  }

  async #issue(csr: Uint8Array, proofs: readonly Proof[]): Promise<string> {
    const request = new x509.Pkcs10CertificateRequest(new Uint8Array(csr));
    if (!(await request.verify())) throw new Error('its own key did not sign it');
    const asked = request.extensions.flatMap((one) =>
      one instanceof x509.SubjectAlternativeNameExtension
        ? one.names.toJSON().map(({ value }) => value)
        : [],
    );
    const proved = proofs.map(({ name }) => name);
    if (JSON.stringify(asked) !== JSON.stringify(proved)) throw new Error('it is for other names');
    const made = await x509.X509CertificateGenerator.create({
      serialNumber: `01${randomBytes(8).toString('hex')}`,
      issuer: this.root.certificate.subject,
      notBefore: new Date(Date.now() + this.valid.from * DAY),
      notAfter: new Date(Date.now() + this.valid.to * DAY),
      signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
      publicKey: await request.publicKey.export(),
      signingKey: this.root.keys.privateKey,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.SubjectAlternativeNameExtension(
          (this.names ?? proved).map((value) => ({ type: 'dns' as const, value })),
        ),
      ],
    });
    return `${new X509Certificate(made.toString('pem'))}${this.root.pem}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }
}
