import { readFile, writeFile } from 'node:fs/promises';
import type { Server } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { ConnectError } from '@connectrpc/connect';
import { sql } from 'kysely';
import { expect, test, vi } from 'vitest';
import type { Connection } from '../../apps/agent/membership/connection/connection.ts';
import { type FleetAddress, fleetAddressSchema } from '../../apps/api/address.ts';
import { runAddress } from '../../apps/control-plane/commands/address.ts';
import { operate } from '../../apps/control-plane/commands/operate.ts';
import { listAudit } from '../../apps/control-plane/database/repositories/audit-log.ts';
import { createAddressRoutes } from '../../apps/control-plane/operator/address-routes.ts';
import { planAddress } from '../../apps/control-plane/operator/client.ts';
import {
  OPERATOR_OPTIONS,
  type OperatorValues,
} from '../../apps/control-plane/operator/options.ts';
import { openNodeState } from '../../apps/control-plane/reconciliation/node-state.ts';
import { bind } from '../../apps/http/bind.ts';
import { createApiServer } from '../../apps/http/server.ts';
import type { Endpoints } from '../../apps/proto/gen/quantix/v1/node_service_pb.js';
import { temporaryFolder } from '../unit/folder.ts';
import { SILENT } from './database.ts';
import { OPERATOR_DOCUMENT, readCommands } from './document.ts';
import { type Host, NodeApi } from './node-api.ts';

/** Both addresses reach the API for agents: `lo` accepts all of 127.0.0.0/8, and only the first is assigned to it. */
const [OLD, NEW] = ['127.0.0.1', '127.0.0.2'];

const WITHIN = { timeout: 60_000, interval: 50 };

/** Milliseconds: each test serves hosts over a database of its own. */
vi.setConfig({ testTimeout: 180_000 });

/** A control plane that serves hosts and operators. */
class Site implements AsyncDisposable {
  readonly api: NodeApi;
  readonly socket: string;
  readonly #server: Server;
  readonly #senders: HeartbeatSender[] = [];
  isServed = true;

  private constructor(api: NodeApi, socket: string) {
    this.api = api;
    this.socket = socket;
    this.#server = createApiServer({
      routes: createAddressRoutes({
        database: api.opened.database,
        servedNodes: () => (this.isServed ? api.server : undefined),
      }),
      explain: () => undefined,
      onBug: (error) => {
        throw error;
      },
    });
  }

  static async open(): Promise<Site> {
    const api = await NodeApi.open();
    await sql`UPDATE leadership SET epoch = 7`.execute(api.db);
    const { database } = api.opened;
    const leadership = { untilOvertaken: <T>(work: (epoch: number) => Promise<T>) => work(7) };
    await api.stop();
    await api.start({
      agents: { listen: '0.0.0.0', port: api.port, announce: [] },
      state: openNodeState({ database, leadership, log: SILENT }),
    });
    const site = new Site(api, join(await temporaryFolder(), 'controlplane.sock'));
    await bind(site.#server, site.socket);
    return site;
  }

  /** A host that has joined and is connected over the first address. */
  async host(): Promise<HeartbeatSender> {
    const one = new HeartbeatSender(this.api, await this.api.host(await this.api.token()));
    this.#senders.push(one);
    await vi.waitFor(async () => {
      const node = (await this.show()).nodes.find(({ id }) => id === one.host.key.nodeId);
      expect(node).toMatchObject({ isHeard: true, over: OLD });
    }, WITHIN);
    return one;
  }

  /** The input of a command. */
  operating(values: OperatorValues = {}, form: 'json' | 'text' = 'text') {
    const lines: string[] = [];
    const { signal } = new AbortController();
    const tell = (text: string) => void lines.push(text);
    const silent = { print: async () => undefined, askLine: async () => undefined };
    return { lines, given: { form, values, socket: this.socket, signal, tell, ...silent } };
  }

  async show(): Promise<FleetAddress> {
    const { text } = await operate('address', ['show'], this.operating({}, 'json').given);
    return fleetAddressSchema.parse(JSON.parse(text));
  }

  origin(one: string): string {
    return `https://${one}:${this.api.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#senders.map((one) => one.stop()));
    this.#server.close();
    this.#server.closeAllConnections();
    await this.api[Symbol.asyncDispose]();
  }
}

/** A host that sends heartbeats every 100 ms, and keeps the answers. */
class HeartbeatSender {
  readonly host: Host;
  readonly #api: NodeApi;
  /** Origins that it has received. */
  origins: readonly string[] = [];
  #version = 0n;
  #number = 0n;
  #over = OLD;
  readonly #ending = new AbortController();
  readonly #senders: Promise<void>;

  constructor(api: NodeApi, host: Host) {
    this.host = host;
    this.#api = api;
    this.#senders = this.#beat();
  }

  /** Connects to another address of the control plane. */
  move(to: string): void {
    this.#over = to;
  }

  async stop(): Promise<void> {
    this.#ending.abort();
    await this.#senders;
  }

  async #beat(): Promise<void> {
    const { enrolment } = this.host;
    const api = this.#api;
    const open = new Map([[OLD, this.host.connection]]);
    while (!this.#ending.signal.aborted) {
      const over = this.#over;
      const connection =
        open.get(over) ?? api.connect(enrolment.credentials, `https://${over}:${api.port}`);
      open.set(over, connection);
      this.#number += 1n;
      const endpoints = await this.#say(connection, this.#number);
      if (endpoints !== undefined) {
        this.#version = endpoints.version;
        this.origins = endpoints.origins;
      }
      await sleep(100);
    }
  }

  /** Sends a heartbeat. @returns the received endpoints; undefined if there was no answer */
  async #say(connection: Connection, number: bigint): Promise<Endpoints | undefined> {
    try {
      const answer = await connection.client.heartbeat({
        position: { epoch: 1n, number },
        hostname: `host-${this.host.key.nodeId.slice(0, 4)}`,
        hypervisor: { available: true },
        endpointsVersion: this.#version,
      });
      return answer.endpoints;
    } catch (error) {
      if (error instanceof ConnectError) return undefined;
      throw error;
    }
  }
}

/** A stand-in for qx-network that records its arguments and then runs some shell text. */
async function network(more = ''): Promise<{ program: string; calls: () => Promise<string[]> }> {
  const folder = await temporaryFolder();
  const program = join(folder, 'qx-network');
  const calls = join(folder, 'calls');
  await writeFile(program, `#!/bin/sh\necho "$*" >>'${calls}'\n${more}`, { mode: 0o755 });
  return { program, calls: async () => (await readFile(calls, 'utf8')).trim().split('\n') };
}

test('hosts are notified of a change of address, which becomes permanent once they connect over the new address', async () => {
  await using site = await Site.open();
  const [one, two] = [await site.host(), await site.host()];
  const { program, calls } = await network();
  const { lines, given } = site.operating({ within: '60s', gateway: '127.0.0.9' });
  const changing = runAddress('change', ['lo', `${NEW}/8`], given, { program });
  const put = `static lo ${NEW}/8 --gateway=127.0.0.9 --confirm 60`;
  await vi.waitFor(async () => expect(await calls()).toEqual([put]), WITHIN);
  for (const { origins } of [one, two]) expect(origins).toContain(site.origin(NEW));
  expect((await site.show()).planned).toContain(site.origin(NEW));
  one.move(NEW);
  two.move(NEW);
  expect(await changing).toEqual({
    ...{ text: `lo has ${NEW}: 2 hosts connected to it.\n`, status: 0 },
  });
  expect(await calls()).toEqual([put, 'confirm lo']);
  expect(lines.join('')).toContain(`2 hosts get the address ${NEW}.`);
  expect(await site.show()).toMatchObject({ planned: [], nodes: [{ over: NEW }, { over: NEW }] });
  // Hosts received the new address only as part of the plan, because addresses of `lo` are not announced.
  await vi.waitFor(() => expect(one.origins).not.toContain(site.origin(NEW)), WITHIN);
  const entries = (await listAudit(site.api.db, { limit: 100 })).map(({ action }) => action);
  expect(entries.filter((action) => action.startsWith('address')).sort()).toEqual([
    ...['address.changed', 'address.planned'],
  ]);
});

test('the commands of docs/operator.md change the address, and withdraw a change', async () => {
  await using site = await Site.open();
  const one = await site.host();
  const { program, calls } = await network();
  const put = `static lo ${NEW}/8 --gateway=10.0.0.1 --confirm 120`;
  const verbs: string[] = [];
  for (const { command, place } of await readCommands(OPERATOR_DOCUMENT)) {
    if (place !== 'appliance with hosts') continue;
    const here = command.replace('eth0', 'lo').replace('10.0.0.5/24', `${NEW}/8`);
    const [name, noun, verb = '', ...args] = here.split(' ');
    expect([name, noun]).toEqual(['qx-controlplane', 'address']);
    verbs.push(verb);
    const options = OPERATOR_OPTIONS;
    const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
    const { given } = site.operating(values);
    if (verb === 'withdraw') await planAddress({ address: NEW }, site);
    const called = runAddress(verb, positionals, given, { program });
    if (verb === 'change') {
      await vi.waitFor(async () => expect(await calls()).toEqual([put]), WITHIN);
      one.move(NEW);
    }
    expect((await called).status).toBe(0);
    expect((await site.show()).planned).toEqual([]);
  }
  expect(verbs).toEqual(['change', 'withdraw']);
  expect(await calls()).toEqual([put, 'confirm lo']);
});

test('an address that qx-network refuses is reported with its message and withdrawn from the hosts', async () => {
  await using site = await Site.open();
  const one = await site.host();
  const { program } = await network('echo "qx-network: lo: it is taken" >&2; exit 1');
  const changing = runAddress('change', ['lo', `${NEW}/8`], site.operating().given, { program });
  await expect(changing).rejects.toThrow('the address is not changed: lo: it is taken');
  expect((await site.show()).planned).toEqual([]);
  await vi.waitFor(() => expect(one.origins).not.toContain(site.origin(NEW)), WITHIN);
});

test('a host that is off is named, and the address stays unless the operator forces the change', async () => {
  await using site = await Site.open();
  await site.host();
  const off = await site.api.host(await site.api.token());
  await sql`UPDATE nodes SET hostname = 'off' WHERE id = ${off.key.nodeId}`.execute(site.api.db);
  const { program, calls } = await network();
  const { lines, given } = site.operating({}, 'json');
  const { status, text } = await runAddress('change', ['lo', `${NEW}/8`], given, { program });
  expect({ status, ...JSON.parse(text) }).toMatchObject({ status: 1, outcome: 'withdrawn' });
  expect(lines.join('')).toContain('have not confirmed the new address: off\n');
  await expect(calls()).rejects.toThrow('ENOENT');
});

test('a planned change of address survives a restart of the service, until it is withdrawn', async () => {
  await using site = await Site.open();
  await planAddress({ address: NEW }, site);
  await site.api.stop();
  await site.api.start();
  expect((await site.show()).planned).toContain(site.origin(NEW));
  const withdraw = () => operate('address', ['withdraw'], site.operating({}, 'json').given);
  expect(fleetAddressSchema.parse(JSON.parse((await withdraw()).text)).planned).toEqual([]);
  expect((await site.show()).planned).toEqual([]);
  await expect(withdraw()).rejects.toThrow('no change of the address is planned');
  site.isServed = false;
  await expect(site.show()).rejects.toThrow('hosts are not served at the moment');
});

test.each([
  [['move'], {}, 'address is followed by show, change or withdraw'],
  [['change', 'lo'], {}, 'an argument is missing'],
  [['change', 'lo', '127.0.0.2'], {}, '"127.0.0.2" is not an address such as 10.0.0.5/24'],
  [['change', 'lo', 'qvdc/24'], {}, '"qvdc/24" is not an address'],
  [['change', 'lo', '127.0.0.2/8'], { within: '10s' }, '--within is at least 30s'],
  [['change', 'lo', '127.0.0.2/8'], { percent: '0' }, '--percent "0" is not a number'],
  [['show'], { within: '60s' }, '--within is not an option of address show'],
])('address %j %j is wrong usage', async (words, values, told) => {
  const given = {
    ...{
      form: 'text' as const,
      values,
      socket: '/nonexistent',
      signal: new AbortController().signal,
    },
    ...{ tell: () => undefined, print: async () => undefined, askLine: async () => undefined },
  };
  await expect(operate('address', words, given)).rejects.toThrow(told);
});
