import { mkdtemp, rm } from 'node:fs/promises';
import type { IncomingHttpHeaders } from 'node:http';
import { Agent, request as httpsRequest, type RequestOptions } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beginSession } from '../../apps/control-plane/database/repositories/sessions.ts';
import { createUser } from '../../apps/control-plane/database/repositories/users.ts';
import type { ValueOf } from '../../apps/control-plane/database/values.ts';
import { EventFeed } from '../../apps/control-plane/events/feed.ts';
import type { HealthFacts } from '../../apps/control-plane/health/routes.ts';
import { formatSessionCookie } from '../../apps/control-plane/people/caller.ts';
import { PeopleCertificate } from '../../apps/control-plane/people/certificate.ts';
import { hashPassword } from '../../apps/control-plane/people/password.ts';
import {
  type PeopleServer,
  type ServePeopleOptions,
  servePeople,
} from '../../apps/control-plane/people/serve.ts';
import { type Authority, openAuthority } from '../../apps/control-plane/trust/authority.ts';
import type { Logger } from '../../apps/log/logger.ts';
import { type OpenTestDatabase, openTestDatabase } from './database.ts';

/** An answer of the API. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The parsed JSON; undefined if the text is not JSON. */
  readonly body: unknown;
}

/** A request to the API. */
export interface Ask {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** The body, sent as JSON. */
  readonly body?: unknown;
  /** The text of the body, instead of `body`. */
  readonly raw?: string | Buffer;
  readonly cookie?: string | undefined;
  readonly key?: string;
  /** Number of events of a stream to wait for. */
  readonly events?: number;
}

const HEALTH: HealthFacts = {
  ...{ version: '1.0.0', problem: undefined, limited: undefined, schemaVersion: 12 },
  leadership: { role: 'unknown', problem: '', age: undefined, confirmedAgo: undefined },
  services: [{ name: 'postgresql', state: 'ok', problem: '', askedAt: undefined }],
  ...{ alerts: [], persistent: true, pool: { total: 0, idle: 0, waiting: 0 } },
  calls: [],
};

/** A server of the API for people, with its own database. */
export class PeopleApi implements AsyncDisposable {
  readonly opened: OpenTestDatabase;
  readonly authority: Authority;
  readonly certificate: PeopleCertificate;
  readonly lines: string[];
  /** PEM: authorities that the client trusts besides the control plane's own. */
  alsoTrusted: readonly string[] = [];
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 8 });
  readonly #api: PeopleServer;
  readonly #ending: AbortController;
  readonly #feeding: Promise<void>;

  private constructor(
    opened: OpenTestDatabase,
    authority: Authority,
    {
      ...given
    }: {
      certificate: PeopleCertificate;
      lines: string[];
      api: PeopleServer;
      ending: AbortController;
      feeding: Promise<void>;
    },
  ) {
    this.opened = opened;
    this.authority = authority;
    this.certificate = given.certificate;
    this.lines = given.lines;
    this.#api = given.api;
    this.#ending = given.ending;
    this.#feeding = given.feeding;
  }

  static async open(options: Partial<ServePeopleOptions> = {}): Promise<PeopleApi> {
    const folder = await mkdtemp(join(tmpdir(), 'quantix-people-'));
    const authority = await openAuthority(join(folder, 'ca.pem'));
    await rm(folder, { recursive: true });
    const opened = await openTestDatabase();
    const lines: string[] = [];
    const note = (line: string) => lines.push(line);
    const log: Logger = { error: note, warning: note, info: note, debug: note };
    const ending = new AbortController();
    const { database, address } = opened;
    const events = new EventFeed({ database, address, log, signal: ending.signal });
    const feeding = events.work();
    const certificate = new PeopleCertificate({
      ...{ database, authority, log, signal: ending.signal },
      ...(options.now === undefined ? {} : { now: options.now }),
    });
    const api = await servePeople({
      ...{ database, events, authority, log, signal: ending.signal },
      certificate,
      ...{ people: { listen: '127.0.0.1', port: 0 }, health: async () => HEALTH },
      ...options,
    });
    return new PeopleApi(opened, authority, { certificate, lines, api, ending, feeding });
  }

  get db() {
    return this.opened.database.db;
  }

  get port(): number {
    return this.#api.port;
  }

  get fingerprint(): string {
    return this.#api.fingerprint;
  }

  /** Sends a request over TLS. */
  async ask(
    path: string,
    { method = 'GET', headers = {}, body, raw, cookie, key, events = 0 }: Ask = {},
  ): Promise<Answer> {
    const sent = raw ?? (body === undefined ? undefined : JSON.stringify(body));
    const options: RequestOptions = {
      ...{ host: '127.0.0.1', port: this.port, method, path, agent: this.#agent },
      ca: [this.authority.bundle, ...this.alsoTrusted],
      checkServerIdentity: () => undefined,
      headers: {
        ...(sent === undefined ? {} : { 'content-type': 'application/json' }),
        ...(sent === undefined ? {} : { 'content-length': String(Buffer.byteLength(sent)) }),
        ...(cookie === undefined ? {} : { cookie }),
        ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
        ...headers,
      },
    };
    return await new Promise((resolve, reject) => {
      const asked = httpsRequest(options, (response) => {
        let text = '';
        response.setEncoding('utf8');
        // A stream is read until it has sent the requested number of events.
        const isStream = response.headers['content-type'] === 'text/event-stream';
        const isRead = () => isStream && text.split('\ndata: ').length > events;
        response.on('data', (piece: string) => {
          text += piece;
          if (isRead()) response.destroy();
        });
        response.on('close', () => {
          const { statusCode: status = 0, headers: told } = response;
          if (isStream) resolve({ status, headers: told, text, body: undefined });
        });
        response.on('end', () => {
          const { statusCode: status = 0 } = response;
          resolve({ status, headers: response.headers, text, body: parse(text) });
        });
        response.on('error', reject);
      });
      asked.on('error', reject);
      asked.end(sent);
    });
  }

  /** Creates an account with `PASSWORD`, which need not be changed. @returns its id */
  async account(username: string, role: ValueOf<'users_role'>): Promise<string> {
    hashed ??= hashPassword(PASSWORD);
    const user = await createUser(this.db, { username, role, passwordHash: await hashed });
    return user.id;
  }

  /** Creates a session without a log-in. @returns the cookie to send */
  async session(userId: string): Promise<string> {
    const address = '127.0.0.1';
    const { secret } = await beginSession(this.db, {
      ...{ userId, address, network: address, userAgent: 'a test', now: new Date() },
    });
    return formatSessionCookie(secret).split(';', 1)[0] ?? '';
  }

  /**
   * Logs in; for tests of the log-in itself only. The server allows thirty log-ins at once from one address, for all
   * tests of a file together. @returns the cookie to send
   */
  async logIn(username: string, password = PASSWORD): Promise<string> {
    const answer = await this.ask('/v1/session', {
      ...{ method: 'POST', body: { username, password } },
    });
    const [cookie] = answer.headers['set-cookie'] ?? [];
    if (answer.status !== 204 || cookie === undefined) throw new Error(answer.text);
    return cookie.split(';', 1)[0] ?? '';
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#agent.destroy();
    this.#ending.abort();
    await Promise.all([this.#api.ended, this.#feeding]);
    await this.opened[Symbol.asyncDispose]();
  }
}

export const PASSWORD = 'a long password';

/** Computed once for all accounts. */
let hashed: Promise<string> | undefined;

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
