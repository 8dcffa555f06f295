import * as z from 'zod';
import { type Access, isRepeatable, type Route } from './route.ts';

/** Schema of the errors of all routes: RFC 9457, with advice for the reader. */
const problemSchema = z.object({
  type: z.literal('about:blank'),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  fix: z.string().optional(),
});

/** JSON values of an API document. */
type Json =
  | string
  | number
  | boolean
  | null
  | undefined
  | readonly Json[]
  | { [key: string]: Json };

/**
 * Describes routes (OpenAPI 3.1.1, https://spec.openapis.org/oas/v3.1.1.html). `x-access` of an operation says who may
 * call it: `anybody`, `account`, `session`, `session-before-change`, or a permission.
 */
export function describeApi(routes: readonly Route[]): { [key: string]: Json } {
  const byPath = Map.groupBy(routes, ({ path }) => path);
  const paths = Object.fromEntries(
    [...byPath].map(([path, all]) => [
      path,
      Object.fromEntries(all.map((route) => [route.method.toLowerCase(), describeRoute(route)])),
    ]),
  );
  return {
    openapi: '3.1.1',
    info: {
      title: 'QvDC',
      description: 'The control plane for people: virtualization hosts and what is on them.',
      version: '1',
    },
    paths,
    components: {
      securitySchemes: {
        session: { type: 'apiKey', in: 'cookie', name: '__Host-qx-session' },
        apiKey: { type: 'http', scheme: 'bearer' },
      },
      responses: {
        problem: {
          description: 'It is refused, or failed',
          content: { 'application/problem+json': { schema: schemaOf(problemSchema, 'output') } },
        },
      },
    },
  };
}

function describeRoute(route: Route): Json {
  const { summary, access, params, query, body, status, answer, heeds } = route;
  return {
    summary,
    'x-access': access,
    security: securityOf(access),
    parameters: [
      ...parametersOf('path', params),
      ...parametersOf('query', query),
      ...(isRepeatable(route) ? [headerOf('Idempotency-Key')] : []),
      ...heeds.map(headerOf),
    ],
    requestBody:
      body === undefined
        ? undefined
        : {
            required: !body.safeParse(undefined).success,
            content: { 'application/json': { schema: schemaOf(body, 'input') } },
          },
    responses: {
      [String(status)]: {
        description: status === 204 ? 'Done' : 'What was asked for',
        content:
          answer === undefined
            ? undefined
            : { [mediaTypeOf(answer)]: { schema: schemaOf(answer, 'output') } },
      },
      default: { $ref: '#/components/responses/problem' },
    },
  };
}

function mediaTypeOf(answer: z.ZodType): string {
  if (!(answer instanceof z.ZodString)) return 'application/json';
  return z.string().default('text/plain').parse(answer.meta()?.contentMediaType);
}

function securityOf(access: Access): Json {
  if (access === 'anybody') return [];
  const bySession = { session: [] };
  return access.startsWith('session') ? [bySession] : [bySession, { apiKey: [] }];
}

function parametersOf(place: 'path' | 'query', schema: z.ZodType | undefined): Json[] {
  if (!(schema instanceof z.ZodObject)) return [];
  const shape: Readonly<Record<string, z.ZodType>> = schema.shape;
  return Object.entries(shape).map(([name, one]) => ({
    name,
    in: place,
    required: !one.safeParse(undefined).success,
    schema: schemaOf(one, 'input'),
  }));
}

function headerOf(name: string): Json {
  return { name, in: 'header', required: false, schema: { type: 'string' } };
}

function schemaOf(schema: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema: _dialect, ...described } = z.toJSONSchema(schema, {
    ...{ io, unrepresentable: 'any' },
    // The format already implies the pattern.
    override: ({ jsonSchema }) => {
      if (jsonSchema.format !== undefined) delete jsonSchema.pattern;
    },
  });
  return JSON.parse(JSON.stringify(described)) as Json;
}
