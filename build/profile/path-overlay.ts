import { statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { BuildError, must } from '../error.ts';
import type { Entry } from '../tree/entry.ts';
import { type Overlay, readFileContent } from '../tree/overlay.ts';
import type { Profile } from './profile.ts';

type PathEntry = Profile['paths'][string];

/**
 * Reads the files, links and directories that a profile declares under `paths`, as an overlay.
 * @throws BuildError if a host file is missing, is not a regular file, or has CRLF line ends
 */
export function readPathOverlay(profile: Pick<Profile, 'file' | 'paths' | 'accounts'>): Overlay {
  const entries = Object.entries(profile.paths).map(([path, entry]) =>
    readEntry(path.slice(1), entry, profile),
  );
  return { name: 'paths', entries };
}

function readEntry(
  path: string,
  entry: PathEntry,
  { file, accounts }: Pick<Profile, 'file' | 'accounts'>,
): Entry {
  const origin = 'profile';
  if (entry.type === 'symlink') {
    return { type: 'symlink', path, mode: 0o777, target: entry.target, uid: 0, gid: 0, origin };
  }
  const { mode } = entry;
  const user = must(accounts.users[entry.user], `user ${entry.user}`);
  const group = entry.group ?? user.group;
  const gid = must(accounts.groups[group], `group ${group}`);
  const common = { path, mode, uid: user.uid, gid, origin };
  switch (entry.type) {
    case 'directory':
      return { ...common, type: 'directory' };
    case 'file': {
      const bytes = Buffer.from(entry.text);
      return { ...common, type: 'file', size: bytes.length, content: { in: 'memory', bytes } };
    }
    case 'copy': {
      const source = resolve(dirname(file), entry.of);
      const stat = statSync(source, { throwIfNoEntry: false });
      if (stat?.isFile() === true) {
        return { ...common, type: 'file', ...readFileContent(source, stat) };
      }
      throw new BuildError({
        what: `there is no file for /${path} of the image`,
        where: source,
        fix: `Check paths./${path}.of of the profile.`,
      });
    }
  }
}
