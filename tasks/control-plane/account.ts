import { userInfo } from 'node:os';
import { ExecaError, execa } from 'execa';
import { BuildError } from '../../build/error.ts';

/** An account on the host for running a service. */
export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** Account for services that root starts: PostgreSQL refuses to run as root. The package of PostgreSQL creates it. */
const SERVER_ACCOUNT = 'postgres';

/**
 * Returns the account for the services: the caller's, unless that is root.
 * @throws BuildError if the caller is root and there is no account for PostgreSQL
 */
export async function findServerAccount(): Promise<Account> {
  const { username, uid, gid } = userInfo();
  if (uid !== 0) return { name: username, uid, gid };
  try {
    const [user, group] = await Promise.all(
      ['-u', '-g'].map(async (kind) => Number((await execa('id', [kind, SERVER_ACCOUNT])).stdout)),
    );
    return { name: SERVER_ACCOUNT, uid: user!, gid: group! };
  } catch (cause) {
    if (!(cause instanceof ExecaError)) throw cause;
    throw new BuildError({
      what: `PostgreSQL does not run as root, and there is no account ${SERVER_ACCOUNT}`,
      fix: 'Install the server: apt-get install postgresql',
      cause,
    });
  }
}
