/*
 * How a host finds its control plane again where no address that it knows answers: it asks its LAN by UDP multicast for
 * the fingerprint of its authority, and whoever serves agents under that authority answers to where the question came
 * from. An answer is a hint of where to try TLS, never trust. Question and answer are of one length, so that nobody makes
 * more traffic of a forged question than it costs.
 *
 *   0   4  `QXVD`
 *   4   1  version: 1
 *   5   1  1 question, 2 answer
 *   6   2  port of the door for agents; 0 in a question
 *   8   8  number of the question, at random; an answer has that of its question
 *  16  32  SHA-256 of the DER of the authority's certificate
 *
 * Numbers are big-endian. What is of another length, or has anything else in it, is none of these.
 */

/** Where questions go: a group that no router lets out of the site (RFC 2365), with a time to live of 1. */
export const LAN_GROUP = '239.255.81.88';
/** The port of UDP that both sides send from and listen at: firewalls let in what is from it and to it. */
export const LAN_PORT = 9444;

const LENGTH = 48;
const MAGIC = 'QXVD';
const VERSION = 1;
const KINDS = { question: 1, answer: 2 } as const;

export interface LanDatagram {
  readonly kind: keyof typeof KINDS;
  /** 16 hex digits. */
  readonly number: string;
  /** SHA-256 of the authority, lower case hex. */
  readonly fingerprint: string;
  /** Of an answer 1 to 65535, of a question 0. */
  readonly port: number;
}

/** Writes a datagram. */
export function formatLanDatagram({ kind, number, fingerprint, port }: LanDatagram): Buffer {
  const bytes = Buffer.alloc(LENGTH);
  bytes.write(MAGIC, 0, 'latin1');
  bytes.writeUInt8(VERSION, 4);
  bytes.writeUInt8(KINDS[kind], 5);
  bytes.writeUInt16BE(port, 6);
  bytes.write(number, 8, 'hex');
  bytes.write(fingerprint, 16, 'hex');
  return bytes;
}

/** Reads a datagram that anybody may have sent. @returns `undefined` if it is none of these */
export function parseLanDatagram(bytes: Buffer): LanDatagram | undefined {
  if (bytes.length !== LENGTH || bytes.toString('latin1', 0, 4) !== MAGIC) return undefined;
  if (bytes.readUInt8(4) !== VERSION) return undefined;
  const code = bytes.readUInt8(5);
  const kind = code === KINDS.question ? 'question' : code === KINDS.answer ? 'answer' : undefined;
  const port = bytes.readUInt16BE(6);
  if (kind === undefined || (kind === 'question') !== (port === 0)) return undefined;
  return {
    kind,
    port,
    number: bytes.toString('hex', 8, 16),
    fingerprint: bytes.toString('hex', 16),
  };
}
