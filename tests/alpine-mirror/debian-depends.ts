import { execa } from 'execa';

/**
 * Returns the names of the packages that a package depends on. Packages that do not exist are left out; of several
 * alternatives, the first that exists is returned.
 * Versions are left out, because the mirror's differ.
 * @param field `Depends` of a package: `libc6 (>= 2.36), mawk | awk` (deb-control(5))
 * @param have names of the existing packages
 */
export function dependsOn(field: string, have: ReadonlySet<string>): string[] {
  const names = field.split(',').flatMap((group) => {
    const alternatives = group.split('|').map((one) => /^\s*([a-z0-9][a-z0-9+.-]*)/.exec(one)?.[1]);
    return alternatives.find((name) => name !== undefined && have.has(name)) ?? [];
  });
  return [...new Set(names)].sort();
}

/** `Pre-Depends` and `Depends` of a `.deb` file. */
export async function dependsField(file: string): Promise<string> {
  const fields = await Promise.all(
    ['Pre-Depends', 'Depends'].map((name) => execa('dpkg-deb', ['--field', file, name])),
  );
  return fields.map(({ stdout }) => stdout.trim().replaceAll('\n', ' ')).join(',');
}
