import { LEVELS, type Level, oneLine } from './line.ts';

/** Takes messages; each becomes one line. */
export type Logger = Readonly<Record<Level, (message: string) => void>>;

/** Where messages go. */
export interface LoggerOptions {
  /** Messages that matter less are left out. */
  level: Level;
  /**
   * Takes `LEVEL: MESSAGE`. A daemon's goes to its standard output, which its service hands to logger(1) and so to the
   * system log with the time and its name: Node cannot write to /dev/log itself, a datagram socket.
   */
  write: (line: string) => void;
  /** Takes the same with the time before it, for a file of one's own. */
  file?: { writeLine(line: string): void };
  now?: () => Date;
}

/**
 * Makes a logger. A file that cannot be written, as on a full disk, does not end the program that has something to tell:
 * that is told once, and again after it could be written in between.
 */
export function createLogger({
  level,
  write,
  file,
  now = () => new Date(),
}: LoggerOptions): Logger {
  let isFileWell = true;
  const keep = (line: string) => {
    try {
      file?.writeLine(`${now().toISOString()} ${line}`);
      isFileWell = true;
    } catch (error) {
      if (isFileWell) write(`error: the log file cannot be written: ${oneLine(String(error))}`);
      isFileWell = false;
    }
  };
  const most = LEVELS.indexOf(level);
  const log = (one: Level) => (message: string) => {
    if (LEVELS.indexOf(one) > most) return;
    const line = `${one}: ${oneLine(message)}`;
    write(line);
    keep(line);
  };
  return { error: log('error'), warning: log('warning'), info: log('info'), debug: log('debug') };
}
