import type { FileEntry } from '../../tree/entry.ts';
import { nameOf } from '../../tree/path.ts';
import type { Finding } from '../finding.ts';
import type { Survey } from '../survey.ts';

/** Interpreters that treat a carriage return as part of a command. */
const SHELLS = new Set(['sh', 'ash', 'dash', 'bash', 'busybox', 'openrc-run']);
/** Files without `#!` that a shell, init or OpenRC reads. */
const SOURCED = /^etc\/(inittab|rc\.conf|profile|conf\.d\/[^/]+|profile\.d\/[^/]+)$/;
/** Maximum number of bytes of a script; larger files are programs that begin with a script. */
const LARGEST = 1024 * 1024;

/** Scripts must not have CRLF line ends: the kernel would not find their interpreter, nor sh their commands. */
export function findCarriageReturns({ tree, scripts, entries }: Survey): Finding[] {
  const findings: Finding[] = [];
  const add = ({ path }: FileEntry): void => {
    const fix = 'Save it with LF line ends.';
    findings.push({ rule: 'line-ends', path, what: 'has CRLF line ends', fix });
  };
  const inside = (file: FileEntry): boolean =>
    file.size <= LARGEST && tree.bytes(file).includes('\r\n');
  for (const { file, line } of scripts.values()) {
    if (line.endsWith('\r') || (isShell(line) && inside(file))) add(file);
  }
  for (const entry of entries) {
    if (entry.type !== 'file' || !SOURCED.test(entry.path) || scripts.has(entry.path)) continue;
    if (inside(entry)) add(entry);
  }
  return findings;
}

function isShell(line: string): boolean {
  const [interpreter = '', argument = ''] = line.trim().split(/\s+/);
  const name = nameOf(interpreter);
  return SHELLS.has(name === 'env' ? nameOf(argument) : name);
}
