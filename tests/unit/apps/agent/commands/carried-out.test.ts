import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { expect, test, vi } from 'vitest';
import { PoolType } from '../../../../../apps/proto/gen/quantix/v1/storage_pb.js';
import {
  TaskErrorCode,
  type TaskReport,
  TaskState,
} from '../../../../../apps/proto/gen/quantix/v1/task_pb.js';
import { VolumeFormat } from '../../../../../apps/proto/gen/quantix/v1/vm_spec_pb.js';
import type { TaskInit } from '../../../../control-plane/tasks.ts';
import { LIBVIRT_IS_HERE } from '../../libvirt/daemon.ts';
import { type RealAgent, realAgent } from './real-agent.ts';
import { ID, spec } from './specs.ts';

/* The real agent, as a process, carries out the control plane's tasks with a real libvirt. */

type Verb = NonNullable<TaskInit['verb']>;

/** Gives a task, and waits for its end. */
async function done({ node }: RealAgent, verb: Verb, task: TaskInit = {}): Promise<TaskReport> {
  const { tasks } = node();
  return await tasks.ended(tasks.give({ ...task, verb }));
}

const ON_VM = { vmId: ID };
const DONE = { state: TaskState.DONE };

function failed(code: TaskErrorCode) {
  return { state: TaskState.FAILED, error: { code } };
}

function state({ daemon }: RealAgent): Promise<string> {
  return daemon.virsh('domstate', ID);
}

/** The tests run at the same time, because they mostly wait for agents to start and for virsh. */
const AT_ONCE = { concurrent: true, timeout: 240_000 };
const soon = { timeout: 30_000, interval: 50 };

const here = test.runIf(LIBVIRT_IS_HERE);

here(
  'a machine is defined, started, shut down, stopped, changed and undefined; most tasks may be repeated, and impossible ones are refused',
  AT_ONCE,
  async ({ onTestFinished }) => {
    const agent = await realAgent(onTestFinished);
    await agent.start();
    const define = (changes: Parameters<typeof spec>[0]) =>
      done(agent, { case: 'defineVm', value: { spec: spec(changes) } });
    const defined = await define({});
    expect(defined).toMatchObject({ ...DONE, result: { definitionGeneration: 1n } });
    expect(await define({})).toMatchObject(DONE);
    const kept = await readFile(`${agent.folder}/vms/${ID}.json`, 'utf8');
    expect(JSON.parse(kept)).toMatchObject({ spec: { id: ID, generation: '1' } });
    expect(await state(agent)).toMatch(/shut off/);
    expect(await done(agent, { case: 'startVm', value: ON_VM })).toMatchObject(DONE);
    expect(await done(agent, { case: 'startVm', value: ON_VM })).toMatchObject(DONE);
    expect(await state(agent)).toMatch(/running/);
    expect(await done(agent, { case: 'undefineVm', value: ON_VM })).toMatchObject(
      failed(TaskErrorCode.CONFLICT),
    );
    expect(await done(agent, { case: 'shutdownVm', value: ON_VM })).toMatchObject(DONE);
    expect(await done(agent, { case: 'shutdownVm', value: ON_VM })).toMatchObject(DONE);
    expect(await done(agent, { case: 'rebootVm', value: ON_VM })).toMatchObject(
      failed(TaskErrorCode.CONFLICT),
    );
    await done(agent, { case: 'startVm', value: ON_VM });
    expect(await done(agent, { case: 'stopVm', value: ON_VM })).toMatchObject(DONE);
    expect(await done(agent, { case: 'stopVm', value: ON_VM })).toMatchObject(DONE);
    const changed = await define({ generation: 2n, cpus: 1, name: 'renamed', autostart: true });
    expect(changed).toMatchObject({ ...DONE, result: { definitionGeneration: 2n } });
    expect(changed.result?.definitionSha256).not.toBe(defined.result?.definitionSha256);
    const info = await agent.daemon.virsh('dominfo', ID);
    expect(info).toMatch(/^Name: +renamed$/m);
    expect(info).toMatch(/^Autostart: +enable$/m);
    expect(await define({})).toMatchObject(failed(TaskErrorCode.OUTDATED));
    const older = await done(agent, { case: 'startVm', value: ON_VM }, { generation: 1n });
    expect(older).toMatchObject(failed(TaskErrorCode.OUTDATED));
    expect(await done(agent, { case: 'undefineVm', value: ON_VM })).toMatchObject(DONE);
    expect(await done(agent, { case: 'undefineVm', value: ON_VM })).toMatchObject(DONE);
    expect(await done(agent, { case: 'startVm', value: ON_VM })).toMatchObject(
      failed(TaskErrorCode.NOT_FOUND),
    );
    const bad = await done(agent, { case: 'defineVm', value: { spec: spec({ name: '../x' }) } });
    expect(bad).toMatchObject({
      ...failed(TaskErrorCode.INVALID),
      error: { message: expect.stringMatching(/spec\.name/) },
    });
    const disks = [{ volume: { poolId: 'none', name: 'a' }, format: 1 }];
    const unplaced = await done(agent, { case: 'defineVm', value: { spec: spec({ disks }) } });
    expect(unplaced).toMatchObject(failed(TaskErrorCode.NOT_FOUND));
    expect(await agent.daemon.virsh('list', '--all', '--uuid')).not.toContain(ID);
  },
);

here(
  'a pool is mounted, and a volume is made in it and given to a machine; neither can be removed while it is in use',
  AT_ONCE,
  async ({ onTestFinished }) => {
    const agent = await realAgent(onTestFinished);
    await agent.start();
    // A pool cannot be in /tmp.
    const source = await mkdtemp('/var/tmp/quantix-pool-');
    onTestFinished(() => rm(source, { recursive: true }));
    const poolId = '0d9a4c1e-7a52-4d1c-8d57-0e6a3d0f4b11';
    const pool = { id: poolId, name: 'assigned', type: PoolType.DIRECTORY, source };
    const volume = { poolId, name: 'disk.qcow2' };
    const format = VolumeFormat.QCOW2;
    const mounted = await done(agent, { case: 'mountPool', value: { pool } });
    expect(mounted).toMatchObject({ ...DONE, result: { poolId: expect.stringMatching(/./) } });
    expect(await done(agent, { case: 'mountPool', value: { pool } })).toMatchObject(DONE);
    const make = { volume, format, capacityBytes: 1n << 20n };
    expect(await done(agent, { case: 'createVolume', value: make })).toMatchObject(DONE);
    const disks = [{ volume, format }];
    const defined = await done(agent, { case: 'defineVm', value: { spec: spec({ disks }) } });
    expect(defined).toMatchObject(DONE);
    expect(await agent.daemon.virsh('domblklist', ID)).toContain(`${source}/disk.qcow2`);
    const { ledger } = agent.node();
    await vi.waitFor(() => {
      expect(ledger.vms.get(ID)).toMatchObject({
        managed: true,
        definitionGeneration: 1n,
        definitionSha256: defined.result?.definitionSha256,
        disks: [{ target: 'vda', source: `${source}/disk.qcow2`, poolId: mounted.result?.poolId }],
      });
    }, soon);
    const remove: Verb = { case: 'deleteVolume', value: { volume } };
    const letGo: Verb = { case: 'unmountPool', value: { poolId } };
    expect(await done(agent, remove)).toMatchObject(failed(TaskErrorCode.CONFLICT));
    expect(await done(agent, letGo)).toMatchObject(failed(TaskErrorCode.CONFLICT));
    expect(await done(agent, { case: 'undefineVm', value: ON_VM })).toMatchObject(DONE);
    expect(await done(agent, remove)).toMatchObject(DONE);
    expect(await readdir(source)).toEqual([]);
    for (let times = 0; times < 2; times += 1) expect(await done(agent, letGo)).toMatchObject(DONE);
    const nowhere = { ...pool, id: ID, name: 'b', source: '/' };
    const refused = await done(agent, { case: 'mountPool', value: { pool: nowhere } });
    expect(refused).toMatchObject(failed(TaskErrorCode.CONFLICT));
  },
);

here(
  'if a guest ignores the request to shut down, the task ends as a timeout, and the guest runs on',
  AT_ONCE,
  async ({ onTestFinished }) => {
    const agent = await realAgent(onTestFinished, {
      virsh: 'case "$*" in *" shutdown "*) exit 0 ;; esac',
    });
    await agent.start();
    await done(agent, { case: 'defineVm', value: { spec: spec() } });
    await done(agent, { case: 'startVm', value: ON_VM });
    const report = await done(
      agent,
      { case: 'shutdownVm', value: ON_VM },
      { expiresAt: timestampFromMs(Date.now() + 6000) },
    );
    expect(report).toMatchObject(failed(TaskErrorCode.TIMEOUT));
    expect(report.error?.message).toMatch(/still runs/);
    expect(await state(agent)).toMatch(/running/);
    expect(await done(agent, { case: 'stopVm', value: ON_VM })).toMatchObject(DONE);
  },
);

here(
  'a start during which the agent was killed is not repeated',
  AT_ONCE,
  async ({ onTestFinished }) => {
    // libvirt starts the machine, but the agent never learns of it.
    const agent = await realAgent(onTestFinished, {
      virsh: 'case "$*" in *" start "*) PATH="$REST" virsh "$@"; sleep 1000 ;; esac',
    });
    await agent.start();
    await done(agent, { case: 'defineVm', value: { spec: spec() } });
    const id = agent.node().tasks.give({ verb: { case: 'startVm', value: ON_VM } });
    await vi.waitFor(async () => expect(await state(agent)).toMatch(/running/), soon);
    await agent.kill();
    // An operator has stopped the machine in the meantime; then the control plane sends the task again.
    await agent.daemon.virsh('destroy', ID);
    await agent.start();
    expect(await agent.node().tasks.ended(id)).toMatchObject(failed(TaskErrorCode.INTERRUPTED));
    expect(await state(agent)).toMatch(/shut off/);
  },
);

/**
 * A stand-in for virsh that records each action after libvirt has done it, and does not return while the file `hold`
 * exists.
 */
const HOLDING = `case "$*" in
*" define "* | *" start "* | *" reboot "* | *" shutdown "* | *" destroy "* | *" undefine "*)
  PATH="$REST" virsh "$@"; code=$?
  echo "$*" >>"\${0%/*}/deeds"
  while [ -e "\${0%/*}/hold" ]; do sleep 0.05; done
  exit $code ;;
esac`;

here(
  'an action during which the agent was killed is done once, and reported as done or interrupted; after its deadline no action begins',
  { ...AT_ONCE, timeout: 600_000 },
  async ({ onTestFinished }) => {
    const agent = await realAgent(onTestFinished, { virsh: HOLDING });
    const [hold, deeds] = ['hold', 'deeds'].map((name) => join(agent.folder, 'bin', name)) as [
      string,
      string,
    ];
    /** Returns how often libvirt has done an action since the last kill. */
    const times = async (word: string) =>
      (await readFile(deeds, 'utf8').catch(() => '')).split(` ${word} `).length - 1;
    await agent.start();
    const cut = async (word: string, verb: Verb): Promise<TaskReport> => {
      await rm(deeds, { force: true });
      await writeFile(hold, '');
      const expiresAt = timestampFromMs(Date.now() + 600_000);
      const id = agent.node().tasks.give({ verb, expiresAt });
      await vi.waitFor(async () => expect(await times(word)).toBe(1), soon);
      await agent.kill();
      await rm(hold);
      await agent.start();
      const report = await agent.node().tasks.ended(id);
      // A machine is defined twice: the second definition adds the user that it runs as.
      if (word !== 'define') expect(await times(word)).toBe(1);
      return report;
    };
    expect(await cut('define', { case: 'defineVm', value: { spec: spec() } })).toMatchObject(DONE);
    expect(await state(agent)).toMatch(/shut off/);
    expect(await cut('start', { case: 'startVm', value: ON_VM })).toMatchObject(DONE);
    expect(await state(agent)).toMatch(/running/);
    const rebooted = await cut('reboot', { case: 'rebootVm', value: ON_VM });
    expect(rebooted).toMatchObject(failed(TaskErrorCode.INTERRUPTED));
    expect(await cut('shutdown', { case: 'shutdownVm', value: ON_VM })).toMatchObject(DONE);
    expect(await state(agent)).toMatch(/shut off/);
    await agent.daemon.virsh('start', ID);
    expect(await cut('destroy', { case: 'stopVm', value: ON_VM })).toMatchObject(DONE);
    expect(await state(agent)).toMatch(/shut off/);
    await rm(deeds);
    const past = { expiresAt: timestampFromMs(Date.now() - 1000) };
    const late: Verb[] = [
      { case: 'defineVm', value: { spec: spec({ generation: 2n }) } },
      { case: 'startVm', value: ON_VM },
      { case: 'rebootVm', value: ON_VM },
      { case: 'shutdownVm', value: ON_VM },
      { case: 'stopVm', value: ON_VM },
      { case: 'undefineVm', value: ON_VM },
    ];
    for (const verb of late) {
      expect(await done(agent, verb, past)).toMatchObject(failed(TaskErrorCode.EXPIRED));
    }
    for (const word of ['start', 'reboot', 'shutdown', 'destroy', 'undefine']) {
      expect(await times(word)).toBe(0);
    }
    const first = await done(agent, { case: 'defineVm', value: { spec: spec() } });
    expect(first).toMatchObject(DONE);
    expect(await cut('undefine', { case: 'undefineVm', value: ON_VM })).toMatchObject(DONE);
    expect(await agent.daemon.virsh('list', '--all', '--uuid')).not.toContain(ID);
  },
);

here(
  'in maintenance no machine is started; a task that is given while the agent is away is carried out when it is back',
  AT_ONCE,
  async ({ onTestFinished }) => {
    const agent = await realAgent(onTestFinished);
    await agent.start();
    await done(agent, { case: 'defineVm', value: { spec: spec() } });
    const maintenance = (enabled: boolean): Verb => ({
      case: 'setMaintenance',
      value: { enabled, reason: 'new\u001b[2J memory' },
    });
    expect(await done(agent, maintenance(true))).toMatchObject(DONE);
    const refused = await done(agent, { case: 'startVm', value: ON_VM });
    expect(refused).toMatchObject(failed(TaskErrorCode.MAINTENANCE));
    const note = await readFile(`${agent.folder}/maintenance`, 'utf8');
    expect(JSON.parse(note)).toMatchObject({ reason: 'new [2J memory' });
    await agent.kill();
    const { tasks } = agent.node();
    await vi.waitFor(() => expect(tasks.isWatched).toBe(false), soon);
    const left = tasks.give({ verb: maintenance(false) });
    await agent.start();
    expect(await tasks.ended(left)).toMatchObject(DONE);
    const start = tasks.give({ verb: { case: 'startVm', value: ON_VM } });
    const task = tasks.taskOf(start);
    expect(await tasks.ended(start)).toMatchObject(DONE);
    // A task that ended before the agent was killed is not carried out again when it is sent again.
    await agent.kill();
    await agent.daemon.virsh('destroy', ID);
    await agent.start();
    tasks.send({ case: 'task', value: task });
    // A later task is carried out after the repeated one, so its end shows that the repeated one was handled.
    expect(await done(agent, { case: 'defineVm', value: { spec: spec() } })).toMatchObject(DONE);
    expect(tasks.reports.findLast(({ taskId }) => taskId === start)?.state).toBe(TaskState.DONE);
    expect(await state(agent)).toMatch(/shut off/);
  },
);
