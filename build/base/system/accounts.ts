import type { FinishContext } from '../../contract/base.ts';
import { must } from '../../error.ts';
import type { Entry } from '../../tree/entry.ts';
import type { Tree } from '../../tree/tree.ts';
import { generateDirectory, generateFile } from './generated.ts';

/**
 * Writes the profile's accounts as passwd(5), group(5) and shadow(5). Root has an empty password, to log in on the
 * local console until one is set; no other account can log in with a password.
 */
export function makeAccountFiles({ profile, epoch }: FinishContext): Entry[] {
  const { accounts } = profile;
  const day = Math.floor(epoch / 86_400);
  const users = Object.entries(accounts.users).sort(([, a], [, b]) => a.uid - b.uid);
  const groups = Object.entries(accounts.groups).sort(([, a], [, b]) => a - b);
  const passwd = users.map(([name, user]) => {
    const gid = must(accounts.groups[user.group], `group ${user.group}`);
    return `${name}:x:${user.uid}:${gid}:${user.comment}:${user.home}:${user.shell}\n`;
  });
  const group = groups.map(([name, gid]) => {
    const members = users.filter(([, user]) => user.member.includes(name)).map(([user]) => user);
    return `${name}:x:${gid}:${members.join(',')}\n`;
  });
  const shadow = users.map(
    ([name]) => `${name}:${name === 'root' ? '' : '!'}:${day}:0:99999:7:::\n`,
  );
  return [
    generateFile('etc/passwd', passwd.join('')),
    generateFile('etc/group', group.join('')),
    { ...generateFile('etc/shadow', shadow.join(''), 0o640), gid: accounts.groups.shadow ?? 0 },
  ];
}

/**
 * Home directories that are not created: those in folders on which kernel or temporary file systems are mounted, and
 * Debian's path for accounts without a home directory (Debian Policy 9.2.3).
 */
const NO_HOME = /^\/(?:run|var\/run|tmp|dev|proc|sys|nonexistent)(?:\/|$)/;

/**
 * Adds the home directories that no package and no overlay contains, as adduser(8) in package scripts would. Only their
 * owners have access: a service that shares its directory sets the mode when it starts (checkpath).
 */
export function makeHomeDirectories(
  tree: Tree,
  { profile }: Pick<FinishContext, 'profile'>,
): Entry[] {
  const { users, groups } = profile.accounts;
  return Object.values(users).flatMap(({ uid, group, home }) => {
    if (NO_HOME.test(home) || tree.lookup(home) !== undefined) return [];
    return {
      ...generateDirectory(home.slice(1), 0o700),
      uid,
      gid: must(groups[group], `group ${group}`),
    };
  });
}
