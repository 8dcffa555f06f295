import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { expect } from 'vitest';
import {
  TaskErrorCode,
  type TaskReport,
  TaskState,
} from '../../apps/proto/gen/quantix/v1/task_pb.js';
import { VolumeFormat } from '../../apps/proto/gen/quantix/v1/vm_spec_pb.js';
import { ControlPlane, type Node } from '../control-plane/control-plane.ts';
import type { TaskInit } from '../control-plane/tasks.ts';
import { spec } from '../unit/apps/agent/commands/specs.ts';
import { type Story, succeed } from './story.ts';

type Verb = NonNullable<TaskInit['verb']>;

/** Address of this host for the guest, in QEMU's own network. */
const HOST = '10.0.2.2';

/**
 * Tasks on virtual machines during which the agent is killed. The machines stay in their firmware, which ignores the
 * power button.
 */
const VM_TASKS = ['define', 'start', 'shutdown', 'stop', 'reboot', 'undefine'] as const;
type VmTask = (typeof VM_TASKS)[number];

const idOf = (task: VmTask) => `9f1b2c3d-0000-4000-8000-0000000000a${VM_TASKS.indexOf(task)}`;

const definition = (task: VmTask): Verb => ({
  case: 'defineVm',
  value: { spec: spec({ id: idOf(task), name: task, cpus: 1, memoryBytes: 32n << 20n }) },
});

function verbOf(task: VmTask): Verb {
  if (task === 'define') return definition(task);
  return { case: `${task}Vm`, value: { vmId: idOf(task) } };
}

/** State of the machine in libvirt after the task. */
const AFTER: Readonly<Record<VmTask, string>> = {
  define: 'shut off',
  start: 'running',
  shutdown: 'shut off',
  stop: 'shut off',
  reboot: 'running',
  undefine: 'none',
};

const inSeconds = (seconds: number) => ({
  expiresAt: timestampFromMs(Date.now() + 1000 * seconds),
});
/** Seconds; longer than any task takes on an emulated processor. */
const AMPLE = 300;

/** Gives all tasks at the same time, and waits for their ends. */
async function doneAll(
  { tasks }: Node,
  verbs: readonly Verb[],
  seconds = AMPLE,
): Promise<TaskReport[]> {
  const ids = verbs.map((verb) => tasks.give({ verb, ...inSeconds(seconds) }));
  return await Promise.all(ids.map((id) => tasks.ended(id)));
}

function expectDone(reports: readonly TaskReport[]): void {
  expect(reports.map(({ state, error }) => [state, error?.message])).toEqual(
    reports.map(() => [TaskState.DONE, undefined]),
  );
}

function expectFailed(reports: readonly TaskReport[], code: TaskErrorCode): void {
  expect(reports.map(({ state, error }) => [state, error?.code])).toEqual(
    reports.map(() => [TaskState.FAILED, code]),
  );
}

/** Returns the state of each machine in libvirt. */
async function states(story: Story): Promise<Record<VmTask, string>> {
  const ask = VM_TASKS.map((task) => `virsh -q domstate ${idOf(task)} 2>/dev/null || echo none`);
  const said = (await succeed(story, ask.join('; '))).split('\n').filter((line) => line !== '');
  return Object.fromEntries(VM_TASKS.map((task, index) => [task, said[index]])) as Record<
    VmTask,
    string
  >;
}

/**
 * Makes the guest join a control plane on this machine, and checks that it carries out its tasks with libvirt. The agent
 * is killed during each task: its next report must be true, and no task may be carried out twice. A repeated task must
 * have no further effect, and no task may begin after its deadline.
 */
export async function expectCommandsCarriedOut(story: Story): Promise<void> {
  const plane = await ControlPlane.open();
  try {
    const { port } = new URL(plane.api.origin);
    await succeed(story, `echo ${plane.token()} | qx-node join https://${HOST}:${port}`);
    await plane.answered('watch', 1);
    const node = plane.node();
    await node.tasks.watched();
    const others = VM_TASKS.filter((task) => task !== 'define');
    const running = ['shutdown', 'stop', 'reboot'] as const;
    const start = running.map((task): Verb => ({ case: 'startVm', value: { vmId: idOf(task) } }));
    expectDone(await doneAll(node, others.map(definition)));
    expectDone(await doneAll(node, start));
    await expectTrueAfterKill(story, node);
    await expectRepeatWithoutEffect(story, node);
    await expectVolume(node);
    expectFailed(await doneAll(node, VM_TASKS.map(verbOf), -1), TaskErrorCode.EXPIRED);
    expect(await states(story)).toEqual(AFTER);
    expectDone(await doneAll(node, [{ case: 'stopVm', value: { vmId: idOf('start') } }]));
    expectDone(await doneAll(node, [{ case: 'setMaintenance', value: { enabled: true } }]));
    expectFailed(await doneAll(node, [verbOf('start')]), TaskErrorCode.MAINTENANCE);
    expectDone(await doneAll(node, [{ case: 'setMaintenance', value: { enabled: false } }]));
    expectDone(await doneAll(node, [{ case: 'stopVm', value: { vmId: idOf('reboot') } }]));
    const all = VM_TASKS.map((task): Verb => ({ case: 'undefineVm', value: { vmId: idOf(task) } }));
    expectDone(await doneAll(node, all));
    expect(await succeed(story, 'qx-node leave')).toContain('left');
  } finally {
    await plane.api.close();
  }
}

/**
 * Kills the agent when it has begun all tasks, and compares its reports after the restart with the states in libvirt.
 */
async function expectTrueAfterKill(story: Story, { tasks }: Node): Promise<void> {
  const ids = VM_TASKS.map((task) => {
    // The guest does not shut down, so this task lasts until its deadline.
    const seconds = task === 'shutdown' ? 60 : AMPLE;
    return tasks.give({ verb: verbOf(task), ...inSeconds(seconds) });
  });
  await Promise.all(
    ids.map((id) => tasks.reached(id, ({ state }) => state !== TaskState.ACCEPTED)),
  );
  await succeed(story, 'kill -9 $(pidof qx-node)');
  const reports = await Promise.all(ids.map((id) => tasks.ended(id)));
  const there = await states(story);
  for (const [index, task] of VM_TASKS.entries()) {
    const { state, error } = reports[index] ?? {};
    if (task === 'shutdown') {
      expect([TaskErrorCode.TIMEOUT, TaskErrorCode.INTERRUPTED]).toContain(error?.code);
      expect(there[task]).toBe('running');
    } else if (state === TaskState.DONE) {
      expect(there[task], task).toBe(AFTER[task]);
    } else {
      expect(error?.code, `${task}: ${error?.message}`).toBe(TaskErrorCode.INTERRUPTED);
      // Only for these tasks, the agent cannot know whether they were carried out; it does not repeat them.
      expect(['start', 'reboot']).toContain(task);
    }
  }
}

/** Gives each task twice, and checks that this has the effect of one. */
async function expectRepeatWithoutEffect(story: Story, node: Node): Promise<void> {
  expectFailed(await doneAll(node, [verbOf('shutdown')], 10), TaskErrorCode.TIMEOUT);
  expectDone(await doneAll(node, [{ case: 'stopVm', value: { vmId: idOf('shutdown') } }]));
  for (let times = 0; times < 2; times += 1) {
    expectDone(await doneAll(node, VM_TASKS.map(verbOf)));
    expect(await states(story)).toEqual(AFTER);
  }
}

/** Creates a volume in the guest's volume group and deletes it; gives both tasks twice. */
async function expectVolume(node: Node): Promise<void> {
  const pool = [...node.ledger.pools.values()].find(({ name }) => name === 'fast');
  const volume = { poolId: pool?.id ?? '', name: 'given' };
  const format = VolumeFormat.RAW;
  const make: Verb = { case: 'createVolume', value: { volume, format, capacityBytes: 8n << 20n } };
  for (let times = 0; times < 2; times += 1) expectDone(await doneAll(node, [make]));
  const remove: Verb = { case: 'deleteVolume', value: { volume } };
  for (let times = 0; times < 2; times += 1) expectDone(await doneAll(node, [remove]));
}
