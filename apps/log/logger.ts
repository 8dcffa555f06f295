import { LEVELS, type Level, toOneLine } from './line.ts';

/** Writes messages, each as one line. */
export type Logger = Readonly<Record<Level, (message: string) => void>>;

/** Which messages a logger writes, and where. */
export interface LoggerOptions {
  /** Messages of less important levels are left out. */
  level: Level;
  /**
   * Receives `LEVEL: MESSAGE`. For a daemon, it writes to standard output, which the service pipes into logger(1); that
   * adds the time and the name. Node cannot write to /dev/log itself, because that is a datagram socket.
   */
  write: (line: string) => void;
  /** Receives the same lines, each after the time (ISO 8601), for a separate log file. */
  file?: { writeLine(line: string): void };
  now?: () => Date;
}

/**
 * Makes a logger. A file that cannot be written, for example on a full disk, does not end the program: the failure is
 * reported once, and again only after a write has succeeded in between.
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
      if (isFileWell) write(`error: the log file cannot be written: ${toOneLine(String(error))}`);
      isFileWell = false;
    }
  };
  const most = LEVELS.indexOf(level);
  const log = (one: Level) => (message: string) => {
    if (LEVELS.indexOf(one) > most) return;
    const line = `${one}: ${toOneLine(message)}`;
    write(line);
    keep(line);
  };
  return { error: log('error'), warning: log('warning'), info: log('info'), debug: log('debug') };
}
