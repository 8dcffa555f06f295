import { execa } from 'execa';

/**
 * Names that a package depends on, of those that there are: of alternatives the first that there is. Versions are
 * left out, since they are other ones here.
 * @param field `Depends` of a package: `libc6 (>= 2.36), mawk | awk` (deb-control(5))
 * @param have names of packages that there are
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
