import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { SEGMENT_GROUP } from '../../build/qemu/machine.ts';

/** Address of this host through which QEMU connects the machines of a segment. */
const LOOPBACK = '127.0.0.1';

/** Offsets in bytes: of IPv4 in an Ethernet frame, and of a message's address fields and options (RFC 2131, 2). */
const IP = 14;
const YOUR_ADDRESS = 16;
const HARDWARE_ADDRESS = 28;
const MAGIC = 236;
const OPTIONS = 240;

const UDP = 17;
const [SERVER_PORT, CLIENT_PORT] = [67, 68];

/** Options, and values of the message type (RFC 2132). */
const [SUBNET_MASK, LEASE_SECONDS, MESSAGE_TYPE, SERVER, END] = [1, 51, 53, 54, 255];
const [DISCOVER, OFFER, REQUEST, ACK] = [1, 2, 3, 5];

const bytesOf = (address: string) => address.split('.').map(Number);

/** A DHCP server of a /24 network on a segment, whose Ethernet frames QEMU sends as datagrams to a multicast group. */
export class DhcpServer implements AsyncDisposable {
  readonly #socket: Socket;
  readonly #port: number;
  /** Hardware address in hex → the address that it gets. */
  readonly #leases = new Map<string, string>();

  private constructor(socket: Socket, port: number) {
    this.#socket = socket;
    this.#port = port;
    socket.on('message', (frame) => this.#answer(frame));
  }

  /** @param port UDP port of the segment */
  static async open(port: number): Promise<DhcpServer> {
    const socket = createSocket({ type: 'udp4', reuseAddr: true });
    socket.bind(port, SEGMENT_GROUP);
    await once(socket, 'listening');
    socket.addMembership(SEGMENT_GROUP, LOOPBACK);
    socket.setMulticastInterface(LOOPBACK);
    return new DhcpServer(socket, port);
  }

  /** Sets the address that a card gets from now on. @param mac its hardware address */
  lease(mac: string, address: string): void {
    this.#leases.set(mac.replaceAll(':', ''), address);
  }

  #answer(frame: Buffer): void {
    const isUdp =
      frame.length > IP + 20 && frame.readUInt16BE(12) === 0x0800 && frame[IP + 9] === UDP;
    if (!isUdp) return;
    const udp = IP + ((frame[IP] ?? 0) & 15) * 4;
    const message = frame.subarray(udp + 8);
    if (message.length < OPTIONS || frame.readUInt16BE(udp + 2) !== SERVER_PORT) return;
    const mac = message.toString('hex', HARDWARE_ADDRESS, HARDWARE_ADDRESS + 6);
    const address = this.#leases.get(mac);
    const type = messageType(message);
    if (address === undefined || (type !== DISCOVER && type !== REQUEST)) return;
    const answer = answerTo(message, { address, type: type === DISCOVER ? OFFER : ACK });
    this.#socket.send(broadcast(answer), this.#port, SEGMENT_GROUP);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close();
    await once(this.#socket, 'close');
  }
}

function messageType(message: Buffer): number | undefined {
  for (let at = OPTIONS; at + 2 < message.length && message[at] !== END; ) {
    if (message[at] === MESSAGE_TYPE) return message[at + 2];
    at += message[at] === 0 ? 1 : 2 + (message[at + 1] ?? 0);
  }
  return undefined;
}

/** Returns the answer to a request. The server's address is .254, which nothing else uses. */
function answerTo(request: Buffer, { address, type }: { address: string; type: number }): Buffer {
  const answer = Buffer.alloc(OPTIONS);
  request.copy(answer, 0, 0, MAGIC + 4);
  answer[0] = 2;
  answer.set(bytesOf(address), YOUR_ADDRESS);
  const server = [...bytesOf(address).slice(0, 3), 254];
  const options = [
    ...[MESSAGE_TYPE, 1, type],
    ...[SERVER, 4, ...server],
    ...[LEASE_SECONDS, 4, 0, 0, 0x0e, 0x10],
    ...[SUBNET_MASK, 4, 255, 255, 255, 0],
    END,
  ];
  return Buffer.concat([answer, Buffer.from(options)]);
}

/** Returns an Ethernet frame that broadcasts a message of the server; UDP over IPv4 needs no checksum (RFC 768). */
function broadcast(message: Buffer): Buffer {
  const frame = Buffer.alloc(IP + 28);
  frame.fill(0xff, 0, 6);
  frame.set([0x52, 0x54, 0, 0x77, 0, 0xfe, 0x08, 0x00], 6);
  frame.set([0x45, 0, 0, 0, 0, 0, 0, 0, 64, UDP], IP);
  frame.writeUInt16BE(28 + message.length, IP + 2);
  frame.fill(0xff, IP + 16, IP + 20);
  frame.writeUInt16BE(checksum(frame.subarray(IP, IP + 20)), IP + 10);
  frame.writeUInt16BE(SERVER_PORT, IP + 20);
  frame.writeUInt16BE(CLIENT_PORT, IP + 22);
  frame.writeUInt16BE(8 + message.length, IP + 24);
  return Buffer.concat([frame, message]);
}

/** Checksum of an IPv4 header whose own field is 0 (RFC 791). */
function checksum(header: Buffer): number {
  let sum = 0;
  for (let at = 0; at < header.length; at += 2) sum += header.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return ~sum & 0xffff;
}
