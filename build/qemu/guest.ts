import { createWriteStream, type WriteStream } from 'node:fs';
import { copyFile, mkdir, rm } from 'node:fs/promises';
import { createConnection, type Socket } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { execa } from 'execa';
import { BuildError } from '../error.ts';
import { errorCode } from '../process/errno.ts';
import { explainToolError, makeChildOptions } from '../process/run.ts';
import { makeScratchFolder } from '../process/scratch-folder.ts';
import { findBadLines } from './bad-lines.ts';
import { findChords } from './keyboard.ts';
import { type Acceleration, findPlatform, type Machine, makeMachineArguments } from './machine.ts';
import { type Milestone, makeMilestonePattern } from './milestones.ts';
import { Qmp } from './qmp.ts';
import { Transcript } from './transcript.ts';

/** Default timeout of a wait in seconds; TCG is about ten times slower than KVM. */
const PATIENCE = { kvm: 60, tcg: 480 } as const;

/** Milliseconds between attempts to connect to a socket that QEMU is about to create. */
const SOCKET_PAUSE = 20;

/** Milliseconds for which a key is held down. */
const KEY_HOLD = 30;

/** Options for running a guest. */
export interface GuestOptions {
  acceleration: Acceleration;
  /** File to which all output of the serial port is written. */
  log: string;
  /** Timeout of a wait in seconds; the default depends on the acceleration. */
  patience?: number | undefined;
  signal?: AbortSignal | undefined;
}

/** A running virtual machine. Disposing of it ends QEMU and removes its sockets and its copy of the UEFI variables. */
export class Guest implements AsyncDisposable {
  readonly #stop: () => void;
  readonly #serial: Socket;
  readonly #qmp: Qmp;
  readonly #log: WriteStream;
  readonly #directory: string;
  readonly #patience: number;
  readonly #transcript = new Transcript();
  /** Resolves when QEMU has ended: with its error, or with `undefined`. */
  readonly #ended: Promise<unknown>;

  private constructor(parts: {
    stop: () => void;
    ended: Promise<unknown>;
    serial: Socket;
    qmp: Qmp;
    log: WriteStream;
    directory: string;
    patience: number;
  }) {
    this.#stop = parts.stop;
    this.#ended = parts.ended;
    this.#serial = parts.serial;
    this.#qmp = parts.qmp;
    this.#log = parts.log;
    this.#directory = parts.directory;
    this.#patience = parts.patience;
    // The socket breaks when QEMU ends; every wait detects this end by `#ended`.
    this.#serial.on('error', () => undefined);
    this.#serial.on('data', (bytes: Buffer) => {
      this.#log.write(bytes);
      this.#transcript.append(bytes);
    });
  }

  /**
   * Starts a machine.
   * @throws BuildError if QEMU is missing or refuses the machine
   */
  static async start(machine: Machine, options: GuestOptions): Promise<Guest> {
    const directory = await makeScratchFolder('qx-build-vm-');
    const { acceleration } = options;
    const { program } = findPlatform(machine);
    const variables = await copyFirmwareVariables(directory, machine);
    const [serialPath, controlPath] = [join(directory, 'serial'), join(directory, 'qmp')];
    const access = { by: 'sockets', serial: serialPath, control: controlPath } as const;
    await mkdir(dirname(options.log), { recursive: true });
    const child = execa(
      program,
      makeMachineArguments(machine, { acceleration, access, variables }),
      {
        ...makeChildOptions(options),
        stdin: 'ignore',
        stdout: 'ignore',
      },
    );
    const stop = () => void child.kill();
    const ended = child.then(
      () => undefined,
      (error: unknown) => explainToolError(program, error),
    );
    try {
      const serial = await reach(serialPath, ended);
      const qmp = await Qmp.over(await reach(controlPath, ended));
      const log = createWriteStream(options.log);
      const patience = options.patience ?? PATIENCE[options.acceleration];
      return new Guest({ stop, ended, serial, qmp, log, directory, patience });
    } catch (error) {
      stop();
      const failure = await ended;
      await rm(directory, { recursive: true, force: true });
      // The socket breaks if QEMU ends, for example because KVM is unusable; QEMU's own message gives the reason.
      throw error instanceof BuildError ? error : (failure ?? error);
    }
  }

  /** The guest's output on its serial port, without control sequences. */
  get log(): string {
    return this.#transcript.text;
  }

  /** Current end of the log; a wait from here ignores earlier output. */
  get mark(): number {
    return this.#transcript.end;
  }

  /**
   * Waits for text on the serial port.
   * @param from an earlier `mark`; the whole log if absent
   * @throws BuildError with the last lines of the log on a timeout, if the guest ends, or if a fatal line appears
   */
  waitFor(pattern: RegExp, from = 0): Promise<RegExpExecArray> {
    const found = this.#transcript.waitFor((text) => pattern.exec(text) ?? undefined, from);
    return this.#inTime(found, String(pattern), from);
  }

  /** Waits for a milestone of the boot. @returns seconds since the kernel started */
  async waitForMilestone(milestone: Milestone, from = 0): Promise<number> {
    return Number((await this.waitFor(makeMilestonePattern(milestone), from))[1]);
  }

  /** Types a line and Enter on the serial port. */
  type(line: string): void {
    this.#serial.write(`${line}\n`);
  }

  /** Sends bytes to the serial port unchanged, such as terminal keys. */
  send(bytes: string): void {
    this.#serial.write(bytes);
  }

  /** Presses several keys of the keyboard together, in QEMU's names: `f2`, `ret`, `ctrl`. */
  async press(...keys: readonly string[]): Promise<void> {
    const pressed = keys.map((data) => ({ type: 'qcode', data }));
    await this.#qmp.execute('send-key', { keys: pressed, 'hold-time': KEY_HOLD });
    // QEMU releases the keys after `hold-time`, and ignores other keys until then.
    await wait(2 * KEY_HOLD);
  }

  /** Types text on the keyboard. */
  async typeOnKeyboard(text: string): Promise<void> {
    for (const chord of findChords(text)) await this.press(...chord);
  }

  /** Saves the screen as PNG. */
  async screenshot(file: string): Promise<void> {
    await mkdir(dirname(file), { recursive: true });
    await this.#qmp.execute('screendump', { filename: file, format: 'png' });
  }

  /** Presses the power button and waits until the guest has shut down. */
  async powerOff(): Promise<void> {
    await this.#qmp.execute('system_powerdown');
    await this.#inTime(this.#ended, 'power-off', this.mark);
  }

  /** Resolves when QEMU has ended because the guest powered off. */
  async waitForEnd(): Promise<void> {
    await this.#inTime(this.#ended, 'the guest to end', this.mark);
  }

  /** Resets the machine, like a short power cut. */
  async reset(): Promise<void> {
    await this.#qmp.execute('system_reset');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#qmp[Symbol.dispose]();
    this.#serial.destroy();
    this.#stop();
    await this.#ended;
    await new Promise((done) => this.#log.end(done));
    await rm(this.#directory, { recursive: true, force: true });
  }

  async #inTime<T>(awaited: Promise<T>, what: string, from: number): Promise<T> {
    using deadline = new Deadline(this.#patience);
    const fatal = this.#transcript.waitFor(fatalLine, from);
    const outcome = await Promise.race([
      awaited.then((value) => ({ value })),
      fatal.then((match) => ({ failure: `the guest says: ${match.trim()}` })),
      deadline.passed.then(() => ({ failure: `it did not come in ${this.#patience} s` })),
      // Wait a little, because the last output may still be in the socket.
      this.#ended.then((error) => wait(200, { failure: endOf(error) })),
    ]);
    if ('value' in outcome) return outcome.value;
    throw new BuildError({
      what: `waiting for ${what}: ${outcome.failure}`,
      where: `last lines:\n${this.#transcript.tail()}\n`,
    });
  }
}

function endOf(error: unknown): string {
  return error instanceof Error ? `the guest ended: ${error.message}` : 'the guest ended';
}

/** Finds the first line after which a boot cannot succeed. */
function fatalLine(text: string): string | undefined {
  return findBadLines(text).find((one) => one.fatal)?.line;
}

class Deadline implements Disposable {
  readonly passed: Promise<void>;
  readonly #timer: NodeJS.Timeout;

  constructor(seconds: number) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.passed = promise;
    this.#timer = setTimeout(resolve, seconds * 1000);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}

/**
 * Copies the firmware's variables for one boot.
 * @returns path of the copy; `undefined` for BIOS, which has no variables
 */
export async function copyFirmwareVariables(
  directory: string,
  machine: Machine,
): Promise<string | undefined> {
  if (machine.firmware === 'bios') return undefined;
  const variables = join(directory, 'variables.fd');
  const { secure, ...plain } = findPlatform(machine).firmware;
  const shipped = machine.firmware === 'uefi-secure' ? secure : plain;
  await copyFile(machine.variables ?? shipped.variables, variables);
  return variables;
}

/** Connects to a socket that QEMU creates when it starts. */
async function reach(path: string, ended: Promise<unknown>): Promise<Socket> {
  let failure: unknown;
  let over = false;
  void ended.then((error) => {
    over = true;
    failure = error;
  });
  while (!over) {
    const socket = await connectOnce(path);
    if (socket !== undefined) return socket;
    await wait(SOCKET_PAUSE);
  }
  throw failure ?? new BuildError({ what: 'QEMU ended before the guest started' });
}

function connectOnce(path: string): Promise<Socket | undefined> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(path, () => resolve(socket));
    socket.once('error', (error) => {
      const early = errorCode(error) === 'ENOENT' || errorCode(error) === 'ECONNREFUSED';
      if (early) resolve(undefined);
      else reject(error);
    });
  });
}
