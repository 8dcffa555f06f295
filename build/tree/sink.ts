import type { Entry } from './entry.ts';

/** Receives the entries of an archive while it is read. */
export interface EntrySink {
  /** Adds an entry without content. */
  add(entry: Exclude<Entry, { type: 'file' }>): void;
  /**
   * Adds a regular file; reads `content` to its end.
   * @throws BuildError if `content` is not exactly `size` bytes long
   */
  file(
    entry: Omit<Entry & { type: 'file' }, 'content'>,
    content: AsyncIterable<Uint8Array>,
  ): Promise<void>;
}
