import { createHash } from 'node:crypto';
import * as z from 'zod';
import { ApiError } from '../../http/error.ts';
import type { Caller } from './caller.ts';
import type { Origin } from './log-in.ts';
import type { Permission } from './permissions.ts';

/** Who may ask. */
export type Access =
  /** Anybody. */
  | 'anybody'
  /** Whoever is logged in or has an API key. */
  | 'account'
  /** Whoever is logged in; with an API key nobody. */
  | 'session'
  /** The same, even before a password that has to be changed was changed. */
  | 'session-before-change'
  /** Whoever has this permission. */
  | Permission;

export type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';

/** What a route is given: as its schemas have it, and who asks. */
export interface Given<Params, Query, Body, Who> {
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
  readonly caller: Who;
  readonly origin: Origin;
  /** Of the request, in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Aborted when who asks is there no more. */
  readonly signal: AbortSignal;
}

/** What a route answers. */
export interface Reply {
  /** As the schema of the answer has it, or a stream of its text; nothing for 204. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A route as it is written down; what it lacks of the schemas it takes nothing of. */
export interface Definition<
  Params extends z.ZodType,
  Query extends z.ZodType,
  Body extends z.ZodType,
  Who,
> {
  readonly method: Method;
  /** Such as `/v1/vms/{id}`. */
  readonly path: string;
  readonly summary: string;
  readonly params?: Params;
  readonly query?: Query;
  readonly body?: Body;
  /** Status of what goes well, and what it says. 204 says nothing. */
  readonly status: 200 | 201 | 202 | 204;
  readonly answer?: z.ZodType;
  /** Whether the answer has a secret, which is shown once: it is not kept for a second request. */
  readonly isSecret?: boolean;
  readonly handle: (
    given: Given<z.output<Params>, z.output<Query>, z.output<Body>, Who>,
  ) => Promise<Reply>;
}

/** A route of whatever schemas. */
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
  readonly isSecret: boolean;
  /** @throws ApiError 400 naming what is not as the schemas have it */
  readonly handle: (given: Given<unknown, unknown, unknown, Caller | undefined>) => Promise<Reply>;
}

const nothing = z.strictObject({});

/** A route for whoever may ask it, who is known. */
export function route<
  Params extends z.ZodType = typeof nothing,
  Query extends z.ZodType = typeof nothing,
  Body extends z.ZodType = z.ZodUndefined,
>(access: Exclude<Access, 'anybody'>, definition: Definition<Params, Query, Body, Caller>): Route {
  return erase(access, definition, (caller) => {
    if (caller === undefined) throw new Error('a route for known callers was asked by nobody');
    return caller;
  });
}

/** A route for anybody. */
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
  const { method, path, summary, params, query, body, status, answer, isSecret } = definition;
  return {
    ...{ method, path, summary, access, params, query, body, status, answer },
    isSecret: isSecret === true,
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
  throw new ApiError(400, `${where}: ${issue?.message ?? 'not as it should be'}`);
}

/** A text of people: of so many characters, well-formed and without NUL, which PostgreSQL does not keep. */
export function text(shortest: number, longest: number) {
  return z
    .string()
    .min(shortest)
    .max(longest)
    .refine((one) => one.isWellFormed() && !one.includes('\0'), 'has characters that are none');
}

/** The path of one thing. */
export const idParams = z.strictObject({ id: z.guid() });

/** What stands for one state of a thing (RFC 9110, 8.8.3). */
export function entityTag(body: object): string {
  return `"${createHash('sha256').update(JSON.stringify(body)).digest('base64url').slice(0, 22)}"`;
}

/** @throws ApiError 412 if a request is for another state of a thing than its present one */
export function requireMatch(
  headers: Given<unknown, unknown, unknown, unknown>['headers'],
  present: object,
): void {
  const { 'if-match': wanted } = headers;
  if (wanted === undefined || wanted === '*') return;
  const tags = String(wanted).split(/ *, */);
  if (tags.includes(entityTag(present))) return;
  throw new ApiError(412, 'somebody else has changed it meanwhile', { fix: 'Read it again.' });
}
