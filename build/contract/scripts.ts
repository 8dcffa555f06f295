/** What a profile says of a script of a package; see `PackageScript`. */
export type ScriptVerdict = 'reviewed' | 'idle' | 'changed' | 'unseen';

/** A script of a package. None is ever run, neither in a build nor on an appliance. */
export interface PackageScript {
  readonly package: string;
  readonly version: string;
  /** `post-install`, `trigger`, … */
  readonly script: string;
  /** Of its text, hex. */
  readonly sha256: string;
  readonly text: string;
  /**
   * `reviewed`: the profile says why this very text need not run; `idle`: it would not run when an image is made;
   * `changed`: the profile's review is of another text; `unseen`: there is no review of this script.
   */
  readonly verdict: ScriptVerdict;
  /** Why it need not run; also the reason of a review that no longer holds. */
  readonly reason?: string | undefined;
}

/** Lines of a script that are told at most; a script of this length is to be read in its package. */
const MOST_LINES = 200;

/** Longest line that is told. */
const LONGEST_LINE = 400;

/** Whether somebody has to look at a script before a release can be made. */
export function isUnreviewed({ verdict }: PackageScript): boolean {
  return verdict === 'changed' || verdict === 'unseen';
}

/** The scripts that somebody has to look at before a release can be made. */
export function unreviewed(scripts: readonly PackageScript[]): PackageScript[] {
  return scripts.filter(isUnreviewed);
}

/** Scripts in a few words: `busybox (post-install, changed since its review), dbus (trigger)`. */
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
 * Unreviewed scripts for whoever is to review them: of each package what they do, and the entry of
 * `bases.alpine.scripts` that says it was looked at.
 * @param scripts all scripts of the packages, also those that were reviewed, of one or more profiles
 * @returns lines; none if everything was reviewed
 */
export function describeUnreviewed(scripts: readonly PackageScript[]): string[] {
  const packages = Map.groupBy(withoutDuplicates(scripts), (one) => one.package);
  const open = [...packages.values()].filter((own) => unreviewed(own).length > 0);
  return open.sort(byPackage).flatMap((own) => ['', ...describePackage(own)]);
}

function describePackage(scripts: readonly PackageScript[]): string[] {
  const [{ package: name = '', version = '' } = {}] = scripts;
  const texts = unreviewed(scripts).flatMap((one) => [
    `  ${nameScript(one)}:`,
    ...linesOf(one.text).map((line) => `    | ${line}`.trimEnd()),
  ]);
  return [`${name} ${version}`, ...texts, '  Its entry:', `    ${reviewEntry(name, scripts)}`];
}

/** The entry of `bases.alpine.scripts`. The reason is left to who looked; a profile with this one is refused. */
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

/** Lines that a terminal takes for nothing but text. */
function linesOf(text: string): string[] {
  const lines = text.replace(/\n+$/, '').split('\n');
  const shown = lines.slice(0, MOST_LINES).map((line) => {
    const harmless = line.replace(/\t/g, '  ').replace(/[\p{Cc}\p{Cf}]/gu, '�');
    return harmless.length > LONGEST_LINE ? `${harmless.slice(0, LONGEST_LINE)}…` : harmless;
  });
  const more = lines.length - shown.length;
  return more > 0 ? [...shown, `… and ${more} more lines`] : shown;
}

/** A package that two profiles take is told once. */
function withoutDuplicates(scripts: readonly PackageScript[]): PackageScript[] {
  const key = (one: PackageScript) => `${one.package} ${one.script} ${one.sha256} ${one.verdict}`;
  return [...new Map(scripts.map((one) => [key(one), one])).values()];
}

function byPackage([a]: readonly PackageScript[], [b]: readonly PackageScript[]): number {
  return (a?.package ?? '') < (b?.package ?? '') ? -1 : 1;
}
