import { readFile } from 'node:fs/promises';

/** An account of this machine, with the groups it is a member of. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
}

/** Finds an account by name in passwd(5) and group(5). @returns undefined if it does not exist */
export async function findAccount(name: string): Promise<Account | undefined> {
  const line = (await readFile('/etc/passwd', 'utf8'))
    .split('\n')
    .find((one) => one.startsWith(`${name}:`));
  const [, , uid, gid] = line?.split(':') ?? [];
  if (uid === undefined || gid === undefined) return undefined;
  const groups = (await readFile('/etc/group', 'utf8'))
    .split('\n')
    .map((group) => group.split(':'))
    .filter(([, , , members = '']) => members.split(',').includes(name))
    .map(([, , id]) => Number(id));
  return { uid: Number(uid), gid: Number(gid), groups };
}

/** Whether this process is root, and can therefore switch to another account. */
export function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/** Switches this process from root to another account, permanently. */
export function switchToAccount({ uid, gid, groups }: Account): void {
  process.setgroups?.([gid, ...groups]);
  process.setgid?.(gid);
  process.setuid?.(uid);
}

/**
 * Runs work under another account if this process is root, and switches back to root afterwards. Until then, everything
 * the process does runs under that account.
 * @param account undefined if the account does not exist: the process then keeps its present one
 */
export async function asAccount<T>(
  account: Account | undefined,
  work: () => Promise<T>,
): Promise<T> {
  if (account === undefined || !isRoot()) return await work();
  const own = process.getgroups?.() ?? [];
  process.setgroups?.([account.gid, ...account.groups]);
  process.setegid?.(account.gid);
  process.seteuid?.(account.uid);
  try {
    return await work();
  } finally {
    process.seteuid?.(0);
    process.setegid?.(0);
    process.setgroups?.(own);
  }
}
