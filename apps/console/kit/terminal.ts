import type { Readable, Writable } from 'node:stream';
import { type Drawn, draw, RESTORED } from './draw.ts';
import type { Frame, Size } from './frame.ts';
import { type Key, listenToKeys } from './keys.ts';

/** Input and output of a terminal, such as `process.stdin` and `process.stdout`. */
export interface TerminalStreams {
  input: Readable & { setRawMode?(raw: boolean): unknown };
  output: Writable & { columns?: number; rows?: number };
}

/** Events of a terminal. */
export interface TerminalEvents {
  key(key: Key): void;
  resize(size: Size): void;
  /** The terminal was hung up. */
  end(): void;
}

/** Size of a terminal that does not know its own size, such as one on a serial line. */
const DEFAULT_SIZE: Size = { columns: 80, rows: 24 };

/** A terminal that a program controls until the object is disposed of, which also happens when the process ends. */
export class Terminal implements Disposable {
  readonly #streams: TerminalStreams;
  readonly #ends: (() => void)[] = [];
  #drawn: Drawn | null = null;
  #open = true;

  /** Takes control of the terminal: keys arrive one by one and are not echoed. */
  constructor(streams: TerminalStreams, events: TerminalEvents) {
    this.#streams = streams;
    const { input, output } = streams;
    input.setRawMode?.(true);
    this.#ends.push(listenToKeys(input, events.key));
    this.#listen(output, 'resize', () => {
      this.forget();
      events.resize(this.size);
    });
    for (const name of ['end', 'close', 'error']) this.#listen(input, name, events.end);
    this.#listen(output, 'error', events.end);
    this.#listen(process, 'exit', () => this[Symbol.dispose]());
    input.resume();
  }

  get size(): Size {
    const { columns, rows } = this.#streams.output;
    if (!columns || !rows) return DEFAULT_SIZE;
    return { columns, rows };
  }

  /** Shows a frame, by writing the differences to the present content. */
  show(frame: Frame): void {
    if (!this.#open) return;
    const { output, drawn } = draw(frame, this.size, this.#drawn);
    this.#drawn = drawn;
    if (output !== '') this.#streams.output.write(output);
  }

  /** Makes the next frame redraw everything: something else may have written to the terminal. */
  forget(): void {
    this.#drawn = null;
  }

  /** Clears the terminal and restores its mode. */
  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#open = false;
    for (const end of this.#ends) end();
    this.#streams.output.write(RESTORED);
    this.#streams.input.setRawMode?.(false);
    this.#streams.input.pause();
  }

  #listen(emitter: NodeJS.EventEmitter, name: string, listener: () => void): void {
    emitter.on(name, listener);
    this.#ends.push(() => void emitter.off(name, listener));
  }
}
