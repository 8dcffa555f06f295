import { createHash } from 'node:crypto';
import * as z from 'zod';
import { ApiError } from '../../http/error.ts';
import type { Caller } from './caller.ts';
import type { Origin } from './log-in.ts';
import type { Permission } from './permissions.ts';

/** Who may call a route. */
export type Access =
  /** Everyone. */
  | 'anybody'
  /** Everyone who is logged in or has an API key. */
  | 'account'
  /** Everyone who is logged in, but not with an API key. */
  | 'session'
  /** As `session`, and also those who must change their password first. */
  | 'session-before-change'
  /** Everyone with this permission. */
  | Permission;

export type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';

/** Whether repeated requests with the same Idempotency-Key get the answer of the first. */
export function isRepeatable({ method, access, hasPassword }: Route): boolean {
  return method === 'POST' && access !== 'anybody' && !hasPassword;
}

/** Input of a route: values parsed by its schemas, and the caller. */
export interface Given<Params, Query, Body, Who> {
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
  readonly caller: Who;
  readonly origin: Origin;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Aborted when the caller has disconnected. */
  readonly signal: AbortSignal;
}

/** Answer of a route. */
export interface Reply {
  /** A value of the answer's schema, or a stream of its text; undefined for 204. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Definition of a route; a missing schema means that the part must be empty. */
export interface Definition<
  Params extends z.ZodType,
  Query extends z.ZodType,
  Body extends z.ZodType,
  Who,
> {
  readonly method: Method;
  /** For example `/v1/vms/{id}`. */
  readonly path: string;
  readonly summary: string;
  readonly params?: Params;
  readonly query?: Query;
  readonly body?: Body;
  /** Status of success and schema of its body. 204 has no body. */
  readonly status: 200 | 201 | 202 | 204;
  readonly answer?: z.ZodType;
  /** Headers of the request that the route heeds, for its description. */
  readonly heeds?: readonly ('If-Match' | 'Last-Event-ID')[];
  /** Whether the answer contains a secret that is shown only once: it is not stored for repeated requests. */
  readonly isSecret?: boolean;
  /** Whether the request contains a password: nothing of it is stored, and an Idempotency-Key has no effect. */
  readonly hasPassword?: boolean;
  readonly handle: (
    given: Given<z.output<Params>, z.output<Query>, z.output<Body>, Who>,
  ) => Promise<Reply>;
}

/** A route, independent of the types of its schemas. */
export interface Route {
  readonly method: Method;
  readonly path: string;
  readonly summary: string;
  readonly access: Access;
  readonly params: z.ZodType | undefined;
  readonly query: z.ZodType | undefined;
  readonly body: z.ZodType | undefined;
  readonly status: number;
  readonly answer: z.ZodType | undefined;
  readonly heeds: readonly string[];
  readonly isSecret: boolean;
  readonly hasPassword: boolean;
  /** @throws ApiError 400 naming what does not match the schemas */
  readonly handle: (given: Given<unknown, unknown, unknown, Caller | undefined>) => Promise<Reply>;
}

const nothing = z.strictObject({});

/** Creates a route for authenticated callers. */
export function createRoute<
  Params extends z.ZodType = typeof nothing,
  Query extends z.ZodType = typeof nothing,
  Body extends z.ZodType = z.ZodUndefined,
>(access: Exclude<Access, 'anybody'>, definition: Definition<Params, Query, Body, Caller>): Route {
  return erase(access, definition, (caller) => {
    if (caller === undefined) throw new Error('a route for known callers was asked by nobody');
    return caller;
  });
}

/** Creates a route for everyone. */
export function openRoute<
  Params extends z.ZodType = typeof nothing,
  Query extends z.ZodType = typeof nothing,
  Body extends z.ZodType = z.ZodUndefined,
>(definition: Definition<Params, Query, Body, Caller | undefined>): Route {
  return erase('anybody', definition, (caller) => caller);
}

function erase<Params extends z.ZodType, Query extends z.ZodType, Body extends z.ZodType, Who>(
  access: Access,
  definition: Definition<Params, Query, Body, Who>,
  who: (caller: Caller | undefined) => Who,
): Route {
  const { method, path, summary, params, query, body, status, answer, heeds = [] } = definition;
  return {
    ...{ method, path, summary, access, params, query, body, status, answer },
    heeds,
    isSecret: definition.isSecret === true,
    hasPassword: definition.hasPassword === true,
    handle: async (given) =>
      await definition.handle({
        ...given,
        params: parse('path', params ?? nothing, given.params) as z.output<Params>,
        query: parse('query', query ?? nothing, given.query) as z.output<Query>,
        body: parse('body', body ?? z.undefined(), given.body) as z.output<Body>,
        caller: who(given.caller),
      }),
  };
}

function parse(part: 'path' | 'query' | 'body', schema: z.ZodType, value: unknown): unknown {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const key = issue?.path.map(String).join('.') ?? '';
  const where = key === '' ? `the ${part}` : `${key} of the ${part}`;
  throw new ApiError(400, `${where}: ${issue?.message ?? 'is not valid'}`);
}

/**
 * Creates the schema of a text from people: with a number of characters, well-formed, and without NUL, which PostgreSQL
 * does not store.
 */
export function createTextSchema(shortest: number, longest: number) {
  return z
    .string()
    .min(shortest)
    .max(longest)
    .refine((one) => one.isWellFormed() && !one.includes('\0'), 'has invalid characters');
}

/** Creates the schema of a name from people, which is a text that is not blank. */
export function createNameSchema(longest: number) {
  return createTextSchema(1, longest).refine((one) => /\S/.test(one), 'is blank');
}

/** Schema of an id in a request, where letters may be upper case (RFC 9562, 4); it is compared in lower case. */
export const givenId = z.guid().toLowerCase();

/** Path parameters of a single object. */
export const idParams = z.strictObject({ id: givenId });

/** Returns the entity tag of a state of an object (RFC 9110, 8.8.3). */
export function computeEntityTag(body: object): string {
  return `"${createHash('sha256').update(JSON.stringify(body)).digest('base64url').slice(0, 22)}"`;
}

/** @throws ApiError 412 if a request is for another state of an object than the present one */
export function requireMatch(
  headers: Given<unknown, unknown, unknown, unknown>['headers'],
  present: object,
): void {
  const { 'if-match': wanted } = headers;
  if (wanted === undefined || wanted === '*') return;
  const tags = String(wanted).split(/ *, */);
  if (tags.includes(computeEntityTag(present))) return;
  throw new ApiError(412, 'somebody else has changed it meanwhile', { fix: 'Read it again.' });
}
