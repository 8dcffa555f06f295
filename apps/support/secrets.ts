import type { Dirent } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../error.ts';
import { getErrorCode } from '../process/code-of.ts';
import { MOUNT_POINTS } from './stick-mount.ts';

/** Replaces a secret in a bundle. */
export const REMOVED = '<removed>';

/** Names of values that are secret: `wpa_psk`, `node.session.auth.password`, `joinToken`. */
const NAME = String.raw`[\w.-]{0,40}(?:pass(?:wor[dt]|wd|phrase)?|psk|secret|token|credential|priv(?:ate)?_?-?key|wep_?key\d?|api_?-?key|cookie|authorization)[\w.-]{0,40}`;

/** A name at the beginning of a line, with the rest of the line as its value: settings files. */
const SETTING = new RegExp(
  String.raw`^(?<before>[ \t]*(?:- |export |#[ \t]*)?["']?${NAME}["']?[ \t]*[:=][ \t]*)(?<value>\S.*)$`,
  'gim',
);

/** A name and a value within a line: JSON, arguments, XML, URLs. */
const WITHIN: readonly RegExp[] = [
  new RegExp(
    String.raw`(?<before>(?:--?|\b)["']?${NAME}["']?[ \t]*[:=][ \t]*)(?<value>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|[^\s"',;&}<>]+)`,
    'gi',
  ),
  new RegExp(String.raw`(?<before>--${NAME}[ \t]+)(?<value>[^\s-]\S*)`, 'gi'),
  new RegExp(String.raw`(?<before><(?:\w+:)?${NAME}(?:\s[^<>]*)?>)(?<value>[^<>]+)(?=<)`, 'gi'),
  /(?<before>\b(?:bearer|basic)\s+)(?<value>[A-Za-z0-9._~+/=-]{8,})/gi,
  // User and password in a URL.
  /(?<before>\b[a-z][a-z0-9+.-]{0,20}:\/\/)(?<value>[^\s/@"'<>:]{0,128}:[^\s/@"'<>]{0,256})(?=@)/gi,
  // QEMU objects that contain a secret.
  /(?<before>"qom-type"\s*:\s*"secret"[^{}\n]{0,400}?"data"\s*:\s*)(?<value>"[^"\n]*")/g,
  /(?<before>\bsecret,\S{0,400}?\bdata=)(?<value>[^\s,]+)/g,
];

/** Private keys in PEM, also without their end; a key may be on one line, with its line feeds written as `\n`. */
const PEM =
  /(?<before>-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----)(?<value>(?:(?:Proc-Type|DEK-Info):[^\n]*\n|[A-Za-z0-9+/=\s]|\\n)*)(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----)?/g;
/** Hashes of passwords (crypt(5)), also in `NAME:HASH` files. */
const HASH = /\$(?:[0-9][a-z]?|y|gy|sha1|argon2\w*|pbkdf2\w*|bcrypt)\$[^\s:"'<>]{8,}/g;
const SCRAM = /SCRAM-SHA-\d+\$\S+/g;
/** Join tokens of hosts, and JSON web tokens. */
const TOKEN = /\bqxj1\.[\w.-]+|\beyJ[\w-]{8,2048}\.[\w-]{1,8192}\.[\w-]+/g;

/** Least length of a value that is searched for in other texts: a shorter one would be found everywhere. */
const LEAST = 8;

/**
 * Replaces in a text everything that is, or looks like, a secret.
 * @param known secrets of this machine, replaced wherever they occur
 */
export function hideSecrets(text: string, known: readonly string[] = []): string {
  let hidden = text;
  for (const secret of known) hidden = hidden.replaceAll(secret, REMOVED);
  hidden = hidden.replaceAll(PEM, `$<before>${REMOVED}`);
  for (const pattern of [HASH, SCRAM, TOKEN]) hidden = hidden.replaceAll(pattern, REMOVED);
  for (const pattern of [...WITHIN, SETTING]) {
    hidden = hidden.replaceAll(pattern, `$<before>${REMOVED}`);
  }
  return hidden;
}

/**
 * Finds the secrets in a file, by their names and by their form. Comments are ignored: their example values occur
 * everywhere and are not secret.
 */
export function findSecrets(file: string): string[] {
  const text = file.replaceAll(/^[ \t]*#.*$/gm, '');
  const found: string[] = [];
  for (const { groups } of text.matchAll(PEM)) {
    found.push(...(groups?.value ?? '').split(/\s+|\\n/));
  }
  for (const pattern of [HASH, SCRAM, TOKEN]) {
    found.push(...[...text.matchAll(pattern)].map(([value]) => value));
  }
  for (const pattern of [SETTING, ...WITHIN]) {
    for (const { groups } of text.matchAll(pattern)) {
      found.push(...spellings(groups?.value ?? ''));
    }
  }
  return found.filter((value) => value.trim().length >= LEAST && value !== REMOVED);
}

/** Returns a value without the quotation marks around it, if it has any. */
function spellings(value: string): string[] {
  const whole = value.trim();
  const bare = /^(["'])(.*)\1[,;]?$/.exec(whole)?.[2];
  return bare === undefined ? [whole] : [bare];
}

/** Folders and files in which an appliance stores secrets. */
const PLACES = [
  'quantix',
  'etc/quantix',
  'etc/shadow',
  'etc/ssh',
  'etc/iscsi',
  'var/lib/iscsi',
  'etc/libvirt/qemu',
  'etc/libvirt/storage',
  'run/quantix',
  'run/wpa_supplicant',
] as const;
/** Files whose whole content is secret: libvirt's secrets, in base64, and key files in formats other than PEM. */
const SECRET_FILES = /(^|\/)(etc\/libvirt\/secrets\/.*\.base64|[^/]*\.(key|p12|pfx|jks))$/;

/** Largest file that is searched, in bytes: configuration files are smaller. */
const MOST = 1024 * 1024;
/** Depth of nested folders. */
const DEPTH = 6;

/** The secrets of this machine. */
export interface Secrets {
  /** Longest first, so that they can be replaced wherever they occur. */
  readonly secrets: readonly string[];
  /** Files and folders that could not be read, with the reason, one line each: what is secret in them is not known. */
  readonly unread: readonly string[];
}

/**
 * Reads the secrets that are stored on this machine.
 * @param root folder that contains the machine's file system
 */
export async function readSecrets(root = '/'): Promise<Secrets> {
  const secrets = new Set<string>();
  const unread: string[] = [];
  const search = {
    root,
    onUnread: (path: string, error: unknown) => void unread.push(`${path}: ${messageOf(error)}`),
  };
  for (const place of [...PLACES, 'etc/libvirt/secrets']) {
    for await (const { path, text } of textsOf(search, place, DEPTH)) {
      for (const secret of findSecrets(text)) secrets.add(secret);
      if (!SECRET_FILES.test(path)) continue;
      for (const word of text.split(/\s+/)) if (word.length >= LEAST) secrets.add(word);
    }
  }
  const longestFirst = [...secrets].sort((a, b) => b.length - a.length || (a < b ? -1 : 1));
  return { secrets: longestFirst, unread };
}

/** A search for texts in the files below a folder. */
interface Search {
  readonly root: string;
  /** Called for a file or folder that cannot be read. */
  readonly onUnread: (path: string, error: unknown) => void;
}

async function* textsOf(
  search: Search,
  path: string,
  depth: number,
): AsyncGenerator<{ path: string; text: string }> {
  const { root, onUnread } = search;
  // A stick, such as the one to which the bundle is written, does not belong to this machine.
  if (join('/', path) === MOUNT_POINTS) return;
  let found: { text: string | undefined } | readonly Dirent[];
  try {
    const names = await namesIn(join(root, path));
    found = names === 'file' ? { text: await readSmall(join(root, path)) } : names;
  } catch (error) {
    onUnread(path, error);
    return;
  }
  if ('text' in found) {
    if (found.text !== undefined) yield { path, text: found.text };
    return;
  }
  if (depth === 0) return;
  for (const entry of found) {
    if (entry.isDirectory() || entry.isFile()) {
      yield* textsOf(search, join(path, entry.name), depth - 1);
    }
  }
}

/** Reads a file; returns `undefined` if it is too large, or was removed after its folder was listed. */
async function readSmall(path: string): Promise<string | undefined> {
  try {
    await using file = await open(path);
    const { size } = await file.stat();
    return size <= MOST ? await file.readFile('utf8') : undefined;
  } catch (error) {
    if (getErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function namesIn(path: string): Promise<readonly Dirent[] | 'file'> {
  try {
    return await readdir(path, { withFileTypes: true });
  } catch (error) {
    if (getErrorCode(error) === 'ENOTDIR') return 'file';
    if (getErrorCode(error) === 'ENOENT') return [];
    throw error;
  }
}
