import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode } from '../process/errno.ts';

/** Name and password for some addresses: a `machine` of apt_auth.conf(5), or of a `.netrc` (curl(1), `--netrc`). */
export interface LogIn {
  /** `https://host:port/path`; the parts other than the host are optional. */
  machine: string;
  name: string;
  password: string;
}

/**
 * Reads apt's log-ins, in apt's order. Files that only root may read are skipped, as apt does; a server then reports
 * the missing log-in.
 * @param file `/etc/apt/auth.conf`
 * @param folder `/etc/apt/auth.conf.d`
 */
export function readLogIns(file: string, folder: string): LogIn[] {
  const names = unlessDenied(() => readdirSync(folder)) ?? [];
  const parts = names.filter((name) => name.endsWith('.conf')).sort();
  return [file, ...parts.map((name) => join(folder, name))].flatMap(readLogInFile);
}

/** Reads the log-ins of a file such as `~/.netrc`; none if it does not exist or must not be read. */
export function readLogInFile(path: string): LogIn[] {
  const text = unlessDenied(() => readFileSync(path, 'utf8'));
  return text === undefined ? [] : parseLogIns(text);
}

function unlessDenied<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (['ENOENT', 'EACCES'].includes(errorCode(error) ?? '')) return undefined;
    throw error;
  }
}

/**
 * Parses the netrc format of apt_auth.conf(5): tokens separated by blanks, comments from `#` to the end of the line. A
 * `default` entry is ignored: it would send a password to every server.
 */
export function parseLogIns(text: string): LogIn[] {
  const logIns: LogIn[] = [];
  let current: LogIn | undefined;
  const tokens = text
    .replace(/^\s*#.*$/gm, '')
    .split(/\s+/)
    .values();
  for (const token of tokens) {
    const argument = () => tokens.next().value ?? '';
    if (token === 'machine') {
      current = { machine: argument(), name: '', password: '' };
      logIns.push(current);
    } else if (token === 'default') current = undefined;
    else if (token === 'login' && current !== undefined) current.name = argument();
    else if (token === 'password' && current !== undefined) current.password = argument();
  }
  return logIns;
}

/**
 * Returns an address with name and password: its own, or those of the first matching log-in. A log-in without a
 * protocol is used for https only.
 */
export function addLogIn(address: string, logIns: readonly LogIn[]): string {
  if (!URL.canParse(address)) return address;
  const url = new URL(address);
  if (url.username !== '') return address;
  const fitting = logIns.find(({ machine }) => fits(machine, url));
  if (fitting === undefined) return address;
  const { name, password } = fitting;
  const [scheme = '', rest = ''] = address.split(/(?<=^[^:]*:\/\/)/);
  return `${scheme}${encodeURIComponent(name)}:${encodeURIComponent(password)}@${rest}`;
}

function fits(machine: string, url: URL): boolean {
  const [, protocol = 'https:', host = '', port, path = ''] =
    /^(?:([a-z+]+:)\/\/)?(\[[^\]]*\]|[^:/]*)(?::(\d+))?(\/.*)?$/i.exec(machine) ?? [];
  return (
    url.protocol === protocol &&
    url.hostname === host.toLowerCase() &&
    (port === undefined || url.port === port) &&
    `${url.pathname}/`.startsWith(path)
  );
}
