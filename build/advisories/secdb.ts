import { z } from 'zod';
import { compareVersions, isValidVersion } from '../base/alpine/version/compare.ts';
import { type Advisory, type AdvisoryDatabase, findNewestYear, WORD } from './database.ts';

/** JSON of Alpine's security database, which has one file per branch and repository. */
const secdbSchema = z.object({
  distroversion: z.string().regex(WORD),
  reponame: z.string().regex(WORD),
  packages: z.array(
    z.object({
      pkg: z.object({
        /** Name of the source package, called origin in indexes. */
        name: z.string().regex(WORD),
        /** Version → vulnerabilities fixed in it; version `0` means that the package never had them. */
        secfixes: z.record(
          z.string().regex(/^\P{Cc}{1,200}$/u),
          z.array(z.string().max(1000)).nullable(),
        ),
      }),
    }),
  ),
});

/** The version that stands for vulnerabilities that the package never had. */
const NEVER = '0';

/** Whether JSON looks like Alpine's database. */
export function isSecdb(json: unknown): boolean {
  return typeof json === 'object' && json !== null && 'distroversion' in json;
}

/**
 * Parses Alpine's database. It lists fixed vulnerabilities only, not open ones.
 * @throws ZodError if it is in another format
 */
export function parseSecdb(json: unknown): AdvisoryDatabase {
  const { distroversion, reponame, packages } = secdbSchema.parse(json);
  const found = new Map<string, Map<string, Advisory>>();
  const malformed: string[] = [];
  for (const { pkg } of packages) {
    const fixes = found.get(pkg.name) ?? new Map<string, Advisory>();
    found.set(pkg.name, fixes);
    for (const [written, texts] of Object.entries(pkg.secfixes)) {
      const version = repair(written);
      const ids = (texts ?? []).flatMap(identifiersIn);
      if (version !== NEVER && !isValidVersion(version)) {
        malformed.push(`${pkg.name} ${written}: ${ids.join(', ')}`);
        continue;
      }
      for (const id of ids) addFix(fixes, id, version);
    }
  }
  const all = [...found.values()].flatMap((fixes) => [...fixes.keys()]);
  return {
    base: 'alpine',
    suites: new Set([distroversion]),
    repository: reponame,
    entries: all.length,
    newestYear: findNewestYear(all),
    malformed: malformed.sort(),
    find: (suite, source) =>
      suite === distroversion ? sorted(found.get(source)?.values() ?? []) : [],
  };
}

/** Records a fix. If a vulnerability has several fixes, the last one counts: earlier ones were incomplete. */
function addFix(fixes: Map<string, Advisory>, id: string, version: string): void {
  const before = fixes.get(id)?.fixed;
  if (before !== undefined && (version === NEVER || compareVersions(version, before) <= 0)) return;
  fixes.set(id, { id, state: 'fixed', fixed: version });
}

/** Some entries have `1.2.r3` instead of `1.2-r3`. */
function repair(version: string): string {
  return version.replace(/\.r(\d+)$/, '-r$1');
}

/**
 * Extracts the ids from texts such as `CVE-2017-2616 (+ regression fix)` or `CVE-2019-1234 GHSA-…`. If a text contains
 * no id, the text itself is the id.
 */
function identifiersIn(text: string): string[] {
  const words = text
    .split(/[\s,;]+/)
    .filter((word) => /^[A-Z][A-Z0-9]*-[\w.:-]*\d[\w.:-]*$/.test(word));
  if (words.length > 0) return words;
  const plain = text
    .replace(/[^\x21-\x7e]+/g, ' ')
    .trim()
    .slice(0, 100);
  return plain === '' ? [] : [plain];
}

function sorted(advisories: Iterable<Advisory>): Advisory[] {
  return [...advisories].sort((a, b) => (a.id < b.id ? -1 : 1));
}
