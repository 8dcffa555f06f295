import type { Tree } from '../../tree/tree.ts';
import type { Finding } from '../finding.ts';
import type { Survey } from '../survey.ts';

/** Every owner and group of a file must have a name: one finding per unknown id. */
export function findUnknownOwners({ tree, entries }: Survey): Finding[] {
  const kinds = [
    { key: 'uid', list: 'etc/passwd' },
    { key: 'gid', list: 'etc/group' },
  ] as const;
  return kinds.flatMap(({ key, list }) => {
    const known = ids(tree, list);
    const unknown = new Map<number, string[]>();
    for (const entry of entries) {
      if (known.has(entry[key])) continue;
      const paths = unknown.get(entry[key]);
      if (paths === undefined) unknown.set(entry[key], [entry.path]);
      else paths.push(entry.path);
    }
    return [...unknown].map(([id, [path = '', ...others]]) => ({
      rule: 'owner',
      path,
      what: `${others.length === 0 ? '' : `and ${others.length} more `}belongs to ${key} ${id}, which /${list} does not name`,
      fix: 'Add the account to the profile, or give the file another owner.',
    }));
  });
}

/** Reads the third field of each line: the id in passwd(5) and group(5). */
function ids(tree: Tree, list: string): Set<number> {
  const lines = (tree.text(list) ?? '').split('\n');
  const fields = lines.map((line) => line.split(':')[2] ?? '');
  return new Set(fields.filter((field) => /^[0-9]+$/.test(field)).map(Number));
}
