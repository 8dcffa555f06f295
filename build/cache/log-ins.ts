import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode } from '../process/errno.ts';

/** Name and password for some addresses: one `machine` of apt_auth.conf(5), or of a `.netrc` (curl(1), `--netrc`). */
export interface LogIn {
  /** `https://host:port/path`; what stands before the host and after it may be missing. */
  machine: string;
  name: string;
  password: string;
}

/**
 * The log-ins that apt uses, in the order in which it looks through them. Files that only root may read are passed
 * over, as apt does then; the server says what is missing.
 * @param file `/etc/apt/auth.conf`
 * @param folder `/etc/apt/auth.conf.d`
 */
export function readLogIns(file: string, folder: string): LogIn[] {
  const names = unlessDenied(() => readdirSync(folder)) ?? [];
  const parts = names.filter((name) => name.endsWith('.conf')).sort();
  return [file, ...parts.map((name) => join(folder, name))].flatMap(readLogInFile);
}

/** The log-ins in one file, such as `~/.netrc`; none if there is no such file, or it may not be read. */
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
 * Parses the format of netrc as apt_auth.conf(5) has it: tokens between blanks, comments from `#` to the end of a line.
 * A `default` is passed over: it would give a password to whatever server is asked.
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
 * An address with name and password: its own, or those of the first log-in that fits it. Without a protocol, a log-in
 * is for https only.
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
