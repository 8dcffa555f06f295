/*
 * How a host finds its control plane if the latter does not answer at any known address: the host sends the fingerprint
 * of the control plane's authority to the LAN by UDP multicast, and a control plane of that authority answers to the
 * sender. The host then tries to connect with TLS to the sender of the answer, at the port in it; the answer itself is
 * never trusted. Question and answer have the same length, so that a forged question cannot be used for amplification.
 *
 *   0   4  `QXVD`
 *   4   1  version: 1
 *   5   1  1 question, 2 answer
 *   6   2  port for agents; 0 in a question
 *   8   8  random number of the question; an answer repeats it
 *  16  32  SHA-256 of the DER of the authority's certificate
 *
 * Numbers are big-endian. Datagrams of another length or with other values are ignored.
 */

/**
 * Destination of questions: a group that routers do not forward out of the site (RFC 2365), with a time to live of 1.
 */
export const LAN_GROUP = '239.255.81.88';
/** UDP port that both sides send from and listen on: firewalls accept datagrams from it and to it. */
export const LAN_PORT = 9444;

const LENGTH = 48;
const MAGIC = 'QXVD';
const VERSION = 1;
const KINDS = { question: 1, answer: 2 } as const;

export interface LanDatagram {
  readonly kind: keyof typeof KINDS;
  /** 16 hex digits. */
  readonly number: string;
  /** SHA-256 of the authority's certificate, in lower case hex. */
  readonly fingerprint: string;
  /** 1 to 65535 in an answer, 0 in a question. */
  readonly port: number;
}

/** Encodes a datagram. */
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

/** Parses an untrusted datagram. @returns `undefined` if it is invalid */
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
