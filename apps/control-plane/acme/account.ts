import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto';
import * as z from 'zod';
import { AcmeError, quoteText } from './error.ts';
import { type AcmeAnswer, type AcmeServer, exchange } from './exchange.ts';

/** Maximum number of times that a request is sent: it is repeated if its nonce is refused (RFC 8555, 6.5). */
const NONCES = 5;

/** Prefix of the kinds of problems (RFC 8555, 6.7). */
const PROBLEM = 'urn:ietf:params:acme:error:';

const address = z.string().max(2048);
const directorySchema = z.object({ newNonce: address, newAccount: address, newOrder: address });

/** Schema of a problem (RFC 9457 and RFC 8555, 6.7.1). */
export const problemSchema = z.object({
  type: z.string().optional(),
  detail: z.string().optional(),
  subproblems: z
    .array(
      z.object({
        detail: z.string().optional(),
        identifier: z.object({ value: z.string() }).optional(),
      }),
    )
    .optional(),
});

const jwkSchema = z.object({ crv: z.string(), kty: z.string(), x: z.string(), y: z.string() });

/** Returns what a problem says, in one line. */
export function describeProblem(problem: z.output<typeof problemSchema>): string {
  const { type = '', detail = '', subproblems = [] } = problem;
  const parts = subproblems.map(({ identifier, detail: why = '' }) =>
    [identifier?.value, why].filter((one) => one !== undefined && one !== '').join(': '),
  );
  const all = [detail === '' ? type.replace(PROBLEM, '') : detail, ...parts];
  return quoteText(all.filter((one) => one !== '').join('; '));
}

/** An account of a certificate authority (RFC 8555), with which requests are signed. */
export class AcmeAccount {
  readonly #server: AcmeServer;
  readonly #key: KeyObject;
  readonly #jwk: z.output<typeof jwkSchema>;
  readonly #signal: AbortSignal;
  readonly #directory: z.output<typeof directorySchema>;
  #nonce: string | undefined;
  /** The account's address; empty until it is known. */
  #address = '';

  private constructor(
    server: AcmeServer,
    key: KeyObject,
    directory: z.output<typeof directorySchema>,
    signal: AbortSignal,
  ) {
    this.#server = server;
    this.#key = key;
    // The schema puts the members in the order that the thumbprint requires (RFC 7638).
    this.#jwk = jwkSchema.parse(createPublicKey(key).export({ format: 'jwk' }));
    this.#directory = directory;
    this.#signal = signal;
  }

  /**
   * Reads the directory, then finds the account of the key, or creates it and agrees to the authority's terms.
   * @param key an ECDSA key on P-256, in PEM
   * @param contact a mail address, or an empty string
   * @throws AcmeError if the answer is not a directory, or the authority refuses the account
   */
  static async open(
    server: AcmeServer,
    { key, contact }: { key: string; contact: string },
    signal: AbortSignal,
  ): Promise<AcmeAccount> {
    const url = server.directory;
    const answer = await exchange(server, { method: 'GET', url }, signal);
    if (answer.status !== 200) {
      throw new AcmeError({
        what: `the directory answers ${answer.status}`,
        where: url,
        fix: 'The certificate authority publishes the address of its directory.',
      });
    }
    const directory = read(answer, url, directorySchema);
    const account = new AcmeAccount(server, createPrivateKey(key), directory, signal);
    const { headers } = await account.post(directory.newAccount, {
      termsOfServiceAgreed: true,
      ...(contact === '' ? {} : { contact: [`mailto:${contact}`] }),
    });
    account.#address = readLocation(headers, directory.newAccount);
    return account;
  }

  get newOrder(): string {
    return this.#directory.newOrder;
  }

  /** SHA-256 of the public key, in base64url (RFC 7638). */
  get thumbprint(): string {
    return createHash('sha256').update(JSON.stringify(this.#jwk)).digest('base64url');
  }

  /** Reads a resource. @throws AcmeError if the request is refused, or the answer does not match the schema */
  async get<T>(url: string, schema: z.ZodType<T>): Promise<{ value: T; answer: AcmeAnswer }> {
    const answer = await this.post(url);
    return { value: read(answer, url, schema), answer };
  }

  /**
   * Posts a signed request.
   * @param payload undefined to read a resource (RFC 8555, 6.3)
   * @throws AcmeError with the server's reason if the request is refused
   */
  async post(url: string, payload?: object): Promise<AcmeAnswer> {
    for (let left = NONCES; ; left -= 1) {
      const nonce = this.#nonce ?? (await this.#askNonce());
      this.#nonce = undefined;
      const body = this.#sign(url, nonce, payload);
      const answer = await exchange(this.#server, { method: 'POST', url, body }, this.#signal);
      const { 'replay-nonce': next } = answer.headers;
      if (typeof next === 'string') this.#nonce = next;
      if (answer.status < 400) return answer;
      const problem = problemSchema.safeParse(parse(answer.text)).data;
      if (problem?.type === `${PROBLEM}badNonce` && left > 1) continue;
      throw refusal(answer.status, problem, url);
    }
  }

  async #askNonce(): Promise<string> {
    const url = this.#directory.newNonce;
    const { headers } = await exchange(this.#server, { method: 'HEAD', url }, this.#signal);
    const { 'replay-nonce': nonce } = headers;
    if (typeof nonce === 'string') return nonce;
    throw new AcmeError({ what: 'the certificate authority gives no nonce', where: url });
  }

  /** Returns a request as a JWS in flattened JSON (RFC 7515, 7.2.2), signed by ES256. */
  #sign(url: string, nonce: string, payload: object | undefined): string {
    const who = this.#address === '' ? { jwk: this.#jwk } : { kid: this.#address };
    const head = base64url(JSON.stringify({ alg: 'ES256', nonce, url, ...who }));
    const content = payload === undefined ? '' : base64url(JSON.stringify(payload));
    const signature = sign('sha256', Buffer.from(`${head}.${content}`), {
      key: this.#key,
      dsaEncoding: 'ieee-p1363',
    });
    const sent = { protected: head, payload: content, signature: signature.toString('base64url') };
    return JSON.stringify(sent);
  }
}

/** Returns the address of a created resource from an answer's headers. @throws AcmeError if there is none */
export function readLocation({ location }: AcmeAnswer['headers'], url: string): string {
  if (location !== undefined && URL.canParse(location)) return location;
  throw new AcmeError({
    what: 'the certificate authority’s answer has no address of the created resource',
    where: url,
  });
}

/** Parses the JSON of an answer. @throws AcmeError if it does not match the schema */
export function read<T>({ text }: AcmeAnswer, url: string, schema: z.ZodType<T>): T {
  const parsed = schema.safeParse(parse(text));
  if (parsed.success) return parsed.data;
  const key = parsed.error.issues[0]?.path.join('.') ?? '';
  throw new AcmeError({
    what: `this is not the answer of an ACME server (RFC 8555)${key === '' ? '' : `: ${quoteText(key)}`}`,
    where: url,
    fix: 'The certificate authority publishes the address of its directory.',
  });
}

function refusal(
  status: number,
  problem: z.output<typeof problemSchema> | undefined,
  url: string,
): AcmeError {
  const words = problem === undefined ? '' : describeProblem(problem);
  const kind = problem?.type?.replace(PROBLEM, '');
  return new AcmeError({
    what: `the certificate authority refuses it (${status})${words === '' ? '' : `: ${words}`}`,
    where: url,
    ...(kind === 'externalAccountRequired'
      ? { fix: 'It gives certificates only to accounts that were made elsewhere: use another one.' }
      : kind === 'rateLimited'
        ? { fix: 'It was asked too often: it says when to ask again.' }
        : {}),
  });
}

function base64url(text: string): string {
  return Buffer.from(text).toString('base64url');
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
