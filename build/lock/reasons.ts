import type { PackageRelations } from '../contract/base.ts';

/** Input of `findReasons`. */
export interface ReasonRequest {
  /** Names of the packages of an image. */
  packages: readonly string[];
  /** Names that the profile asks for. */
  asked: readonly string[];
  /** Package name → its relations; packages with unknown relations are left out. */
  relations: ReadonlyMap<string, PackageRelations>;
}

/** Why a package is in an image. */
export interface Reason {
  /** The package, then a package that needs it, and so on up to a package that the profile asks for. */
  chain: readonly string[];
  /** Whether the first package is installed because of the second, which does not need it (apk's `install_if`). */
  comesWith: boolean;
}

/**
 * Finds out why each package is in an image: the shortest chain; of equally short chains, the first by name.
 * @returns package name → reason; packages without a known reason are left out
 */
export function findReasons({ packages, asked, relations }: ReasonRequest): Map<string, Reason> {
  const there = providers(packages, relations);
  const reasons = new Map<string, Reason>();
  const waiting: string[] = [];
  const reach = (name: string, reason: Reason) => {
    if (reasons.has(name)) return;
    reasons.set(name, reason);
    waiting.push(name);
  };
  for (const name of [...asked].sort()) {
    for (const one of there.get(name)?.slice(0, 1) ?? [])
      reach(one, { chain: [one], comesWith: false });
  }
  do {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      const above = reasons.get(name)?.chain ?? [];
      const needs = relations.get(name)?.needs ?? [];
      const needed = needs.flatMap((names) => firstThere(names, there) ?? []);
      for (const one of needed.sort()) reach(one, { chain: [one, ...above], comesWith: false });
    }
    for (const name of packages) {
      const others = relations.get(name)?.comesWith ?? [];
      const met = others.map((other) => there.get(other)?.find((one) => reasons.has(one)));
      const [first] = met;
      if (first === undefined || met.includes(undefined)) continue;
      reach(name, { chain: [name, ...(reasons.get(first)?.chain ?? [])], comesWith: true });
    }
  } while (waiting.length > 0);
  return reasons;
}

/** Name → packages that have or provide it, the package of that name first. */
function providers(
  packages: readonly string[],
  relations: ReadonlyMap<string, PackageRelations>,
): Map<string, string[]> {
  const found = new Map(packages.map((name) => [name, [name]]));
  for (const name of [...packages].sort()) {
    for (const other of relations.get(name)?.provides ?? []) {
      const known = found.get(other) ?? [];
      if (!known.includes(name)) found.set(other, [...known, name]);
    }
  }
  return found;
}

function firstThere(
  names: readonly string[],
  there: ReadonlyMap<string, readonly string[]>,
): string | undefined {
  return names.flatMap((name) => there.get(name) ?? [])[0];
}
