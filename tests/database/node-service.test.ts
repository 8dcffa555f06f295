import { randomUUID } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { CommandStream, type Commands } from '../../apps/agent/membership/command-stream.ts';
import type { Connection } from '../../apps/agent/membership/connection/connection.ts';
import { explainFailure } from '../../apps/agent/membership/connection/failure.ts';
import { makeCertificateRequest } from '../../apps/agent/membership/identity/certificate-request.ts';
import { makeCredentials } from '../../apps/agent/membership/identity/credentials.ts';
import { makeVersionMessage } from '../../apps/agent/membership/version.ts';
import {
  announce,
  notifyStream,
} from '../../apps/control-plane/database/repositories/announcements.ts';
import { departNode } from '../../apps/control-plane/database/repositories/departed-nodes.ts';
import {
  adoptNode,
  findNode,
  setNodePhase,
  wantFullState,
} from '../../apps/control-plane/database/repositories/nodes.ts';
import {
  cancelTask,
  createTask,
  findTask,
  type TaskVerb,
} from '../../apps/control-plane/database/repositories/tasks.ts';
import { readCertificateRequest } from '../../apps/control-plane/trust/certificate-request.ts';
import {
  StartVmSchema,
  StopVmSchema,
  type Task,
  type TaskReport,
  TaskReportSchema,
  TaskState,
} from '../../apps/proto/gen/quantix/v1/task_pb.js';
import { type Host, NodeApi } from './node-api.ts';

const DAY = 86_400_000;
const VM = 'aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa';

/** Returns the agent's message for a call that must fail. */
async function refusal(call: Promise<unknown>): Promise<string> {
  const error = await call.then(
    () => new Error('it was taken'),
    (one: unknown) => one,
  );
  return explainFailure(error, 'here').message;
}

const heartbeat = ({ connection }: { connection: Connection }) =>
  connection.client.heartbeat({
    position: { epoch: 1n, number: 1n },
    version: makeVersionMessage('1'),
  });

/** Connects the host with another certificate for its key. @param ago age of the certificate in milliseconds */
async function certified(api: NodeApi, { key }: Host, ago: number): Promise<Connection> {
  const request = await readCertificateRequest(await makeCertificateRequest(key));
  const certificateChain = await api.authority.sign(request, Date.now() - ago);
  const caCertificates = api.authority.bundle;
  return api.connect(makeCredentials({ key, certificateChain, caCertificates, where: 'here' }));
}

test('a host joins with a token, which no other host can then use, and keeps the settings of administrators', async () => {
  await using api = await NodeApi.open();
  const token = await api.token();
  const host = await api.host(token);
  const { nodeId } = host.key;
  expect(await findNode(api.db, nodeId)).toMatchObject({
    hostname: 'host-a',
    managementIp: '192.0.2.10',
    phase: 'PENDING',
    spec: { product: 'Quantix-OS' },
  });
  expect(host.enrolment.trustBundleVersion).toBeGreaterThan(0n);
  expect(await heartbeat(host)).toMatchObject({ applied: true, version: { protocol: 2 } });
  await setNodePhase(api.db, nodeId, 'MAINTENANCE');
  // The host registers again, as if the first answer had been lost.
  await api.host(token, host.key);
  expect(await findNode(api.db, nodeId)).toMatchObject({ phase: 'MAINTENANCE' });
  await expect(api.host(token)).rejects.toThrow('the join token was used by another node');
  const expired = await api.token();
  await sql`UPDATE join_tokens SET created_at = now() - interval '2 s', expires_at = now() - interval '1 s'
    WHERE NOT EXISTS (SELECT FROM join_token_uses WHERE token_id = id)`.execute(api.db);
  await expect(api.host(expired)).rejects.toThrow('the join token has expired');
  await expect(api.host(`qxj1.${'x'.repeat(40)}.${api.authority.fingerprint}`)).rejects.toThrow(
    'the control plane does not know the join token',
  );
});

test('a host joins whatever address it reports; one that cannot be recorded is left out', async () => {
  await using api = await NodeApi.open();
  for (const address of ['fe80::1%eth0', 'no address', '']) {
    const { key } = await api.host(await api.token(), undefined, address);
    expect(await findNode(api.db, key.nodeId)).toMatchObject({ managementIp: null });
  }
});

test('a certificate is renewed for its own key only, up to a year after it expired', async () => {
  await using api = await NodeApi.open();
  const host = await api.host(await api.token());
  const renew = async (connection: Connection, key = host.key) =>
    connection.client.renewCertificate({ certificateRequest: await makeCertificateRequest(key) });
  const { certificateChain, caCertificates } = await renew(host.connection);
  const credentials = makeCredentials({
    key: host.key,
    certificateChain,
    caCertificates,
    where: '',
  });
  expect(await heartbeat({ connection: api.connect(credentials) })).toMatchObject({
    applied: true,
  });
  const expired = await certified(api, host, 200 * DAY);
  expect(await refusal(heartbeat({ connection: expired }))).toMatch(/expired too long ago/);
  await renew(expired);
  const ancient = await certified(api, host, 500 * DAY);
  expect(await refusal(renew(ancient))).toMatch(/expired too long ago/);
  const other = await api.host(await api.token());
  expect(await refusal(renew(host.connection, other.key))).toMatch(/does not sign/);
});

test('a node that has left or was deleted stays away until a new token brings it back', async () => {
  await using api = await NodeApi.open();
  const token = await api.token();
  const host = await api.host(token);
  const { nodeId } = host.key;
  await host.connection.client.leave({ reason: 'moves\0 out' });
  expect(await refusal(heartbeat(host))).toMatch(/was deleted from the control plane/);
  await expect(api.host(token, host.key)).rejects.toThrow(/was used/);
  const back = await api.host(await api.token(), host.key);
  expect(await heartbeat(back)).toMatchObject({ applied: true });
  const departure = { nodeId, how: 'DELETED', by: 'admin', reason: '', now: new Date() } as const;
  await departNode(api.db, departure);
  expect(await refusal(heartbeat(host))).toMatch(/was deleted from the control plane/);
  expect(await findNode(api.db, nodeId)).toBeUndefined();
  await api.host(await api.token(), host.key);
  expect(await heartbeat(host)).toMatchObject({ applied: true });
});

test('a node that a restored database does not know is refused until it is adopted', async () => {
  await using api = await NodeApi.open();
  const host = await api.host(await api.token());
  await sql`DELETE FROM nodes`.execute(api.db);
  expect(await refusal(heartbeat(host))).toMatch(/restored from a backup/);
  const { nodeId } = host.key;
  expect(await adoptNode(api.db, nodeId, { by: 'ada' })).toBe('unknown');
  expect(await heartbeat(host)).toMatchObject({ applied: true });
  expect(await adoptNode(api.db, nodeId, { by: 'ada' })).toBe('member');
  const departure = { nodeId, how: 'DELETED', by: 'ada', reason: '', now: new Date() } as const;
  await departNode(api.db, departure);
  expect(await adoptNode(api.db, nodeId, { by: 'ada' })).toBe('departed');
  expect(await refusal(heartbeat(host))).toMatch(/was deleted from the control plane/);
});

test('a node one protocol version older or newer is served; one further away is refused with both versions', async () => {
  await using api = await NodeApi.open();
  const { connection } = await api.host(await api.token());
  const say = (protocol: number, oldestProtocol: number) =>
    connection.client.heartbeat({ version: { protocol, oldestProtocol } });
  expect(await connection.client.heartbeat({})).toMatchObject({ applied: true });
  expect(await say(1, 1)).toMatchObject({ applied: true });
  expect(await say(3, 2)).toMatchObject({ applied: true });
  expect(await refusal(say(4, 3))).toMatch(/no version of their protocol in common/);
});

test('nodes get the addresses of the control plane once, and again when they change', async () => {
  await using api = await NodeApi.open();
  const announce = ['https://192.0.2.77:9443'];
  const { enrolment, key, connection } = await api.host(await api.token());
  const known = enrolment.endpoints?.version ?? 0n;
  const say = (endpointsVersion: bigint) => connection.client.heartbeat({ endpointsVersion });
  expect((await say(known)).endpoints).toBeUndefined();
  expect((await say(0n)).endpoints?.version).toBe(known);
  await api.stop();
  await api.start();
  expect((await say(known)).endpoints).toBeUndefined();
  await api.stop();
  await api.start({ agents: { listen: '127.0.0.1', port: api.port, announce } });
  const told = (await say(known)).endpoints;
  expect(told?.origins).toEqual(announce);
  expect(told?.version).toBeGreaterThan(known);
  expect((await connection.client.getTrustBundle({})).version).toBe(enrolment.trustBundleVersion);
  expect(await findNode(api.db, key.nodeId)).toBeDefined();
});

/** Opens the agent's command stream, and collects the received commands. */
class Commander implements Commands {
  readonly verbs: string[];
  readonly taken: Task[] = [];
  readonly cancelled: string[] = [];
  heartbeats = 0;
  readonly #reports: TaskReport[] = [];
  readonly #ending = new AbortController();
  readonly #running: Promise<void>;

  constructor(connection: Connection, verbs: string[]) {
    this.verbs = verbs;
    this.#running = new CommandStream({
      ...{ commands: this, connection: () => connection, agentVersion: '1', bootId: 'boot-1' },
      onHeartbeatWanted: () => {
        this.heartbeats += 1;
      },
      ...{ log: () => undefined, random: () => 0 },
    }).run(this.#ending.signal);
  }

  take(task: Task): void {
    this.taken.push(task);
  }

  cancel(id: string): void {
    this.cancelled.push(id);
  }

  report(report: TaskReport): void {
    this.#reports.push(report);
  }

  async nextReport(signal: AbortSignal): Promise<TaskReport | undefined> {
    while (this.#reports.length === 0 && !signal.aborted) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return this.#reports[0];
  }

  acknowledge(): void {
    this.#reports.shift();
  }

  async stop(): Promise<void> {
    this.#ending.abort();
    await this.#running;
  }
}

const START: TaskVerb = { case: 'startVm', value: create(StartVmSchema, { vmId: VM }) };
const STOP: TaskVerb = { case: 'stopVm', value: create(StopVmSchema, { vmId: VM }) };

function give(api: NodeApi, { key }: Host, verb = START, life = 60_000) {
  const expiresAt = new Date(Date.now() + life);
  return createTask(api.db, { nodeId: key.nodeId, verb, requestedBy: 'a test', expiresAt });
}

const WITHIN = { timeout: 20_000, interval: 20 };

test('tasks are sent over the stream as they are created, and again over each new stream until their end is reported', async () => {
  await using api = await NodeApi.open();
  const host = await api.host(await api.token());
  const early = await give(api, host);
  const first = new Commander(host.connection, ['startVm']);
  await expect.poll(() => first.taken.map(({ id }) => id), WITHIN).toEqual([early.id]);
  const late = await give(api, host);
  await expect.poll(() => first.taken.map(({ id }) => id), WITHIN).toEqual([early.id, late.id]);
  await wantFullState(api.db, host.key.nodeId, { by: 'admin', now: new Date() });
  await notifyStream(api.db, host.key.nodeId);
  await expect.poll(() => first.heartbeats, WITHIN).toBe(1);
  const unknown = await give(api, host, STOP);
  await expect
    .poll(() => findTask(api.db, unknown.id), WITHIN)
    .toMatchObject({ state: 'FAILED', errorCode: 'UNSUPPORTED' });
  await cancelTask(api.db, late.id, { by: 'admin', now: new Date() });
  await expect.poll(() => first.cancelled, WITHIN).toEqual([late.id]);
  const report = (taskId: string, number: number, state: TaskState) =>
    first.report(create(TaskReportSchema, { taskId, number, state }));
  report(early.id, 2, TaskState.DONE);
  report(early.id, 1, TaskState.RUNNING);
  report(early.id, 3, TaskState.FAILED);
  report(randomUUID(), 1, TaskState.DONE);
  await expect.poll(() => findTask(api.db, early.id), WITHIN).toMatchObject({ state: 'DONE' });

  // The control plane uses the newest stream, and sends the unfinished tasks on it.
  const second = new Commander(api.connect(host.enrolment.credentials), ['startVm', 'stopVm']);
  await expect.poll(() => second.taken.map(({ id }) => id), WITHIN).toEqual([late.id]);
  await expect.poll(() => second.cancelled, WITHIN).toEqual([late.id]);
  await first.stop();
  const last = await give(api, host, STOP);
  await expect.poll(() => second.taken.at(-1)?.id, WITHIN).toBe(last.id);
  expect(await findTask(api.db, early.id)).toMatchObject({ state: 'DONE', reportNumber: 2 });

  // The control plane is unreachable for a moment.
  await api.stop();
  const meanwhile = await give(api, host);
  await api.start();
  await expect.poll(() => second.taken.at(-1)?.id, WITHIN).toBe(meanwhile.id);
  await second.stop();
});

test('a task that was not sent in time ends as EXPIRED, and one whose outcome was not reported as TIMEOUT', async () => {
  await using api = await NodeApi.open();
  const host = await api.host(await api.token());
  const untaken = await give(api, host, START, -1000);
  const untold = await give(api, host, START, -3_600_000);
  await sql`UPDATE tasks SET state = 'RUNNING' WHERE id = ${untold.id}`.execute(api.db);
  const codes = async () => [
    (await findTask(api.db, untaken.id))?.errorCode,
    (await findTask(api.db, untold.id))?.errorCode,
  ];
  await expect.poll(codes, WITHIN).toEqual(['EXPIRED', 'TIMEOUT']);
});

test('a server that fails while it starts leaves its port free for the next attempt', async () => {
  await using api = await NodeApi.open();
  await api.stop();
  await announce(api.db, 'planned-endpoints', 'unreadable');
  await expect(api.start()).rejects.toThrow();
  await announce(api.db, 'planned-endpoints', '[]');
  await api.start();
  expect(await api.host(await api.token())).toMatchObject({ enrolment: expect.anything() });
});

test('deleting a node ends its stream', async () => {
  await using api = await NodeApi.open();
  const host = await api.host(await api.token());
  const stream = host.connection.client.watch(
    { version: makeVersionMessage('1') },
    { timeoutMs: 0 },
  );
  const { nodeId } = host.key;
  const departure = { nodeId, how: 'DELETED', by: 'admin', reason: '', now: new Date() } as const;
  const cases: (string | undefined)[] = [];
  for await (const { content } of stream) {
    if (cases.length === 0) await departNode(api.db, departure);
    cases.push(content.case);
  }
  expect(cases[0]).toBe('opened');
  expect(await refusal(heartbeat(host))).toMatch(/was deleted/);
});
