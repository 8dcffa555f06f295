import type { KeyObject } from 'node:crypto';
import { connect } from 'node:net';
import { ExplainedError } from '../explained-error.ts';
import { computeKeyId } from './keys.ts';
import type { Signer } from './signer.ts';
import {
  encodeSshKey,
  formatSshKeyLine,
  readSshKey,
  readSshSignatureBlob,
  SSH_ED25519,
} from './ssh-key.ts';
import { encodeSshNumber, encodeSshString, SshReader } from './ssh-wire.ts';

// The protocol of SSH agents, draft-miller-ssh-agent: a message is its length (32 bits), its type (one byte), and
// content.

/** Message types. */
const FAILURE = 5;
const REQUEST_IDENTITIES = 11;
const IDENTITIES_ANSWER = 12;
const SIGN_REQUEST = 13;
const SIGN_RESPONSE = 14;

/** Longest reply that is read, in bytes: OpenSSH's limit. */
const LONGEST_REPLY = 256 * 1024;

/** Milliseconds within which an agent must reply; its owner may have to confirm first, or to touch a hardware key. */
const PATIENCE = 60_000;

/** Name of the agent in errors. */
const NAME = 'ssh-agent';

/** A key of an agent. */
export interface AgentIdentity {
  /** Ed25519 public key. */
  key: KeyObject;
  /** Comment of the key. */
  comment: string;
}

/** Address of an agent, and the choice of its key. */
export interface AgentOptions {
  /** Path of its socket: `SSH_AUTH_SOCK`. */
  socket: string | undefined;
  /** Public key to use; if absent, the agent must have exactly one Ed25519 key. */
  key: KeyObject | undefined;
  signal: AbortSignal;
  /** Milliseconds within which it must reply; a minute if absent. */
  patience?: number;
}

/**
 * Makes a signer from an SSH agent with an Ed25519 key.
 * @throws ExplainedError if there is no agent, it does not have the key, or the choice of key is ambiguous
 */
export async function makeAgentSigner({
  socket,
  key,
  signal,
  patience = PATIENCE,
}: AgentOptions): Promise<Signer> {
  if (socket === undefined || socket === '') {
    throw new ExplainedError({
      what: 'there is no ssh-agent: SSH_AUTH_SOCK is not set',
      fix: 'Start one and add the key: eval "$(ssh-agent)" && ssh-add FILE.',
    });
  }
  const ask = (kind: number, ...parts: Uint8Array[]) =>
    request(socket, Buffer.concat([Buffer.of(kind), ...parts]), { signal, patience });
  const { identities, others } = readIdentities(await ask(REQUEST_IDENTITIES), NAME);
  const chosen = choose(identities, others, key);
  return {
    name: NAME,
    key: chosen,
    sign: async (bytes) => {
      const parts = [
        encodeSshString(encodeSshKey(chosen)),
        encodeSshString(bytes),
        encodeSshNumber(0),
      ];
      return readAgentSignature(await ask(SIGN_REQUEST, ...parts), NAME);
    },
  };
}

/**
 * Parses an agent's list of keys.
 * @param where the agent, for errors
 * @returns the Ed25519 keys, and the number of other keys
 * @throws ExplainedError if the reply is malformed
 */
export function readIdentities(
  message: Uint8Array,
  where: string,
): { identities: AgentIdentity[]; others: number } {
  const reader = new SshReader(message, where);
  expectKind(reader.byte(), IDENTITIES_ANSWER, where);
  const identities: AgentIdentity[] = [];
  let others = 0;
  for (let left = reader.number(); left > 0; left -= 1) {
    const bytes = reader.string();
    const comment = reader.text();
    if (new SshReader(bytes, where).text() === SSH_ED25519) {
      identities.push({ key: readSshKey(bytes, where), comment });
    } else {
      others += 1;
    }
  }
  reader.end();
  return { identities, others };
}

/**
 * Parses an agent's signature.
 * @param where the agent, for errors
 * @returns 64 bytes, not verified
 * @throws ExplainedError if the reply is malformed
 */
export function readAgentSignature(message: Uint8Array, where: string): Buffer {
  const reader = new SshReader(message, where);
  expectKind(reader.byte(), SIGN_RESPONSE, where);
  const signature = readSshSignatureBlob(reader.string(), where);
  reader.end();
  return signature;
}

function expectKind(kind: number, expected: number, where: string): void {
  if (kind === expected) return;
  const signing = expected === SIGN_RESPONSE;
  throw new ExplainedError({
    what: kind !== FAILURE ? `it answers with a message of kind ${kind}` : 'it refuses',
    where,
    fix: signing
      ? 'Its owner may have said no, or it may be locked: ssh-add -l shows what it has.'
      : 'ssh-add -l shows whether it works and what it has.',
  });
}

function choose(
  identities: readonly AgentIdentity[],
  others: number,
  key: KeyObject | undefined,
): KeyObject {
  const [only, ...more] = identities.filter((one) => key === undefined || one.key.equals(key));
  if (only !== undefined && more.length === 0) return only.key;
  const has = identities.map(
    (one) => `${formatSshKeyLine(one.key)} ${JSON.stringify(one.comment)}`,
  );
  if (others > 0) has.push(`${others} of other kinds than ${SSH_ED25519}`);
  const having = `it has ${has.length === 0 ? 'none' : has.join(', ')}`;
  if (key !== undefined) {
    throw new ExplainedError({
      what: `the key ${computeKeyId(key).slice(0, 16)} is not in the agent: ${having}`,
      where: NAME,
      fix: 'Add it: ssh-add FILE.',
    });
  }
  throw new ExplainedError({
    what: `which key of the agent signs is not clear: ${having}`,
    where: NAME,
    fix: 'Name its public key: --public-key FILE.',
  });
}

/** Sends a message to an agent. @returns its reply, without the length */
async function request(
  socket: string,
  message: Uint8Array,
  { signal, patience }: { signal: AbortSignal; patience: number },
): Promise<Buffer> {
  const waiting = AbortSignal.any([signal, AbortSignal.timeout(patience)]);
  const connection = connect({ path: socket, signal: waiting });
  try {
    connection.write(encodeSshString(message));
    let got = Buffer.alloc(0);
    for await (const piece of connection) {
      got = Buffer.concat([got, piece]);
      const length = got.length < 4 ? 0 : got.readUInt32BE();
      if (length > LONGEST_REPLY) throw broken(`its reply would have ${length} bytes`);
      if (got.length >= 4 + length && got.length >= 4) return got.subarray(4, 4 + length);
    }
    throw broken('it ends the connection without a reply');
  } catch (cause) {
    signal.throwIfAborted();
    if (cause instanceof ExplainedError) throw cause;
    if (waiting.aborted) throw broken(`it does not reply within ${patience / 1000} seconds`, cause);
    throw broken(`it cannot be reached at ${socket}`, cause);
  } finally {
    connection.destroy();
  }
}

function broken(what: string, cause?: unknown): ExplainedError {
  return new ExplainedError({
    ...{ what, where: NAME, cause },
    fix: 'ssh-add -l shows whether it works.',
  });
}
