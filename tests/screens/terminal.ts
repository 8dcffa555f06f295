import { PassThrough } from 'node:stream';
import xterm from '@xterm/headless';
import type { Size } from '../../apps/console/kit/frame.ts';

/** A terminal emulator with a keyboard. Its input and output look like those of a tty to a program. */
export class FakeTerminal {
  readonly input = Object.assign(new PassThrough(), {
    raw: false,
    setRawMode(raw: boolean) {
      this.raw = raw;
    },
  });
  readonly output: PassThrough & Size;
  /** All output of the program. */
  written = '';
  readonly #emulator: xterm.Terminal;
  #parsed = Promise.resolve();

  constructor({ columns, rows }: Size) {
    this.#emulator = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true });
    this.output = Object.assign(new PassThrough(), { columns, rows });
    this.output.on('data', (bytes: Buffer) => {
      this.written += bytes.toString();
      this.#parsed = new Promise((done) => this.#emulator.write(bytes, done));
    });
  }

  /** Presses keys, as the bytes that they send. */
  type(bytes: string): void {
    this.input.write(bytes);
  }

  resize({ columns, rows }: Size): void {
    this.#emulator.resize(columns, rows);
    Object.assign(this.output, { columns, rows });
    this.output.emit('resize');
  }

  /** Returns the visible text, line by line, without trailing blanks. */
  async text(): Promise<string> {
    await this.#parsed;
    const { active } = this.#emulator.buffer;
    const lines = Array.from({ length: this.#emulator.rows }, (_, row) =>
      active.getLine(active.viewportY + row)?.translateToString(true),
    );
    return `${lines.map((line) => line?.trimEnd() ?? '').join('\n')}\n`;
  }

  /** Where the cursor is. */
  get cursor(): { column: number; row: number } {
    const { cursorX, cursorY } = this.#emulator.buffer.active;
    return { column: cursorX, row: cursorY };
  }

  /** Waits until the screen shows a text. */
  async see(pattern: RegExp): Promise<string> {
    for (;;) {
      const before = this.written.length;
      const text = await this.text();
      if (pattern.test(text)) return text;
      if (this.written.length === before) {
        await new Promise((written) => this.output.once('data', written));
      }
    }
  }
}
