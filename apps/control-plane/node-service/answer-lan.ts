import { createSocket, type Socket } from 'node:dgram';
import { isIPv4 } from 'node:net';
import { networkInterfaces } from 'node:os';
import { messageOf } from '../../error.ts';
import { getErrorCode } from '../../process/code-of.ts';
import {
  formatLanDatagram,
  LAN_GROUP,
  LAN_PORT,
  parseLanDatagram,
} from '../../proto/lan-datagram.ts';

/** Answers per second; further requests get no answer, and their senders ask again. */
const MOST_A_SECOND = 50;

export interface LanAnswers {
  /** SHA-256 of the authority's certificate, in lower case hex. */
  readonly fingerprint: string;
  /** The port for agents. */
  readonly port: number;
  /** Receives a line for the log if the socket fails. */
  readonly onProblem: (line: string) => void;
  /** The UDP port; the protocol's port by default. */
  readonly lanPort?: number;
}

/** Answers hosts that search the LAN for the control plane of their authority; see `lan-datagram.ts`. */
export class LanAnswerer {
  readonly #socket: Socket;
  readonly #joined = new Set<string>();
  #isBound = false;
  #left = MOST_A_SECOND;
  #second = 0;

  constructor({ fingerprint, port, onProblem, lanPort = LAN_PORT }: LanAnswers) {
    const socket = createSocket({ type: 'udp4', reuseAddr: true });
    this.#socket = socket;
    socket.on('error', (error) =>
      onProblem(`hosts that look for this control plane are not heard: ${messageOf(error)}`),
    );
    socket.on('message', (bytes, from) => {
      // Anybody can send with port 0, to which no answer can be sent: `send` would throw.
      if (from.port === 0) return;
      const datagram = parseLanDatagram(bytes);
      if (datagram?.kind !== 'question' || datagram.fingerprint !== fingerprint || !this.#may())
        return;
      const answer = formatLanDatagram({ ...datagram, kind: 'answer', port });
      socket.send(answer, from.port, from.address, () => undefined);
    });
    socket.bind(lanPort, () => {
      this.#isBound = true;
      this.look();
    });
  }

  /** Joins the multicast group on the networks that exist now; call it every few seconds. */
  look(): void {
    // A socket that joins a group before it is bound would be bound to a random port.
    if (!this.#isBound) return;
    const present = Object.values(networkInterfaces())
      .flatMap((infos = []) => infos)
      .map(({ address }) => address)
      .filter((address) => isIPv4(address));
    for (const address of this.#joined)
      if (!present.includes(address)) this.#joined.delete(address);
    for (const address of present) {
      if (!this.#joined.has(address) && this.#join(address)) this.#joined.add(address);
    }
  }

  close(): void {
    this.#socket.close();
  }

  /** @returns whether this socket is a member of the group on the network of an address */
  #join(address: string): boolean {
    try {
      this.#socket.addMembership(LAN_GROUP, address);
      return true;
    } catch (error) {
      // The address disappeared and came back, and the kernel still has the membership. After any other failure, such as
      // of an interface that is not ready yet, or a lack of memory, the next look tries again.
      return getErrorCode(error) === 'EADDRINUSE';
    }
  }

  #may(): boolean {
    const second = Math.floor(performance.now() / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#left = MOST_A_SECOND;
    }
    this.#left -= 1;
    return this.#left >= 0;
  }
}
