import { BuildError } from '../../../error.ts';
import { canonicalizeIdentity } from '../database/identity.ts';
import { parseStanzas, requireField, type Stanza } from '../index/stanza.ts';
import { parseFiles } from './files.ts';
import type { InstalledPackage } from './package.ts';

/** Letters that apk knows; a database with other letters was written by a newer apk. */
const KNOWN = /^[CPVASITULomtckDpirqsf]$/;

/**
 * Parses `/lib/apk/db/installed`. Scripts and triggers are in separate files, so the records lack them.
 * @param where the file, for messages
 * @throws BuildError naming the line that is malformed, or a package without name, version or identity
 */
export function parseInstalled(text: string, where: string): InstalledPackage[] {
  return parseStanzas(text, where).map((stanza) => installedPackage(stanza, where));
}

function installedPackage(stanza: Stanza, where: string): InstalledPackage {
  const { fields, line } = stanza;
  for (const letter of fields.keys()) {
    if (!KNOWN.test(letter))
      throw unusable(stanza, `has a field ${JSON.stringify(letter)} of a newer apk`, where);
  }
  for (const letter of ['P', 'V']) requireField(stanza, letter, where);
  if (canonicalizeIdentity(requireField(stanza, 'C', where)) === undefined) {
    throw unusable(stanza, 'has an invalid identity (C:)', where);
  }
  const broken = fields.get('f');
  if (broken !== undefined && !/^[fsxS]*$/.test(broken)) {
    throw unusable(stanza, `has marks ${JSON.stringify(broken)} of a newer apk`, where);
  }
  const priority = fields.get('q') ?? '0';
  if (!/^\d{1,9}$/.test(priority)) throw unusable(stanza, 'has a malformed priority (q:)', where);
  return {
    fields,
    tag: fields.get('s'),
    broken,
    record: {
      replaces: (fields.get('r') ?? '').split(' ').filter((word) => word !== ''),
      replacesPriority: Number(priority),
      triggers: [],
      scripts: new Map(),
      directories: parseFiles({ text: stanza.text, line, where }),
      owners: new Map(),
    },
  };
}

function unusable({ fields, line }: Stanza, why: string, where: string): BuildError {
  return new BuildError({
    what: `package ${fields.get('P') ?? '(without a name)'} ${why}`,
    where: `${where}, line ${line}`,
    fix: 'The database is damaged, or written by a newer apk.',
  });
}
