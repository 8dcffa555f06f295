import type { FinishContext } from '../../contract/base.ts';
import { must } from '../../error.ts';
import type { Entry } from '../../tree/entry.ts';
import type { Tree } from '../../tree/tree.ts';
import { generatedDirectory, generatedFile } from './generated.ts';

/**
 * The profile's accounts as passwd(5), group(5) and shadow(5). Root has no password, so that it can log in on the
 * local console until one is set; nobody else has a usable one.
 */
export function accountFiles({ profile, epoch }: FinishContext): Entry[] {
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
    generatedFile('etc/passwd', passwd.join('')),
    generatedFile('etc/group', group.join('')),
    { ...generatedFile('etc/shadow', shadow.join(''), 0o640), gid: accounts.groups.shadow ?? 0 },
  ];
}

/** Folders that are empty file systems when the system runs, and Debian's path for no home at all (Debian Policy 9.2.3). */
const NO_HOME = /^\/(?:run|var\/run|tmp|dev|proc|sys|nonexistent)(?:\/|$)/;

/**
 * The home directories of accounts that neither a package nor an overlay brings, as adduser(8) would have made them for
 * package scripts. Only their owners may enter: what a service shares, it says when it starts (checkpath).
 */
export function homeDirectories(tree: Tree, { profile }: Pick<FinishContext, 'profile'>): Entry[] {
  const { users, groups } = profile.accounts;
  return Object.values(users).flatMap(({ uid, group, home }) => {
    if (NO_HOME.test(home) || tree.lookup(home) !== undefined) return [];
    return {
      ...generatedDirectory(home.slice(1), 0o700),
      uid,
      gid: must(groups[group], `group ${group}`),
    };
  });
}
