import { create, fromJson, type JsonValue, toJson } from '@bufbuild/protobuf';
import * as z from 'zod';
import { readIfThere, setAside, writeDurably } from '../../files/durable-file.ts';
import {
  type TaskReport,
  TaskReportSchema,
  TaskState,
} from '../../proto/gen/quantix/v1/task_pb.js';
import { uuidSchema } from './vm-spec.ts';

/** The facts about a task that survive a restart of the agent. */
export interface JournalEntry {
  /** Its last report: RUNNING if it was begun and has not ended. */
  readonly report: TaskReport;
  /** When it expires, in milliseconds since 1970 by this host's clock. */
  readonly expiresAt: number;
  /** Whether the control plane has acknowledged its end. */
  readonly told: boolean;
}

/** Largest number of entries, and largest file that is read, in bytes. */
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
 * Journal of tasks that were begun or have ended, in a file that is written atomically: a task that is sent again is
 * not done again, even after a restart. Its size is limited: acknowledged and expired entries are removed first,
 * because an expired task is not begun again anyway.
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
   * Reads a journal. A file that cannot be parsed is set aside, and the journal is empty.
   * @param onProblem receives a line for people if the file is set aside
   * @throws errors of the disk
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

  /** Returns the final reports that are not acknowledged, oldest first. */
  untold(): TaskReport[] {
    return [...this.#entries.values()]
      .filter((one) => isEnd(one.report) && !one.told)
      .map(({ report }) => report);
  }

  /**
   * Writes the state of a task to the journal, before the next step depends on it.
   * @param now milliseconds since 1970
   * @throws errors of the disk; the entry is then unchanged, except for the end of a task, which reaches the disk with
   *   the next write
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
      // What has been done is not done again in this run of the agent, whether or not it could be written.
      if (isEnd(report)) throw error;
      if (before === undefined) this.#entries.delete(report.taskId);
      else this.#entries.set(report.taskId, before);
      throw error;
    }
  }

  /** Marks the end of a task as acknowledged; this reaches the disk with the next write. */
  acknowledge(id: string): void {
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

  /** Writes the current entries; all changes made during a write are written by the next write. */
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

/** Returns whether a report is the last one of its task. */
export function isEnd({ state }: TaskReport): boolean {
  return state === TaskState.DONE || state === TaskState.FAILED;
}

/** Parses the text of a journal. @returns undefined if it is invalid */
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
    // Not JSON, or with other fields.
    return undefined;
  }
}

/** Formats a journal for `parseJournal`. */
export function formatJournal(entries: Iterable<JournalEntry>): string {
  const tasks = [...entries].map(
    ({ report, ...entry }): JsonValue => ({
      report: toJson(TaskReportSchema, report),
      ...entry,
    }),
  );
  return `${JSON.stringify({ version: 1, tasks })}\n`;
}
