import type { FinishContext } from '../../contract/base.ts';
import type { Entry } from '../../tree/entry.ts';
import { generatedFile } from './generated.ts';

/** What the system says it is: os-release(5) with the base it was made from, and the host name until one is set. */
export function identityFiles({ profile, base, version }: FinishContext): Entry[] {
  const fields: Record<string, string> = {
    NAME: profile.title,
    ID: profile.name,
    ID_LIKE: base,
    VERSION: version,
    VERSION_ID: version,
    PRETTY_NAME: `${profile.title} ${version}`,
    QUANTIX_BASE: base,
    QUANTIX_PRODUCT: profile.labelPrefix,
  };
  const lines = Object.entries(fields).map(([key, value]) => `${key}="${escaped(value)}"\n`);
  return [
    generatedFile('etc/os-release', lines.join('')),
    generatedFile('etc/hostname', `${profile.hostname}\n`),
  ];
}

/** What a shell reads specially within double quotes has a backslash before it, as os-release(5) asks. */
function escaped(value: string): string {
  return value.replace(/["$`\\]/g, '\\$&');
}
