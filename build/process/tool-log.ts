import { AsyncLocalStorage } from 'node:async_hooks';
import { appendFileSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { printable } from '../drawing/printable.ts';

/** Characters that are kept of what a tool writes to one of its outputs: the last ones. */
const KEPT = 64 * 1024;

/** What execa tells of a child that has ended. */
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
 * A file that keeps, of each tool that is run during some work, its command line and when it began and ended, how, and
 * what it said. It is made when the first tool begins, and is for people to read: its lines have no fixed form.
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

  /** Whether there is something in it. */
  get isWritten(): boolean {
    return this.#isWritten;
  }

  /** Does some work; all that `logTool` is told meanwhile, by whatever the work starts, goes into this log. */
  during<T>(work: () => Promise<T>): Promise<T> {
    return current.run(this, work);
  }

  /** Notes that a tool begins. @returns what is to be called when it has ended */
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

  /** Ends the log: what tools say that have not ended by then does not come into it. */
  close(): void {
    this.#isClosed = true;
  }

  /** Appends a text, with the time before it. A log that cannot be written is given up: the work is not about it. */
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
 * Has the log of the work that is under way, if there is one, keep what becomes of a tool.
 * @param child of execa
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

/** What a tool said, by lines; nothing of what is no text, or was not kept. */
function outputLines(output: unknown): string[] {
  if (typeof output !== 'string' || output === '') return [];
  const cut = output.length > KEPT ? [`(${output.length - KEPT} characters before it)`] : [];
  const lines = output
    .slice(-KEPT)
    .trimEnd()
    .split(/\r?\n|\r/);
  return [...cut, ...lines];
}

/** A word as a shell takes it. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** Text as a terminal may show it, and without names and passwords in addresses. */
function safe(text: string): string {
  const plain = text.replace(/(:\/\/)[^\s/@'"]*@/g, '$1');
  return plain
    .split(/([\n\t])/)
    .map((part) => (/^[\n\t]$/.test(part) ? part : printable(part)))
    .join('');
}
