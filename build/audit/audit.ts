import { BuildError } from '../error.ts';
import type { Tree } from '../tree/tree.ts';
import { dropAllowed } from './allow.ts';
import type { AuditOptions, Finding, Rule } from './finding.ts';
import { findMissingApplets } from './rules/applets.ts';
import { findMissingDrivers } from './rules/drivers.ts';
import { checkInit } from './rules/init.ts';
import { findMissingInterpreters } from './rules/interpreters.ts';
import { findMissingLibraries } from './rules/libraries.ts';
import { findCarriageReturns } from './rules/line-ends.ts';
import { findDanglingLinks } from './rules/links.ts';
import { findUnknownOwners } from './rules/owners.ts';
import { findUnexpectedSetuid, findWorldWritable } from './rules/permissions.ts';
import { findBrokenServices } from './rules/services.ts';
import { surveyTree } from './survey.ts';

/** Rules for problems that prevent a root filesystem or an initramfs from starting. */
const START_RULES: readonly Rule[] = [
  checkInit,
  findMissingLibraries,
  findMissingInterpreters,
  findMissingApplets,
  (surveyed, { drivers = {} }) => findMissingDrivers(surveyed.tree, drivers),
];

/** All rules for a root filesystem, in the order of the report. */
const RULES: readonly Rule[] = [
  ...START_RULES,
  findBrokenServices,
  findDanglingLinks,
  findCarriageReturns,
  findUnknownOwners,
  findUnexpectedSetuid,
  findWorldWritable,
];

/** Rules for an initramfs: it has no accounts and no services, and everything in it runs as root. */
const INITRAMFS_RULES: readonly Rule[] = [...START_RULES, findDanglingLinks, findCarriageReturns];

/** Maximum number of lines of findings in an error. */
const MOST_LISTED = 20;

/**
 * Looks for problems that would appear only in the booted system: runs every rule on one survey of the finished tree.
 * @returns the findings that the options do not accept, in a fixed order
 */
export function auditTree(tree: Tree, options: AuditOptions): Finding[] {
  return dropAllowed(applyRules(RULES, tree, options), options.allow ?? {});
}

function applyRules(rules: readonly Rule[], tree: Tree, options: AuditOptions): Finding[] {
  const surveyed = surveyTree(tree);
  return rules.flatMap((rule) => rule(surveyed, options));
}

/**
 * Refuses a root filesystem that would not work.
 * @param options a profile can be passed directly
 * @throws BuildError listing the findings
 */
export function assertAudited(tree: Tree, options: AuditOptions): void {
  refuse(auditTree(tree, options), 'the root filesystem');
}

/**
 * Refuses an initramfs that would not start, or lacks a driver for a machine in `options.drivers`.
 * @throws BuildError listing the findings
 */
export function assertStarts(tree: Tree, options: Omit<AuditOptions, 'setuid' | 'allow'>): void {
  refuse(applyRules(INITRAMFS_RULES, tree, { ...options, setuid: {} }), 'the initramfs');
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
    fix: `Fix in the profile or an overlay:${listed.join('')}${rest}`,
  });
}

/**
 * Formats a group of equal findings as one line, since one missing library usually breaks many files. Paths come from
 * packages, so control characters are replaced.
 */
function line(group: readonly Finding[]): string {
  const [first] = group;
  if (first === undefined) return '';
  const { rule, path, what, fix } = first;
  const others = group.length === 1 ? '' : ` (and ${group.length - 1} more)`;
  return `${rule}: /${path}${others} ${what}. ${fix}`.replace(/\p{Cc}/gu, '?');
}
