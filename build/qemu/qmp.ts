import type { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { BuildError } from '../error.ts';

const messageSchema = z.union([
  z.object({ QMP: z.object({}).loose() }),
  z.object({ event: z.string() }),
  z.object({ return: z.unknown(), id: z.number().optional() }),
  z.object({ error: z.object({ desc: z.string() }), id: z.number().optional() }),
]);

/** A client of the QEMU Machine Protocol (docs/interop/qmp-spec of QEMU): one JSON object per line. */
export class Qmp implements Disposable {
  readonly #socket: Socket;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  readonly #greeted = Promise.withResolvers<void>();
  readonly #events = new Map<string, PromiseWithResolvers<void>>();
  #lastId = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#greeted.promise.catch(() => undefined);
    createInterface({ input: socket })
      .on('line', (line) => this.#take(line))
      // readline passes on the socket's errors, which are handled below.
      .on('error', () => undefined);
    socket.on('error', (error) => this.#end(error));
    socket.on('close', () => this.#end(new BuildError({ what: 'QEMU closed its control socket' })));
  }

  /** Starts the protocol on a connected socket. */
  static async over(socket: Socket): Promise<Qmp> {
    const qmp = new Qmp(socket);
    await qmp.#greeted.promise;
    await qmp.execute('qmp_capabilities');
    return qmp;
  }

  /**
   * Executes a command.
   * @returns the result from QEMU
   * @throws BuildError with QEMU's message if it refuses
   */
  execute(command: string, args: Record<string, unknown> = {}): Promise<unknown> {
    this.#lastId += 1;
    const waiting = Promise.withResolvers<unknown>();
    this.#waiting.set(this.#lastId, waiting);
    const message = { execute: command, arguments: args, id: this.#lastId };
    this.#socket.write(`${JSON.stringify(message)}\n`);
    return waiting.promise;
  }

  /** Resolves on the next occurrence of an event: `SHUTDOWN`, `RESET`, … */
  event(name: string): Promise<void> {
    const known = this.#events.get(name) ?? Promise.withResolvers<void>();
    this.#events.set(name, known);
    known.promise.catch(() => undefined);
    return known.promise;
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }

  #take(line: string): void {
    const message = parseMessage(line);
    if (message === undefined) {
      this.#socket.destroy(
        new BuildError({ what: `QEMU’s control socket says ${line.slice(0, 80)}` }),
      );
    } else if ('QMP' in message) {
      this.#greeted.resolve();
    } else if ('event' in message) {
      this.#events.get(message.event)?.resolve();
      this.#events.delete(message.event);
    } else {
      const waiting = this.#waiting.get(message.id ?? -1);
      this.#waiting.delete(message.id ?? -1);
      if ('error' in message) {
        waiting?.reject(new BuildError({ what: `QEMU refuses: ${message.error.desc}` }));
      } else {
        waiting?.resolve(message.return);
      }
    }
  }

  #end(error: Error): void {
    this.#greeted.reject(error);
    for (const one of [...this.#waiting.values(), ...this.#events.values()]) one.reject(error);
    this.#waiting.clear();
    this.#events.clear();
  }
}

function parseMessage(line: string): z.infer<typeof messageSchema> | undefined {
  try {
    return messageSchema.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}
