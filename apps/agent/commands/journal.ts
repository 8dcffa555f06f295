import { create, fromJson, type JsonValue, toJson } from '@bufbuild/protobuf';
import * as z from 'zod';
import { readIfThere, setAside, writeDurably } from '../../files/durable-file.ts';
import {
  type TaskReport,
  TaskReportSchema,
  TaskState,
} from '../../proto/gen/quantix/v1/task_pb.js';
import { uuidSchema } from './vm-spec.ts';

/** What is known of a task over restarts of the agent. */
export interface JournalEntry {
  /** The last report that was made of it: RUNNING if it was begun and did not end. */
  readonly report: TaskReport;
  /** When it expires, milliseconds since 1970 by this host's clock. */
  readonly expiresAt: number;
  /** Whether the control plane has heard of its end. */
  readonly told: boolean;
}

/** Entries that are kept, at most; and bytes that a file may have to be read at all. */
const CAPACITY = 1000;
const LARGEST = 4 * 1024 * 1024;

const fileSchema = z.strictObject({
  version: z.literal(1),
  tasks: z
    .array(
      z.strictObject({
        report: z.json(),
        expiresAt: z.number().int().min(0),
        told: z.boolean(),
      }),
    )
    .max(CAPACITY),
});

/**
 * Which tasks were begun and finished, in a file that is there whole or not at all: a task that comes again, after a
 * restart too, is not done again. It is bounded: what was told and has expired goes first, since a task that comes
 * again after it expired is not begun anyway.
 */
export class Journal {
  readonly #file: string;
  readonly #entries: Map<string, JournalEntry>;
  #writing: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;

  private constructor(file: string, entries: Map<string, JournalEntry>) {
    this.#file = file;
    this.#entries = entries;
  }

  /**
   * Reads a journal. One that cannot be understood is set aside; the next one begins empty.
   * @param onProblem gets a line for people then
   * @throws what the disk throws
   */
  static async open(file: string, onProblem: (line: string) => void): Promise<Journal> {
    const text = await readIfThere(file);
    if (text === undefined) return new Journal(file, new Map());
    const entries = parseJournal(text);
    if (entries !== undefined) return new Journal(file, entries);
    const aside = await setAside(file);
    onProblem(`${file} cannot be read: it was set aside as ${aside}, and tasks may be done twice`);
    return new Journal(file, new Map());
  }

  get(id: string): JournalEntry | undefined {
    return this.#entries.get(id);
  }

  /** Reports of ends of which the control plane has not heard, oldest first. */
  untold(): TaskReport[] {
    return [...this.#entries.values()]
      .filter((one) => isEnd(one.report) && !one.told)
      .map(({ report }) => report);
  }

  /**
   * Notes how far a task is, before what follows from it is done.
   * @param now milliseconds since 1970
   * @throws what the disk throws; then it is not noted
   */
  async note(
    report: TaskReport,
    { expiresAt, now }: { expiresAt: number; now: number },
  ): Promise<void> {
    const before = this.#entries.get(report.taskId);
    this.#entries.set(report.taskId, { report, expiresAt, told: false });
    this.#shorten(now);
    try {
      await this.#write();
    } catch (error) {
      if (before === undefined) this.#entries.delete(report.taskId);
      else this.#entries.set(report.taskId, before);
      throw error;
    }
  }

  /** The control plane has heard of the end of a task; this reaches the disk with the next note. */
  told(id: string): void {
    const entry = this.#entries.get(id);
    if (entry !== undefined) this.#entries.set(id, { ...entry, told: true });
  }

  #shorten(now: number): void {
    const surplus = this.#entries.size - CAPACITY;
    if (surplus <= 0) return;
    const rank = ({ told, expiresAt }: JournalEntry) => (told ? (expiresAt < now ? 0 : 1) : 2);
    const all = [...this.#entries].toSorted(([, a], [, b]) => rank(a) - rank(b));
    for (const [id] of all.slice(0, surplus)) this.#entries.delete(id);
  }

  /** Writes what is noted now; notes that are made meanwhile share the write after that. */
  #write(): Promise<void> {
    this.#next ??= this.#writing.then(
      () => this.#writeNow(),
      () => this.#writeNow(),
    );
    return this.#next;
  }

  #writeNow(): Promise<void> {
    this.#next = undefined;
    this.#writing = writeDurably(this.#file, formatJournal(this.#entries.values()), 0o600);
    return this.#writing;
  }
}

/** Whether a report is a task's last. */
export function isEnd({ state }: TaskReport): boolean {
  return state === TaskState.DONE || state === TaskState.FAILED;
}

/** Reads the text of a journal. @returns undefined if it is none */
export function parseJournal(text: string): Map<string, JournalEntry> | undefined {
  if (text.length > LARGEST) return undefined;
  try {
    const { tasks } = fileSchema.parse(JSON.parse(text));
    const entries = tasks.map(({ report: json, ...entry }): [string, JournalEntry] => {
      const report = fromJson(TaskReportSchema, json);
      return [
        uuidSchema.parse(report.taskId),
        { ...entry, report: create(TaskReportSchema, report) },
      ];
    });
    return new Map(entries);
  } catch {
    // Not JSON, or not of these fields: whatever it is, it is no journal.
    return undefined;
  }
}

/** Writes a journal as `parseJournal` reads it. */
export function formatJournal(entries: Iterable<JournalEntry>): string {
  const tasks = [...entries].map(
    ({ report, ...entry }): JsonValue => ({
      report: toJson(TaskReportSchema, report),
      ...entry,
    }),
  );
  return `${JSON.stringify({ version: 1, tasks })}\n`;
}
