import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { FleetTask, FleetVm } from '../../../../../apps/api/fleet.ts';
import { operate } from '../../../../../apps/control-plane/commands/operate.ts';
import { bind } from '../../../../../apps/http/bind.ts';
import { ApiError } from '../../../../../apps/http/error.ts';
import { makeJsonAnswer } from '../../../../../apps/http/route.ts';
import { createApiServer } from '../../../../../apps/http/server.ts';
import { temporaryFolder } from '../../../folder.ts';

const AT = '2026-01-01T00:00:00.000Z';

const vm = (name: string): FleetVm => ({
  ...{ id: name, name, nodeId: 'n', node: 'alpha', powerState: 'RUNNING', known: 'now', asOf: AT },
  ...{ isManaged: true, lostReason: null },
});

const task = (id: string, state: FleetTask['state']): FleetTask => ({
  ...{ id, nodeId: 'n', node: 'alpha', verb: 'shutdownVm', objectType: 'vm', objectId: id, state },
  ...{ progress: 0, message: '', error: null, requestedBy: 'root', isCancelRequested: false },
  ...{ createdAt: AT, expiresAt: AT, sentAt: AT, startedAt: AT },
  finishedAt: state === 'DONE' ? AT : null,
});

/** Carries out a command on a control plane that refuses some machines, and later answers as `look` does. */
async function command(
  words: string,
  { refused = [], look }: { refused?: readonly string[]; look: () => FleetTask['state'] },
  values = {},
) {
  const socket = join(await temporaryFolder(), 'socket');
  const server = createApiServer({
    routes: [
      { method: 'GET', path: '/v1/vms/:id', answer: async (_, id) => makeJsonAnswer(vm(id)) },
      {
        method: 'POST',
        path: '/v1/vms/:id/tasks',
        answer: async (_, id) => {
          if (refused.includes(id)) throw new ApiError(409, `${id} is lost`);
          return makeJsonAnswer(task(id, 'SENT'));
        },
      },
      {
        method: 'GET',
        path: '/v1/tasks/:id',
        answer: async (_, id) => makeJsonAnswer(task(id, look())),
      },
    ],
    explain: () => undefined,
    onBug: () => undefined,
  });
  await bind(server, socket);
  const told: string[] = [];
  const outcome = operate('vms', words.split(' '), {
    ...{ form: 'text', values, socket, signal: new AbortController().signal },
    ...{ tell: (text) => told.push(text), print: async () => undefined },
    askLine: async () => undefined,
  });
  return { ...(await outcome.finally(() => server.close())), told };
}

test('a control plane that restarts while a task is awaited is asked again', async () => {
  let asked = 0;
  const look = () => {
    asked += 1;
    if (asked < 3) throw new ApiError(503, 'the database does not answer');
    return 'DONE' as const;
  };
  const { text, status, told } = await command('shutdown web', { look });
  expect(text).toMatch(/^web: .*done/);
  expect(status).toBe(0);
  expect(told.filter((one) => one.includes('does not answer'))).toHaveLength(1);
});

test('if one of several machines is refused, the others are awaited, and both are shown', async () => {
  const asked = { refused: ['mail'], look: () => 'DONE' as const };
  const { text, status, told } = await command('shutdown web mail files', asked);
  expect(text).toMatch(/^web: .*done\nfiles: .*done\n$/);
  expect(told).toContain('mail is lost\n');
  expect(status).toBe(1);
  await expect(command('shutdown mail', asked)).rejects.toThrow('mail is lost');
});
