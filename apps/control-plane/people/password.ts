import { argon2, randomBytes, randomInt, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import pLimit from 'p-limit';
import { ApiError } from '../../http/error.ts';

const derive = promisify(argon2);

/** Cost of a new hash: KiB of memory, passes, lanes. A log-in takes a tenth of a second of one processor. */
const COST = { memory: 47_104, passes: 2, parallelism: 1 } as const;

const SALT_BYTES = 16;
const TAG_BYTES = 32;

/** Largest cost of a stored hash that is accepted: no row can exhaust memory or processor. */
const MOST = { memory: 1024 * 1024, passes: 16, parallelism: 8 };

/** Maximum numbers of hashes that are computed at the same time, each with its memory, and of hashes that wait. */
const AT_ONCE = 2;
const WAITING = 16;
const limit = pLimit(AT_ONCE);

/** Shortest and longest password, in characters. */
export const SHORTEST_PASSWORD = 8;
export const LONGEST_PASSWORD = 256;

/** PHC string of Argon2id (https://github.com/P-H-C/phc-string-format), in base64 without padding. */
const PHC =
  /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,3}),p=(\d{1,2})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/;

interface Cost {
  readonly memory: number;
  readonly passes: number;
  readonly parallelism: number;
}

/**
 * Hashes a password by Argon2id (RFC 9106).
 * @returns its PHC string
 * @throws ApiError 503 if too many are being hashed
 */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const tag = await hash(password, { salt, cost: COST, tagBytes: TAG_BYTES });
  const { memory, passes, parallelism } = COST;
  const numbers = `m=${memory},t=${passes},p=${parallelism}`;
  return `$argon2id$v=19$${numbers}$${unpadded(salt)}$${unpadded(tag)}`;
}

/** The result of a password check. */
export interface PasswordVerdict {
  readonly isRight: boolean;
  /** Whether its hash has another cost than a new one and should be replaced. */
  readonly isOutdated: boolean;
}

/**
 * Compares a password with its stored hash. If there is none, for example because the account does not exist, the
 * password is hashed all the same, so that the answer takes the same time.
 * @param kept the stored hash as a PHC string, if there is one
 * @throws ApiError 503 if too many are being hashed
 */
export async function checkPassword(
  password: string,
  kept: string | null | undefined,
): Promise<PasswordVerdict> {
  const known = parsePhc(kept ?? '');
  const { cost, salt, tag } = known ?? {
    ...{ cost: COST, salt: Buffer.alloc(SALT_BYTES), tag: Buffer.alloc(TAG_BYTES) },
  };
  const given = await hash(password, { salt, cost, tagBytes: tag.length });
  const isRight = timingSafeEqual(given, tag) && known !== undefined;
  const isOutdated = cost.memory !== COST.memory || cost.passes !== COST.passes;
  return { isRight, isOutdated };
}

/**
 * Generates a password of almost 100 random bits, in groups that are easy to read and type, without easily confused
 * letters.
 */
export function drawPassword(): string {
  const letters = 'abcdefghjkmnpqrstuvwxyz23456789';
  const group = () => Array.from({ length: 5 }, () => letters[randomInt(letters.length)]).join('');
  return Array.from({ length: 4 }, group).join('-');
}

async function hash(
  password: string,
  { salt, cost, tagBytes }: { salt: Buffer; cost: Cost; tagBytes: number },
): Promise<Buffer> {
  if (limit.pendingCount >= WAITING) {
    throw new ApiError(503, 'too many log in at the same time', {
      fix: 'Try again in a moment.',
      headers: { 'retry-after': '2' },
    });
  }
  // Keyboards compose characters differently; normalize as in RFC 8265, 4.2.2.
  const message = Buffer.from(password.normalize('NFC'), 'utf8');
  const parameters = { message, nonce: salt, tagLength: tagBytes, ...cost };
  return await limit(() => derive('argon2id', parameters));
}

function parsePhc(text: string): { cost: Cost; salt: Buffer; tag: Buffer } | undefined {
  const [, memory, passes, parallelism, salt = '', tag = ''] = PHC.exec(text) ?? [];
  const cost = {
    memory: Number(memory),
    passes: Number(passes),
    parallelism: Number(parallelism),
  };
  const bytes = { salt: Buffer.from(salt, 'base64'), tag: Buffer.from(tag, 'base64') };
  const isPossible =
    cost.passes >= 1 &&
    cost.passes <= MOST.passes &&
    cost.parallelism >= 1 &&
    cost.parallelism <= MOST.parallelism &&
    cost.memory >= 8 * cost.parallelism &&
    cost.memory <= MOST.memory &&
    bytes.salt.length >= 8 &&
    bytes.tag.length >= 16;
  return isPossible ? { cost, ...bytes } : undefined;
}

function unpadded(bytes: Buffer): string {
  return bytes.toString('base64').replaceAll('=', '');
}
