import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const SCRIPTS = resolve(import.meta.dirname, '../../overlay/qvdc/usr/lib/quantix/vdc');

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quantix-throw-aways-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** A server that is started again whenever it ends, as its supervisor does. */
class Supervised implements AsyncDisposable {
  readonly #script: string;
  readonly #environment: Record<string, string>;
  readonly #ended = new AbortController();
  #child: ChildProcess | undefined;
  readonly #work: Promise<void>;

  constructor(script: string, environment: Record<string, string>) {
    this.#script = join(SCRIPTS, script);
    this.#environment = environment;
    this.#work = this.#supervise();
  }

  async #supervise(): Promise<void> {
    const env = { ...process.env, ...this.#environment };
    while (!this.#ended.signal.aborted) {
      this.#child = spawn(this.#script, ['run'], { env, stdio: 'ignore' });
      await once(this.#child, 'exit');
    }
  }

  async untilReady(): Promise<void> {
    const ask = () => execa(this.#script, ['ready'], { env: this.#environment, reject: false });
    while ((await ask()).exitCode !== 0) await wait(50);
  }

  kill(): void {
    this.#child?.kill('SIGKILL');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort();
    this.kill();
    await this.#work;
  }
}

/**
 * A loopback address for this process alone: if another process took the port of an etcd between its starts, etcd would
 * start empty.
 */
const LOOPBACK = [
  127,
  64 + (process.pid >> 16),
  (process.pid >> 8) & 0xff,
  process.pid & 0xff,
].join('.');

/** The last port that was used at this address. */
let lastPort = 20_000;

function ownAddress(): string {
  lastPort += 1;
  return `http://${LOOPBACK}:${lastPort}`;
}

/** Environment of an etcd for one test. @param readyWithin seconds that a start may take */
async function etcdEnvironment(readyWithin = 60) {
  return {
    QX_ROOT: await mkdtemp(join(folder, 'etcd-')),
    QX_CLIENT_URL: ownAddress(),
    QX_PEER_URL: ownAddress(),
    QX_READY_WITHIN: String(readyWithin),
  };
}

type EtcdEnvironment = Awaited<ReturnType<typeof etcdEnvironment>>;

/** Runs etcd until it is ready and has recorded this. */
async function runEtcd(environment: EtcdEnvironment): Promise<void> {
  await using server = new Supervised('etcd', environment);
  await server.untilReady();
  while (!(await readdir(environment.QX_ROOT)).includes('worked')) await wait(50);
  while ((await readdir(environment.QX_ROOT)).includes('unready')) await wait(50);
}

const WAL = 'member/wal/0000000000000000-0000000000000000.wal';
const DB = 'member/snap/db';

/** Bytes that are the same in every run, and not of any format. */
const GARBAGE = Buffer.from(Array.from({ length: 20_480 }, (_, i) => (i * 197 + (i >> 3)) % 251));

/** Ways in which a folder is damaged so that etcd does not start with it. */
const DAMAGES: Record<string, (data: string) => Promise<void>> = {
  'a log that is cut, which etcd waits for without end': (data) => truncate(join(data, WAL), 100),
  'an empty log': (data) => truncate(join(data, WAL), 0),
  'a log of zeroes': (data) => writeFile(join(data, WAL), Buffer.alloc(64_000)),
  'a log of garbage': (data) => writeFile(join(data, WAL), GARBAGE),
  'a store that is cut': (data) => truncate(join(data, DB), 4_096),
  'a store of zeroes': (data) => writeFile(join(data, DB), Buffer.alloc(20_480)),
  'a store of garbage': (data) => writeFile(join(data, DB), GARBAGE),
  'a file where a folder belongs': async (data) => {
    await rm(join(data, 'member'), { recursive: true });
    await writeFile(join(data, 'member'), 'x');
  },
  'a file where all of it belongs': async (data) => {
    await rm(data, { recursive: true });
    await writeFile(data, 'x');
  },
};

/** Puts keys into an etcd until it refuses one. @returns its refusal, from the JSON API */
async function fill({ QX_CLIENT_URL }: EtcdEnvironment): Promise<string> {
  const value = Buffer.alloc(1_000_000, 'full').toString('base64');
  for (let count = 0; ; count += 1) {
    const body = JSON.stringify({ key: Buffer.from(`key ${count}`).toString('base64'), value });
    const answer = await fetch(`${QX_CLIENT_URL}/v3/kv/put`, { method: 'POST', body });
    if (!answer.ok) return await answer.text();
  }
}

describe.concurrent('etcd', () => {
  test.each(Object.entries(DAMAGES))(
    'with %s starts empty, and leaves a notice',
    async (name, damage) => {
      const environment = await etcdEnvironment(name.includes('without end') ? 8 : 60);
      const root = environment.QX_ROOT;
      await runEtcd(environment);
      await damage(join(root, 'data'));
      await runEtcd(environment);
      expect(await readdir(root)).toEqual(['damaged', 'data', 'notice', 'worked']);
      expect(await readFile(join(root, 'notice'), 'utf8')).toMatch(
        /^.+ it was set aside as \/.+\/damaged, and etcd starts empty\n$/,
      );
    },
  );

  test('that is full starts empty, and leaves a notice', { timeout: 180_000 }, async () => {
    const environment = await etcdEnvironment(8);
    const root = environment.QX_ROOT;
    {
      await using server = new Supervised('etcd', environment);
      await server.untilReady();
      expect(await fill(environment)).toContain('database space exceeded');
    }
    await runEtcd(environment);
    expect(await readdir(root)).toEqual(['damaged', 'data', 'notice', 'worked']);
  });

  test('keeps its data when it is killed once during the start, or after it was ready', async () => {
    const environment = await etcdEnvironment();
    const root = environment.QX_ROOT;
    await runEtcd(environment);
    {
      await using server = new Supervised('etcd', environment);
      while (!(await readdir(root)).includes('unready')) await wait(5);
      server.kill();
      await server.untilReady();
      server.kill();
      await server.untilReady();
    }
    await runEtcd(environment);
    expect(await readdir(root)).toEqual(['data', 'worked']);
  });

  test('ignores foreign files beside its own', async () => {
    const environment = await etcdEnvironment();
    await mkdir(join(environment.QX_ROOT, 'data/lost+found'), { recursive: true });
    await writeFile(join(environment.QX_ROOT, 'data/foreign'), 'x');
    await runEtcd(environment);
    expect(await readdir(environment.QX_ROOT)).toEqual(['data', 'worked']);
  });

  test('that repeatedly fails to listen keeps the first folder that was set aside', async () => {
    const environment = await etcdEnvironment();
    const root = environment.QX_ROOT;
    await runEtcd(environment);
    await writeFile(join(root, 'data/mark'), 'of the folder that worked');
    const other = createServer((connection) => connection.destroy()).listen(
      Number(new URL(environment.QX_CLIENT_URL).port),
      LOOPBACK,
    );
    await once(other, 'listening');
    for (let start = 0; start < 5; start += 1) {
      await execa(join(SCRIPTS, 'etcd'), ['run'], { env: environment, reject: false });
    }
    other.close();
    expect(await readdir(root)).toEqual(expect.arrayContaining(['damaged', 'data', 'notice']));
    expect(await readFile(join(root, 'damaged/mark'), 'utf8')).toBe('of the folder that worked');
  });
});

test('Redis does not read files in its folder, and is restarted when it is killed', async () => {
  const socket = join(folder, 'redis/redis.sock');
  await mkdir(join(folder, 'redis'));
  await writeFile(join(folder, 'redis/dump.rdb'), GARBAGE);
  await using server = new Supervised('redis', { QX_SOCKET: socket });
  await server.untilReady();
  server.kill();
  await server.untilReady();
});
