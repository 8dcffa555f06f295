import type { FinishContext } from '../../contract/base.ts';
import type { Entry } from '../../tree/entry.ts';
import { generateFile } from './generated.ts';

/**
 * Writes the system's identity: os-release(5) with its base, and the initial host name. Names of fields that
 * os-release(5) does not define begin with the namespace, as it recommends.
 */
export function makeIdentityFiles({ profile, base, version }: FinishContext): Entry[] {
  const own = profile.namespace.toUpperCase().replaceAll('-', '_');
  const fields: Record<string, string> = {
    NAME: profile.title,
    ID: profile.name,
    ID_LIKE: base,
    VERSION: version,
    VERSION_ID: version,
    PRETTY_NAME: `${profile.title} ${version}`,
    [`${own}_BASE`]: base,
    [`${own}_PRODUCT`]: profile.labelPrefix,
  };
  const lines = Object.entries(fields).map(([key, value]) => `${key}="${escaped(value)}"\n`);
  return [
    generateFile('etc/os-release', lines.join('')),
    generateFile('etc/hostname', `${profile.hostname}\n`),
  ];
}

/** Escapes the characters that are special within a shell's double quotes, as os-release(5) requires. */
function escaped(value: string): string {
  return value.replace(/["$`\\]/g, '\\$&');
}
