import { getParent } from '../../tree/path.ts';
import type { AuditOptions, Finding } from '../finding.ts';
import type { Survey } from '../survey.ts';

const [SETUID, SETGID, STICKY, WORLD_WRITABLE] = [0o4000, 0o2000, 0o1000, 0o002];

/** Set-uid and set-gid files must be exactly those that the profile lists. */
export function findUnexpectedSetuid(
  { tree, entries }: Survey,
  { setuid }: AuditOptions,
): Finding[] {
  const findings: Finding[] = [];
  const wanted = new Set(Object.keys(setuid).map((path) => tree.file(path)?.path));
  const present = new Set<string>();
  for (const { type, mode, path } of entries) {
    if (type !== 'file' || (mode & (SETUID | SETGID)) === 0) continue;
    present.add(path);
    if (wanted.has(path)) continue;
    const bit = (mode & SETUID) === 0 ? 'set-gid' : 'set-uid';
    const fix =
      'Drop the file, remove the bit, or add the file to `setuid` of the profile with the reason.';
    findings.push({
      rule: 'setuid',
      path,
      what: `is ${bit}, which the profile does not allow`,
      fix,
    });
  }
  for (const path of Object.keys(setuid)) {
    const file = tree.file(path);
    if (file !== undefined && present.has(file.path)) continue;
    const what = 'is in the list `setuid` of the profile, but is not a set-uid or set-gid file';
    findings.push({ rule: 'setuid', path: path.slice(1), what, fix: 'Remove it from the list.' });
  }
  return findings;
}

/** Nothing may be writable for everyone, except sticky directories. */
export function findWorldWritable({ tree, entries }: Survey): Finding[] {
  const findings: Finding[] = [];
  for (const { type, mode, path } of entries) {
    if ((mode & WORLD_WRITABLE) === 0) continue;
    if (type === 'directory' && (mode & STICKY) === 0) {
      const what = 'is a directory in which everyone may replace files';
      findings.push({ rule: 'writable', path, what, fix: 'Give it mode 1777 or 0755.' });
    }
    if (type === 'file' && ((tree.at(getParent(path))?.mode ?? 0) & STICKY) === 0) {
      const what = 'is a file that everyone may write';
      findings.push({ rule: 'writable', path, what, fix: 'Give it mode 0644 or 0755.' });
    }
  }
  return findings;
}
