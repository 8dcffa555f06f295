import { BuildError } from '../error.ts';
import type { Tree } from '../tree/tree.ts';
import { withoutAllowed } from './allow.ts';
import type { AuditOptions, Finding, Rule } from './finding.ts';
import { missingApplets } from './rules/applets.ts';
import { missingDrivers } from './rules/drivers.ts';
import { missingInterpreters } from './rules/interpreters.ts';
import { missingLibraries } from './rules/libraries.ts';
import { carriageReturns } from './rules/line-ends.ts';
import { danglingLinks } from './rules/links.ts';
import { unknownOwners } from './rules/owners.ts';
import { unexpectedSetuid, worldWritable } from './rules/permissions.ts';
import { brokenServices } from './rules/services.ts';
import { survey } from './survey.ts';

/** Everything an audit looks for, in the order of its report. */
const RULES: readonly Rule[] = [
  missingLibraries,
  missingInterpreters,
  missingApplets,
  (surveyed, { drivers = {} }) => missingDrivers(surveyed.tree, drivers),
  brokenServices,
  danglingLinks,
  carriageReturns,
  unknownOwners,
  unexpectedSetuid,
  worldWritable,
];

/** Lines of findings that an error lists. */
const MOST_LISTED = 20;

/**
 * Looks for what would fail in the booted system only: every rule over one pass through the finished tree.
 * @returns what was found and the options do not accept, in a fixed order
 */
export function auditTree(tree: Tree, options: AuditOptions): Finding[] {
  const surveyed = survey(tree);
  const findings = RULES.flatMap((rule) => rule(surveyed, options));
  return withoutAllowed(findings, options.allow ?? {});
}

/**
 * Refuses a root filesystem that would not work.
 * @param options a profile can be passed as it is
 * @throws BuildError listing what the audit found
 */
export function assertAudited(tree: Tree, options: AuditOptions): void {
  refuse(auditTree(tree, options), 'the root filesystem');
}

/**
 * Refuses an initramfs that would not find its medium everywhere.
 * @param drivers kind of machine → drivers that find the medium there
 * @throws BuildError listing those that are missing
 */
export function assertDriven(
  tree: Tree,
  drivers: Readonly<Record<string, readonly string[]>>,
): void {
  refuse(missingDrivers(tree, drivers), 'the initramfs');
}

function refuse(findings: readonly Finding[], where: string): void {
  if (findings.length === 0) return;
  const groups = [...Map.groupBy(findings, ({ rule, what }) => `${rule} ${what}`).values()];
  const listed = groups.slice(0, MOST_LISTED).map((group) => `\n  ${line(group)}`);
  const more = groups.length - listed.length;
  const rest = more === 0 ? '' : `\n  and ${more} more`;
  const count = groups.length === 1 ? 'one thing' : `${groups.length} things`;
  throw new BuildError({
    what: `${where} has ${count} that cannot work`,
    fix: `Mend in the profile or an overlay:${listed.join('')}${rest}`,
  });
}

/**
 * Groups identical findings into one line, since one missing library usually breaks many files.
 * Names come from packages, so nothing in them may steer the terminal.
 */
function line(group: readonly Finding[]): string {
  const [first] = group;
  if (first === undefined) return '';
  const { rule, path, what, fix } = first;
  const others = group.length === 1 ? '' : ` (and ${group.length - 1} more)`;
  return `${rule}: /${path}${others} ${what}. ${fix}`.replace(/\p{Cc}/gu, '?');
}
