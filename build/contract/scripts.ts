/** The profile's verdict on a package script; see `PackageScript`. */
export type ScriptVerdict = 'reviewed' | 'idle' | 'changed' | 'unseen';

/** A script of a package. Package scripts are never run, neither during a build nor on an appliance. */
export interface PackageScript {
  readonly package: string;
  readonly version: string;
  /** `post-install`, `trigger`, … */
  readonly script: string;
  /** SHA-256 of its text, hex. */
  readonly sha256: string;
  readonly text: string;
  /**
   * - `reviewed`: the profile says why exactly this text need not run
   * - `idle`: apk would not run it while an image is made
   * - `changed`: the profile's review is of a different text
   * - `unseen`: the profile has no review of this script
   */
  readonly verdict: ScriptVerdict;
  /** Why it need not run; also the reason given in an outdated review. */
  readonly reason?: string | undefined;
}

/** Maximum number of lines of a script that are printed; a longer one has to be read in its package. */
const MOST_LINES = 200;

/** Maximum number of characters of a line that are printed. */
const LONGEST_LINE = 400;

/** Whether a script needs a review before a release can be made. */
export function isUnreviewed({ verdict }: PackageScript): boolean {
  return verdict === 'changed' || verdict === 'unseen';
}

/** Returns the scripts that need a review before a release can be made. */
export function listUnreviewed(scripts: readonly PackageScript[]): PackageScript[] {
  return scripts.filter(isUnreviewed);
}

/** Lists scripts briefly: `busybox (post-install, changed since its review), dbus (trigger)`. */
export function nameScripts(scripts: readonly PackageScript[]): string {
  const packages = Map.groupBy(scripts, (one) => one.package);
  return [...packages]
    .map(([name, own]) => `${name} (${own.map(nameScript).join(', ')})`)
    .join(', ');
}

function nameScript({ script, verdict }: PackageScript): string {
  return verdict === 'changed' ? `${script}, changed since its review` : script;
}

/**
 * Describes unreviewed scripts for a reviewer: per package the text of its scripts, and the entry of
 * `bases.alpine.scripts` that records a review.
 * @param scripts all scripts of the packages of one or more profiles, including the reviewed ones
 * @returns lines; none if everything is reviewed
 */
export function describeUnreviewed(scripts: readonly PackageScript[]): string[] {
  const packages = Map.groupBy(withoutDuplicates(scripts), (one) => one.package);
  const open = [...packages.values()].filter((own) => listUnreviewed(own).length > 0);
  return open.sort(byPackage).flatMap((own) => ['', ...describePackage(own)]);
}

function describePackage(scripts: readonly PackageScript[]): string[] {
  const [{ package: name = '', version = '' } = {}] = scripts;
  const texts = listUnreviewed(scripts).flatMap((one) => [
    `  ${nameScript(one)}:`,
    ...linesOf(one.text).map((line) => `    | ${line}`.trimEnd()),
  ]);
  return [`${name} ${version}`, ...texts, '  Its entry:', `    ${reviewEntry(name, scripts)}`];
}

/** Returns the entry for `bases.alpine.scripts`. The reviewer has to replace its reason, or the profile is refused. */
function reviewEntry(name: string, scripts: readonly PackageScript[]): string {
  const counted = scripts.filter(({ verdict }) => verdict !== 'idle');
  const reason = scripts.find((one) => one.verdict !== 'idle' && one.reason !== undefined)?.reason;
  const hashes = counted.map(({ script, sha256 }) => `${quotedKey(script)}: '${sha256}'`);
  const why = reason === undefined ? "'…'" : JSON.stringify(reason);
  return `${quotedKey(name)}: { reason: ${why}, sha256: { ${hashes.join(', ')} } },`;
}

function quotedKey(name: string): string {
  return /^[a-z]\w*$/i.test(name) ? name : `'${name}'`;
}

/** Splits a text into lines that are safe to print on a terminal. */
function linesOf(text: string): string[] {
  const lines = text.replace(/\n+$/, '').split('\n');
  const shown = lines.slice(0, MOST_LINES).map((line) => {
    const harmless = line.replace(/\t/g, '  ').replace(/[\p{Cc}\p{Cf}]/gu, '�');
    return harmless.length > LONGEST_LINE ? `${harmless.slice(0, LONGEST_LINE)}…` : harmless;
  });
  const more = lines.length - shown.length;
  return more > 0 ? [...shown, `… and ${more} more lines`] : shown;
}

/** Drops repeated scripts, which packages common to two profiles have. */
function withoutDuplicates(scripts: readonly PackageScript[]): PackageScript[] {
  const key = (one: PackageScript) => `${one.package} ${one.script} ${one.sha256} ${one.verdict}`;
  return [...new Map(scripts.map((one) => [key(one), one])).values()];
}

function byPackage([a]: readonly PackageScript[], [b]: readonly PackageScript[]): number {
  return (a?.package ?? '') < (b?.package ?? '') ? -1 : 1;
}
