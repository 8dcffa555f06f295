import { AsyncLocalStorage } from 'node:async_hooks';
import { appendFileSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { makePrintable } from '../drawing/printable.ts';
import { quoteForShell } from './quote.ts';

/** Maximum number of characters that are logged of each output of a tool, from its end. */
const KEPT = 64 * 1024;

/** The fields used here of execa's result or error. */
interface Ended {
  readonly exitCode?: number | undefined;
  readonly signal?: string | undefined;
  readonly code?: string | undefined;
  readonly stdout?: unknown;
  readonly stderr?: unknown;
  readonly all?: unknown;
}

const current = new AsyncLocalStorage<ToolLog>();

/**
 * A log file of the tools that run during some work: the command line of each, when it began and ended, its exit code
 * and its output. The first tool creates the file. It is for people to read: its lines have no fixed format.
 */
export class ToolLog {
  readonly file: string;
  readonly #heading: string;
  #tools = 0;
  #isWritten = false;
  #isClosed = false;

  /** @param heading first line of the file, after the time */
  constructor(file: string, heading: string) {
    this.file = file;
    this.#heading = heading;
  }

  /** Whether the file exists: something was written to it. */
  get isWritten(): boolean {
    return this.#isWritten;
  }

  /** Runs `work`, and logs all tools that it starts and passes to `logTool`. */
  during<T>(work: () => Promise<T>): Promise<T> {
    return current.run(this, work);
  }

  /** Logs that a tool begins. @returns the function to call when it has ended */
  begin(words: readonly string[], folder: string | undefined): (ended: Ended) => void {
    if (!this.#isWritten) this.write(this.#heading);
    this.#tools += 1;
    const [mark, began] = [`[${this.#tools}]`, performance.now()];
    const where = folder === undefined ? '' : ` (in ${folder})`;
    this.write(`${mark} ${words.map(quoted).join(' ')}${where}`);
    return (ended) => {
      const seconds = ((performance.now() - began) / 1000).toFixed(2);
      const said = [ended.all ?? ended.stdout, ended.all === undefined ? ended.stderr : undefined];
      const lines = said.flatMap(outputLines).map((line) => `\n    ${line}`);
      this.write(`${mark} ${howEnded(ended)} after ${seconds} s${lines.join('')}`);
    };
  }

  /** Ends the log: tools that end later are not logged any more. */
  close(): void {
    this.#isClosed = true;
  }

  /** Appends a text after the current time. If the log cannot be written, it is closed without an error. */
  write(text: string): void {
    if (this.#isClosed) return;
    try {
      mkdirSync(dirname(this.file), { recursive: true });
      appendFileSync(this.file, `${new Date().toISOString()} ${safe(text)}\n`);
      this.#isWritten = true;
    } catch {
      this.#isClosed = true;
    }
  }
}

/**
 * Logs a tool, if the work that started it has a log.
 * @param child child process, of execa
 * @param words its command line
 * @returns the child
 */
export function logTool<T extends PromiseLike<Ended>>(
  child: T,
  words: readonly string[],
  folder?: string,
): T {
  const end = current.getStore()?.begin(words, folder);
  if (end !== undefined) child.then(end, end);
  return child;
}

function howEnded({ exitCode, signal, code }: Ended): string {
  if (signal !== undefined) return `was ended by ${signal}`;
  return exitCode === undefined
    ? `did not run: ${code ?? 'no reason given'}`
    : `ended with ${exitCode}`;
}

/** Returns the lines of a tool's output; none if it is binary or was not buffered. */
function outputLines(output: unknown): string[] {
  if (typeof output !== 'string' || output === '') return [];
  const cut = output.length > KEPT ? [`(${output.length - KEPT} characters before it)`] : [];
  const lines = output
    .slice(-KEPT)
    .trimEnd()
    .split(/\r?\n|\r/);
  return [...cut, ...lines];
}

/** Quotes a word for a shell, if it needs that. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : quoteForShell(word);
}

/** Escapes what a terminal would interpret, and removes user names and passwords from addresses. */
function safe(text: string): string {
  const plain = text.replace(/(:\/\/)[^\s/@'"]*@/g, '$1');
  return plain
    .split(/([\n\t])/)
    .map((part) => (/^[\n\t]$/.test(part) ? part : makePrintable(part)))
    .join('');
}
