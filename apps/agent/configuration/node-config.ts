import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Document } from 'yaml';
import * as z from 'zod';
import { readIfThere, setAside, writeDurably } from '../../files/durable-file.ts';
import { parseYaml, readContent } from '../../files/yaml.ts';
import { type GuestSettings, guestSettingsSchema } from '../../guests/settings.ts';
import { AgentError } from './error.ts';
import { formatJoinToken, parseJoinToken } from './join-token.ts';
import { parseOrigin } from './origin.ts';

/** `metrics` of `node.yaml`: the port at which metrics are served over TLS, and the token that callers need. */
const metricsSettingsSchema = z.strictObject({
  /** TCP port, on all addresses. */
  port: z.number().int().min(1024).max(65_535),
  /** Token that a caller sends in `Authorization: Bearer …`. */
  token: z.string().regex(/^[\w.~+/-]{32,256}=*$/, 'is not 32 to 256 letters and digits'),
});

export type MetricsSettings = z.infer<typeof metricsSettingsSchema>;

/** Contents of `node.yaml`. `P` is the type of a storage pool's declaration. */
export interface NodeConfig<P = unknown> {
  /** `https://host:port`. */
  readonly controlPlane: string | undefined;
  /** Used once, while the node has no certificate, and then removed from the file. */
  readonly joinToken: string | undefined;
  readonly pools: readonly P[];
  readonly guests: GuestSettings;
  /** Settings of metrics over TLS; `undefined` if they are not served. */
  readonly metrics: MetricsSettings | undefined;
}

export interface NodeConfigRead<P> {
  readonly config: NodeConfig<P>;
  /** Why the file was set aside, and its new name; the configuration is then empty. */
  readonly problem: string | undefined;
}

/**
 * Reads `node.yaml`; without one the configuration is empty. A file with any error is set aside as a whole.
 * @param file its path
 * @param pools schema of `pools`
 * @throws errors of the disk only
 */
export async function readNodeConfig<P>(
  file: string,
  pools: z.ZodType<readonly P[]>,
): Promise<NodeConfigRead<P>> {
  const text = await readIfThere(file);
  const empty = {
    controlPlane: undefined,
    joinToken: undefined,
    pools: [],
    guests: USUAL_GUESTS,
    metrics: undefined,
  };
  if (text === undefined) return { config: empty, problem: undefined };
  try {
    return { config: await parseNodeConfig(text, { file, pools }), problem: undefined };
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    const aside = await setAside(file);
    return { config: empty, problem: `${error.message} It was set aside as ${aside}.` };
  }
}

/**
 * Parses the text of a `node.yaml`.
 * @throws AgentError naming the file and the key or line
 */
export async function parseNodeConfig<P>(
  text: string,
  { file, pools }: { file: string; pools: z.ZodType<readonly P[]> },
): Promise<NodeConfig<P>> {
  const yaml = { text, file, Failure: AgentError };
  const parsed = schema(pools).safeParse(readContent(await parseYaml(yaml), yaml) ?? {});
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const key = issue?.path.join('.') ?? '';
    const at = key === '' ? file : `${file}, ${key}`;
    throw new AgentError({ what: issue?.message ?? 'not a configuration', where: at });
  }
  const { controlPlane, joinToken, metrics, guests = USUAL_GUESTS } = parsed.data;
  return { controlPlane, joinToken, pools: parsed.data.pools ?? [], guests, metrics };
}

/** Reads the control plane in `node.yaml`; returns `undefined` if there is none, or the file cannot be parsed. */
export async function readControlPlane(file: string): Promise<string | undefined> {
  const text = await readIfThere(file);
  if (text === undefined) return undefined;
  try {
    const yaml = { text, file, Failure: AgentError };
    const content = readContent(await parseYaml(yaml), yaml);
    return z.object({ controlPlane: z.string().transform(by(parseOrigin)) }).safeParse(content).data
      ?.controlPlane;
  } catch (error) {
    if (error instanceof AgentError) return undefined;
    throw error;
  }
}

export interface ConfigChange {
  readonly controlPlane: string;
}

/**
 * Writes the node's control plane to `node.yaml`, and removes the used token.
 * @throws AgentError if the file cannot be parsed; it is then unchanged
 */
export async function rememberControlPlane(
  file: string,
  { controlPlane }: ConfigChange,
): Promise<void> {
  await change(file, (document) => {
    document.set('controlPlane', controlPlane);
    document.delete('joinToken');
  });
}

/**
 * Removes control plane and token from `node.yaml`.
 * @throws AgentError if the file cannot be parsed; it is then unchanged
 */
export async function forgetControlPlane(file: string): Promise<void> {
  await change(file, (document) => {
    document.delete('controlPlane');
    document.delete('joinToken');
  });
}

/**
 * Adds a pool to `node.yaml`.
 * @throws AgentError if the file cannot be parsed; it is then unchanged
 */
export async function declarePool(file: string, pool: object): Promise<void> {
  await change(file, (document) => {
    if (document.get('pools') == null) document.set('pools', document.createNode([pool]));
    else document.addIn(['pools'], document.createNode(pool));
  });
}

/**
 * Removes the pool with this name from `node.yaml`, if the file contains it.
 * @throws AgentError if the file cannot be parsed; it is then unchanged
 */
export async function withdrawPool(file: string, name: string): Promise<void> {
  await change(file, (document) => {
    const pools = z.array(z.unknown()).catch([]).parse(document.toJS()?.pools);
    const isIt = (pool: unknown) => z.object({ name: z.literal(name) }).safeParse(pool).success;
    const index = pools.findIndex(isIt);
    if (index >= 0) document.deleteIn(['pools', index]);
  });
}

/** Changes of files are made one after the other: each reads the result of the previous one. */
let lastChange: Promise<unknown> = Promise.resolve();

/** Changes `node.yaml`. The rest of the file is unchanged, including comments. */
function change(file: string, edit: (document: Document.Parsed) => void): Promise<void> {
  const work = async () => {
    const text = (await readIfThere(file)) ?? '';
    const yaml = { text, file, Failure: AgentError };
    const document = await parseYaml(yaml);
    const before = readContent(document, yaml);
    if (before !== null && !z.record(z.string(), z.unknown()).safeParse(before).success) {
      throw new AgentError({ what: 'not a list of keys and values', where: file });
    }
    edit(document);
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    await writeDurably(file, document.toString(), 0o600);
  };
  const next = lastChange.then(work, work);
  lastChange = next;
  return next;
}

const USUAL_GUESTS = guestSettingsSchema.parse({});

function schema<P>(pools: z.ZodType<readonly P[]>) {
  return z.strictObject({
    controlPlane: z.string().transform(by(parseOrigin)).optional(),
    joinToken: z
      .string()
      .transform(by((text) => formatJoinToken(parseJoinToken(text))))
      .optional(),
    pools: pools.optional(),
    guests: guestSettingsSchema.optional(),
    metrics: metricsSettingsSchema.optional(),
  });
}

/** Turns a parser that throws into a Zod transformation that reports the error as an issue. */
function by(parse: (text: string) => string) {
  return (text: string, context: z.RefinementCtx<string>): string => {
    try {
      return parse(text);
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      context.addIssue({ code: 'custom', message: error.message.replace(/\.$/, '') });
      return z.NEVER;
    }
  };
}
