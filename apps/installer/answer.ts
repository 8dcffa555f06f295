import { type Document, isMap, isNode, isScalar } from 'yaml';
import * as z from 'zod';
import { parseYaml, readContent } from '../files/yaml.ts';
import { parsePublicKey } from '../services/public-key.ts';
import { InstallError } from './error.ts';

/** Largest answer file, in bytes. */
export const GREATEST_ANSWER = 256 * 1024;

const UNITS: Readonly<Record<string, number>> = {
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  TiB: 1024 ** 4,
};

/** A size such as `100 GiB`, or a whole number of bytes. */
const sizeSchema = z.union([z.int().min(1), z.string()]).transform((size, context) => {
  if (typeof size === 'number') return size;
  const [, digits, unit = ''] = /^([1-9]\d{0,8}) ?(MiB|GiB|TiB)$/.exec(size) ?? [];
  const bytes = Number(digits) * (UNITS[unit] ?? Number.NaN);
  if (Number.isSafeInteger(bytes)) return bytes;
  context.addIssue({ code: 'custom', message: 'is not a size such as 100 GiB' });
  return z.NEVER;
});

const name = z.string().min(1).max(256);

/** Criteria that choose a disk: all given ones must match. */
const diskSchema = z
  .strictObject({
    serial: name.optional(),
    /** World-wide name: `naa.5000c500…`, `eui.…`, `t10.…`, with or without `0x`. */
    wwn: name.optional(),
    path: z
      .string()
      .regex(/^\/dev\/[\w!/:.+-]{1,200}$/, 'is not the path of a device')
      .optional(),
    /** Model as the installer shows it; `*` matches any characters. */
    model: name.optional(),
    'min-size': sizeSchema.optional(),
    /** What happens if several disks match: `one` refuses, `smallest` chooses the smallest. */
    pick: z.enum(['one', 'smallest']).default('one'),
  })
  .refine(
    (disk) => [disk.serial, disk.wwn, disk.path, disk.model].some((one) => one !== undefined),
    { error: 'names no disk: serial, wwn, path or model is missing' },
  );

const passwordHash = z
  .string()
  .regex(/^\$6\$[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{86}$/, 'is not a hash of `openssl passwd -6`');

const publicKey = z
  .string()
  .max(16_384)
  .refine((line) => parsePublicKey(line) !== null, { error: 'is not a public key of OpenSSH' });

/** One line of a network configuration in the format of `qx-network`. */
const networkValue = z
  .union([z.string().regex(/^[^\0\r\n]{0,512}$/, 'is more than a line'), z.int()])
  .transform(String);

const networkSchema = z.record(
  z
    .string()
    .regex(
      /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,14}$/,
      'is neither the name of an interface nor `static`, which is the first one',
    ),
  z.record(
    z.string().regex(/^[A-Z][A-Z0-9_]{0,31}$/, 'is not a key of docs/network.md'),
    networkValue,
  ),
);

const joinSchema = z.strictObject({
  'control-plane': z
    .string()
    .regex(/^https:\/\/[^/?#@\\\s]+\/?$/, 'is not an address such as https://qvdc.example'),
  token: z.string().regex(/^qxj1\.[A-Za-z0-9_-]{16,128}\.[0-9A-Fa-f]{64}$/, 'is not a join token'),
});

/** The initial configuration of the installed system. */
const configurationSchema = z.strictObject({
  hostname: z
    .string()
    .regex(/^[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?$/, 'is not a host name')
    .optional(),
  'password-hash': passwordHash.optional(),
  'ssh-keys': z.array(publicKey).max(100).optional(),
  /** Whether SSH is started at boot. */
  ssh: z.boolean().optional(),
  network: networkSchema.optional(),
  join: joinSchema.optional(),
});

const answerSchema = z.strictObject({
  disk: diskSchema,
  /** Serial number of the disk, or its path if it has none: the permission to destroy its content. */
  erase: name.optional(),
  /** Whether a reinstallation keeps configuration and data. */
  'keep-data': z.boolean().default(true),
  /** Size of the data partition: the rest of the disk, none, or bytes. */
  data: z.union([z.enum(['rest', 'none']), sizeSchema]).default('rest'),
  /** Whether to take over the configuration of the installing system. */
  'carry-over': z.boolean().default(true),
  configuration: configurationSchema.default({}),
  /** Address to send the report to. */
  report: z.url({ protocol: /^https?$/, error: 'is not an address of the web' }).optional(),
  /** What to do after success. */
  afterwards: z.enum(['restart', 'power-off', 'stay']).optional(),
});

/** The content of an answer file. */
export type Answer = z.infer<typeof answerSchema>;

/** The criteria by which an answer chooses a disk. */
export type DiskChoice = Answer['disk'];

/** An answer's configuration of the installed system. */
export type Configuration = Answer['configuration'];

/** Returns an answer with a chosen disk and defaults for everything else. */
export function answerFor(disk: DiskChoice): Answer {
  return answerSchema.parse({ disk });
}

/**
 * Parses an answer file.
 * @param file its name for people
 * @throws InstallError with the file, the line and the column of the first mistake, and its key
 */
export async function parseAnswer(text: string, file: string): Promise<Answer> {
  if (Buffer.byteLength(text) > GREATEST_ANSWER) {
    throw new InstallError({ what: `it has more than ${GREATEST_ANSWER} bytes`, where: file });
  }
  const yaml = { text, file, Failure: InstallError };
  const document = await parseYaml(yaml);
  const parsed = answerSchema.safeParse(readContent(document, yaml) ?? {});
  if (parsed.success) return parsed.data;
  const [issue] = [...parsed.error.issues].map(innermost).sort(byPlace(document));
  if (issue === undefined) throw new InstallError({ what: 'not an answer file', where: file });
  const unknown = issue.code === 'unrecognized_keys' ? issue.keys[0] : undefined;
  const path = unknown === undefined ? issue.path : [...issue.path, unknown];
  const key = path.map(String).join('.');
  const what =
    unknown === undefined
      ? `${key === '' ? 'the file' : key} ${wording(issue)}`
      : `${key} is unknown`;
  throw new InstallError({ what, where: placeOf({ document, text, file }, path) });
}

type Issue = z.core.$ZodIssue;

/**
 * Returns the innermost issue. For a union, this is the issue of its last member, which describes the expected form.
 */
function innermost(issue: Issue): Issue {
  if (issue.code === 'invalid_key')
    return { ...issue, message: issue.issues[0]?.message ?? issue.message };
  if (issue.code !== 'invalid_union') return issue;
  const inner = issue.errors.at(-1)?.[0];
  if (inner === undefined) return issue;
  return innermost({ ...inner, path: [...issue.path, ...inner.path] });
}

/**
 * Returns an issue's message as a clause that follows the key, such as `is not a host name`. Zod's own messages do not
 * have this form.
 */
function wording({ code, message, ...issue }: Issue): string {
  // YAML 1.2 parses unquoted digits as a number, which loses leading zeros, and `no` as a string, not as a boolean.
  const expected = code === 'invalid_type' && 'expected' in issue ? issue.expected : undefined;
  if (expected === 'boolean') return 'is neither true nor false';
  if (expected === 'string') return 'is not text: write it in quotation marks';
  return /^(is|names|has) /.test(message) ? message : `is wrong: ${message}`;
}

function byPlace(document: Document.Parsed): (one: Issue, other: Issue) => number {
  return (one, other) => offsetOf(document, one.path) - offsetOf(document, other.path);
}

/** Returns the offset in the text of a key, or of the mapping that lacks it. */
function offsetOf(document: Document.Parsed, path: readonly PropertyKey[]): number {
  const keys = path.map((key) => (typeof key === 'symbol' ? String(key) : key));
  for (let length = keys.length; length > 0; length -= 1) {
    const parent = document.getIn(keys.slice(0, length - 1), true) ?? document.contents;
    const last = keys[length - 1];
    if (isMap(parent)) {
      const pair = parent.items.find(
        ({ key }) => isScalar(key) && String(key.value) === String(last),
      );
      if (pair !== undefined && isNode(pair.key)) return pair.key.range?.[0] ?? 0;
    }
    const node = document.getIn(keys.slice(0, length), true);
    if (isNode(node)) return node.range?.[0] ?? 0;
  }
  return 0;
}

function placeOf(
  { document, text, file }: { document: Document.Parsed; text: string; file: string },
  path: readonly PropertyKey[],
): string {
  const before = text.slice(0, offsetOf(document, path)).split('\n');
  return `${file}, line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`;
}
