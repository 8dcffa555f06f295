import type { Entry } from './entry.ts';

/** Receives the content of an archive while it is read. */
export interface EntrySink {
  /** An entry without content of its own. */
  add(entry: Exclude<Entry, { type: 'file' }>): void;
  /**
   * A regular file; `content` is read to its end.
   * @throws BuildError if `content` is not exactly `size` bytes long
   */
  file(
    entry: Omit<Entry & { type: 'file' }, 'content'>,
    content: AsyncIterable<Uint8Array>,
  ): Promise<void>;
}
