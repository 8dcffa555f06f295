import { auditTree } from '../../../build/audit/audit.ts';
import type { AuditOptions } from '../../../build/audit/finding.ts';
import type { Entry } from '../../../build/tree/entry.ts';
import { file, program, treeOf } from '../tree/trees.ts';

/** Accounts and a shell, so that a test's tree violates only the tested rule. */
const SOUND: Entry[] = [
  file('etc/passwd', 'root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n'),
  file('etc/group', 'root:x:0:\ntty:x:5:\n'),
  program('bin/sh', 'a shell'),
];

/** Returns the findings of an audit of a valid tree with these entries: `rule: path what`. */
export function audited(entries: Entry[], options: Partial<AuditOptions> = {}): string[] {
  const findings = auditTree(treeOf(...SOUND, ...entries), { setuid: {}, ...options });
  return findings.map(({ rule, path, what }) => `${rule}: ${path} ${what}`);
}
