import { listBusyboxApplets } from '../../elf/busybox.ts';
import { BuildError } from '../../error.ts';
import type { FileEntry } from '../../tree/entry.ts';
import { nameOf } from '../../tree/path.ts';
import type { AuditOptions, Finding } from '../finding.ts';
import type { Survey } from '../survey.ts';

const RULE = 'applet';

/** Default paths of busybox. */
const BUSYBOX = ['bin/busybox'];

/** The tree's busybox must have every applet that init calls, and an applet for the name of every link to busybox. */
export function findMissingApplets(
  survey: Survey,
  { applets: called = [], busybox: places = BUSYBOX }: AuditOptions,
): Finding[] {
  const { tree, links, entries } = survey;
  const busybox = places.map((path) => tree.file(path)).find((file) => file !== undefined);
  const path = busybox?.path ?? 'bin/busybox';
  if (busybox === undefined) {
    const fix = 'Add the package busybox.';
    return called.length === 0
      ? []
      : [{ rule: RULE, path, what: 'is missing, and init needs it', fix }];
  }
  const known = readAppletTable(survey, busybox);
  if (typeof known === 'string') {
    return [{ rule: RULE, path, what: known, fix: 'Check the package busybox.' }];
  }
  const fix = 'Use a package of busybox that has it, or do without the applet.';
  const findings = called
    .filter((name) => !known.has(name))
    .map((name) => ({ rule: RULE, path, what: `lacks the applet ${name}, which init calls`, fix }));
  const names = [
    ...links.filter(({ canonical }) => canonical === path).map(({ entry }) => entry.path),
    ...entries
      .filter((one) => one.type === 'hardlink' && one.target === path)
      .map((one) => one.path),
  ];
  for (const link of names) {
    const applet = nameOf(link);
    if (known.has(applet) || applet.startsWith('busybox')) continue;
    findings.push({
      rule: RULE,
      path: link,
      what: 'is a link to busybox, which lacks that applet',
      fix,
    });
  }
  return findings;
}

function readAppletTable({ tree }: Survey, busybox: FileEntry): Set<string> | string {
  try {
    return new Set(listBusyboxApplets(tree.bytes(busybox)));
  } catch (error) {
    if (error instanceof BuildError) return 'is not a busybox: it has no table of applets';
    throw error;
  }
}
