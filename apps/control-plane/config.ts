import { readFile } from 'node:fs/promises';
import * as z from 'zod';
import { ALERT_SEVERITIES } from '../api/alerts.ts';
import { messageOf } from '../error.ts';
import { parseYaml, readContent } from '../files/yaml.ts';
import { getErrorCode } from '../process/code-of.ts';
import { NODE_PORT } from '../proto/names.ts';
import { ELECTION_TIMES } from './coordination/election-times.ts';
import { DATABASE, POOL_SIZE } from './database/connection.ts';
import { AUTOMATIC_DUMPS } from './database/dump.ts';
import { MIGRATIONS_FOLDER } from './database/migration-files.ts';
import { ControlPlaneError } from './error.ts';

const path = z.string().startsWith('/', 'is not an absolute path');

const origin = z
  .url({ protocol: /^https$/, error: 'is not an address such as https://192.0.2.5:9443' })
  .refine((text) => new URL(text).origin === text, 'is more than https://host:port');

const names = z
  .array(z.string().regex(/^[a-z][a-z0-9_-]{0,31}$/, 'is not a valid name'))
  .min(1)
  .max(8);

/** The name of a receiver of alerts. */
const receiverName = z.string().regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, 'is not a valid name');

const severities = z
  .array(z.enum(ALERT_SEVERITIES))
  .min(1)
  .default([...ALERT_SEVERITIES]);

const webhook = z.strictObject({
  name: receiverName,
  url: z.url({
    protocol: /^https$/,
    error: 'is not an address such as https://pager.example/qvdc',
  }),
  secret: z
    .string()
    .regex(
      /^whsec_(?:[A-Za-z0-9+/]{4}){8,21}(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/,
      'is not whsec_ and a key of 24 to 64 bytes in base64: echo whsec_$(openssl rand -base64 32) makes one',
    ),
  /** A file with the certificates that the receiver's certificate chain must end in, instead of the system's. */
  authority: path.optional(),
  severities,
});

const syslog = z
  .strictObject({
    name: receiverName,
    host: z.union([z.ipv4(), z.ipv6(), z.hostname()], 'is not a host'),
    transport: z.enum(['udp', 'tcp', 'tls']).default('udp'),
    port: z.int().min(1).max(65535).optional(),
    authority: path.optional(),
    severities,
  })
  .transform(({ port, ...rest }) => ({
    ...rest,
    port: port ?? (rest.transport === 'tls' ? 6514 : 514),
  }));

/** Schema of `config.yaml`; each key has a default, and any other key is an error. */
const configSchema = z
  .strictObject({
    database: z
      .strictObject({
        socketFolder: path.default(DATABASE.socketFolder),
        database: z.string().min(1).default(DATABASE.database),
        user: z.string().min(1).default(DATABASE.user),
        migrations: path.default(MIGRATIONS_FOLDER),
        dumps: path.default(AUTOMATIC_DUMPS),
        pool: z
          .strictObject({
            open: z.int().min(2).max(1000).default(POOL_SIZE.open),
            idle: z.int().min(0).max(1000).default(POOL_SIZE.idle),
          })
          .prefault({})
          .refine(({ open, idle }) => idle <= open, 'idle must not be more than open'),
      })
      .prefault({}),
    etcd: z
      .strictObject({
        address: z
          .url({ protocol: /^http$/, error: 'is not an address such as http://127.0.0.1:2379' })
          .default('http://127.0.0.1:2379'),
        /** Written by etcd's service when it has set a damaged folder aside. */
        notice: path.default('/var/lib/etcd/notice'),
      })
      .prefault({}),
    /** Seconds; see `ElectionTimes`. */
    leadership: z
      .strictObject({
        lease: z
          .int()
          .min(2)
          .max(600)
          .default(ELECTION_TIMES.lease / 1000),
        renewEvery: z
          .int()
          .min(1)
          .max(600)
          .default(ELECTION_TIMES.renewEvery / 1000),
        stepDownAfter: z
          .int()
          .min(1)
          .max(600)
          .default(ELECTION_TIMES.stepDownAfter / 1000),
      })
      .prefault({})
      .refine(
        ({ lease, renewEvery, stepDownAfter }) =>
          renewEvery < stepDownAfter && stepDownAfter < lease,
        'renewEvery must be less than stepDownAfter, and that less than lease',
      ),
    /** The certificate authority: a private key and its certificate. */
    authority: path.default('/quantix/vdc/ca.pem'),
    /** The port for hosts' agents. */
    agents: z
      .strictObject({
        /** An address of this machine; `::` means all addresses, IPv4 included. */
        listen: z.union([z.ipv4(), z.ipv6()], 'is not an address').default('::'),
        /** 0 means any free port. */
        port: z.int().min(0).max(65535).default(NODE_PORT),
        /** Further origins at which the control plane is or will be reachable: hosts learn them in advance. */
        announce: z.array(origin).max(16).default([]),
      })
      .prefault({}),
    /** The port for people. */
    people: z
      .strictObject({
        /** An address of this machine; `::` means all addresses, IPv4 included. */
        listen: z.union([z.ipv4(), z.ipv6()], 'is not an address').default('::'),
        /** 0 means any free port. */
        port: z.int().min(0).max(65535).default(443),
      })
      .prefault({}),
    /** Updates for hosts: their source, and how many are kept. */
    updates: z
      .strictObject({
        /** Root of the tree to mirror; without it, files put into the folder by hand are served. */
        upstream: z
          .url({ protocol: /^https?$/, error: 'is not an address such as https://updates.example' })
          .transform((text) => text.replace(/\/+$/, ''))
          .optional(),
        folder: path.default('/data/updates'),
        keys: path.default('/usr/share/quantix/release-keys'),
        products: names.default(['quantix-os', 'qvdc']),
        channels: names.default(['stable']),
        architectures: names.default(['x86_64']),
        limitGiB: z.int().min(1).max(10_000).default(10),
      })
      .prefault({}),
    /** Backups, and the passphrase of automatic ones. */
    backup: z
      .strictObject({
        folder: path.default('/data/backup'),
        passphrase: path.default('/quantix/vdc/backup.passphrase'),
        /** Time of day, UTC. */
        at: z
          .string()
          .regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'is not a time such as "02:30"')
          .default('02:30'),
        /** Of each of this many latest days, and latest weeks, the last backup is kept. */
        days: z.int().min(1).max(1000).default(7),
        weeks: z.int().min(0).max(1000).default(4),
        /** Hours after which the last good backup is too old. */
        alertAfter: z.int().min(1).max(10_000).default(48),
      })
      .prefault({}),
    /** Retention of events: those beyond either limit are removed. */
    events: z
      .strictObject({
        most: z.int().min(1000).max(100_000_000).default(200_000),
        days: z.int().min(1).max(3650).default(30),
      })
      .prefault({}),
    /** Days for which tasks are kept after their end. */
    tasks: z.strictObject({ days: z.int().min(1).max(3650).default(90) }).prefault({}),
    /** Days for which entries of the audit log are kept. */
    audit: z.strictObject({ days: z.int().min(1).max(3650).default(365) }).prefault({}),
    /** Receivers of alerts. */
    alerts: z
      .strictObject({
        webhooks: z.array(webhook).max(16).default([]),
        syslog: z.array(syslog).max(16).default([]),
      })
      .prefault({})
      .refine(
        (alerts) => new Set(listReceivers(alerts)).size === listReceivers(alerts).length,
        'two receivers have one name',
      ),
    redis: z.strictObject({ socket: path.default('/run/redis/redis.sock') }).prefault({}),
    socket: path.default('/run/quantix-vdc/controlplane.sock'),
  })
  .prefault({});

export type Config = z.output<typeof configSchema>;

/** Returns the names of all receivers of alerts. */
export function listReceivers({
  webhooks,
  syslog: servers,
}: {
  webhooks: readonly { name: string }[];
  syslog: readonly { name: string }[];
}): string[] {
  return [...webhooks, ...servers].map(({ name }) => name);
}

/**
 * Reads the control plane's configuration; without a file, the defaults apply.
 * @throws ControlPlaneError naming the file and the wrong key or line; no part of a wrong file is used
 */
export async function readConfig(file: string): Promise<Config> {
  const text = await readIfThere(file);
  return await parseConfig(text ?? '', file);
}

/** Parses the text of a `config.yaml`; see `readConfig`. */
export async function parseConfig(text: string, file: string): Promise<Config> {
  const yaml = { text, file, Failure: ControlPlaneError };
  // The YAML parser is slow to load; an empty file does not need it.
  const content = text.trim() === '' ? undefined : readContent(await parseYaml(yaml), yaml);
  const parsed = configSchema.safeParse(content ?? {});
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const key = issue?.path.join('.') ?? '';
  throw new ControlPlaneError({
    what: issue?.message ?? 'not a configuration',
    where: key === '' ? file : `${file}, ${key}`,
    fix: 'Correct the file, or remove it to use the defaults.',
  });
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    if (getErrorCode(cause) === 'ENOENT') return undefined;
    const why = messageOf(cause);
    throw new ControlPlaneError({ what: `the configuration cannot be read: ${why}`, where: file });
  }
}
