import { byRequestSchema } from '../../api/fleet.ts';
import { type FirstLogIn, userRequestSchema } from '../../api/users.ts';
import { readJson } from '../../http/body.ts';
import { makeJsonAnswer, type Route } from '../../http/route.ts';
import type { Database } from '../database/database.ts';
import { findUser, listUsers, type User } from '../database/repositories/users.ts';
import { find } from '../operator/find.ts';
import { explainErrors } from '../operator/routes.ts';
import {
  addAccount,
  changeAccount,
  describeUser,
  type Issued,
  isFirstLogInOpen,
  issueFirstPassword,
  requirePresent,
  resetPassword,
} from './accounts.ts';

/**
 * Creates the routes `/v1/users…` for `qx-controlplane users` and the console; their bodies are in `apps/api/users.ts`.
 */
export function createUserRoutes({
  database: { db },
  servedPeople,
  now = () => new Date(),
}: {
  database: Database;
  /** Returns how people are served at the moment. */
  servedPeople: () => FirstLogIn['people'];
  now?: () => Date;
}): Route[] {
  const read = async (given: string): Promise<User> =>
    requirePresent(await findUser(db, await find(db, 'user', given)));
  const issued = ({ user, password }: Issued) =>
    makeJsonAnswer({ ...describeUser(user), password });
  const setEnabled = async (
    request: Parameters<Route['answer']>[0],
    given: string,
    enabled: boolean,
  ) => {
    const { by } = await readJson(request, byRequestSchema);
    const user = await read(given);
    const signed = { by: { username: by }, now: now() };
    const changed = await db
      .transaction()
      .execute((transaction) => changeAccount(transaction, user, { enabled }, signed));
    return makeJsonAnswer(describeUser(changed));
  };
  const routes: Route[] = [
    {
      method: 'GET',
      path: '/v1/users',
      answer: async () => makeJsonAnswer({ users: (await listUsers(db)).map(describeUser) }),
    },
    {
      method: 'POST',
      path: '/v1/users',
      answer: async (request) => {
        const { by, ...account } = await readJson(request, userRequestSchema);
        return issued(await addAccount(db, { ...account, email: null }, { username: by }));
      },
    },
    {
      method: 'GET',
      path: '/v1/first-password',
      answer: async () => {
        const answer: FirstLogIn = { open: await isFirstLogInOpen(db), people: servedPeople() };
        return makeJsonAnswer(answer);
      },
    },
    {
      method: 'POST',
      path: '/v1/first-password',
      answer: async (request) => {
        const { by } = await readJson(request, byRequestSchema);
        return issued(await issueFirstPassword(db, { by: { username: by }, now: now() }));
      },
    },
    {
      method: 'POST',
      path: '/v1/users/:id/reset-password',
      answer: async (request, given) => {
        const { by } = await readJson(request, byRequestSchema);
        const signed = { by: { username: by }, now: now() };
        return issued(await resetPassword(db, await read(given), signed));
      },
    },
    {
      method: 'POST',
      path: '/v1/users/:id/disable',
      answer: (request, given) => setEnabled(request, given, false),
    },
    {
      method: 'POST',
      path: '/v1/users/:id/enable',
      answer: (request, given) => setEnabled(request, given, true),
    },
  ];
  return routes.map((route) => ({ ...route, answer: explainErrors(route.answer) }));
}
