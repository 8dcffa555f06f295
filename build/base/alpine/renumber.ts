import type { Entry } from '../../tree/entry.ts';
import { filePath, type Ownership } from './installed/files.ts';
import type { OwnerNames, PackageRecord } from './package/record.ts';

/** Ids of users and groups by name. */
export interface AccountNumbers {
  readonly users: ReadonlyMap<string, number>;
  readonly groups: ReadonlyMap<string, number>;
}

/** The parts of a package that contain ids. */
interface Owned {
  readonly entries: readonly Entry[];
  readonly record: PackageRecord;
}

/**
 * Gives files the ids of the accounts that their archive names, because the archive's numeric ids are those of the
 * machine that built the package. Files of unknown accounts keep the archive's ids.
 */
export function renumberOwners<P extends Owned>(added: P, accounts: AccountNumbers | undefined): P {
  const { owners, directories } = added.record;
  if (accounts === undefined || owners.size === 0) return added;
  const at = <O extends Pick<Ownership, 'uid' | 'gid'>>(path: string, owner: O): O => {
    const names = owners.get(path);
    return names === undefined ? owner : { ...owner, ...numbersOf(names, owner, accounts) };
  };
  return {
    ...added,
    entries: added.entries.map((entry) => at(entry.path, entry)),
    record: {
      ...added.record,
      directories: directories.map((directory) => ({
        ...directory,
        ownership: at(directory.path, directory.ownership),
        files: directory.files.map((file) => ({
          ...file,
          ownership: at(filePath(directory, file), file.ownership),
        })),
      })),
    },
  };
}

function numbersOf(
  { user, group }: OwnerNames,
  { uid, gid }: Pick<Ownership, 'uid' | 'gid'>,
  { users, groups }: AccountNumbers,
) {
  return { uid: users.get(user) ?? uid, gid: groups.get(group) ?? gid };
}
