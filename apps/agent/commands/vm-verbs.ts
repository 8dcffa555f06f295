import { setTimeout as wait } from 'node:timers/promises';
import { readGeneration } from '../../guests/generation.ts';
import { parseDefinition } from '../../libvirt/definitions.ts';
import { defineVm, destroyVm, shutdownVm, undefineVm } from '../../libvirt/domain.ts';
import { LibvirtError } from '../../libvirt/error.ts';
import { type Libvirt, runVirsh } from '../../libvirt/virsh.ts';
import { type Task, TaskErrorCode } from '../../proto/gen/quantix/v1/task_pb.js';
import type { Executor, Result, TaskRun, Verb } from './commander.ts';
import { formatDomainXml, type Placement } from './domain-xml.ts';
import { TaskFailure } from './failure.ts';
import type { KeptSpecs } from './kept-specs.ts';
import { type CheckedSpec, check, checkSpec, uuidSchema } from './vm-spec.ts';

/** Milliseconds between checks of a guest's state. */
const LOOK = 500;
/** Milliseconds after which a guest is asked again to shut down: it may have missed the request while it booted. */
const ASK_AGAIN = 10_000;
/** Milliseconds that libvirt may take to start a guest, or to restore a saved one. */
const STARTING = 600_000;

/** Dependencies of operations on virtual machines. */
export interface VmDeps {
  /** Connection URI of libvirt. */
  readonly uri: string;
  readonly specs: KeptSpecs;
  /** Finds the facts about this host that a definition needs. @throws TaskFailure if a volume does not exist */
  readonly place: (spec: CheckedSpec) => Promise<Placement>;
  /** Returns whether the host is in maintenance, in which no virtual machine is started. */
  readonly isInMaintenance: () => Promise<boolean>;
  /** Called after an operation, because the machines have changed. */
  readonly changed: () => Promise<void>;
}

type State = 'absent' | 'off' | 'paused' | 'on';

/** Makes the executors for virtual machines. */
export function makeVmVerbs(deps: VmDeps): Partial<Record<Verb, Executor>> {
  const verb = (carryOut: (taskRun: TaskRun, vm: Vm) => Promise<Result>): Executor => ({
    objectOf: (task) => `vm ${idOf(task)}`,
    carryOut: async (taskRun) => {
      const id = check(uuidSchema, idOf(taskRun.task), 'vm_id');
      const vm = new Vm(id, { uri: deps.uri, signal: taskRun.signal });
      if (await isGone(deps, taskRun.task, vm)) return {};
      await expectGeneration(deps.specs, taskRun.task, id);
      const result = await carryOut(taskRun, vm);
      await deps.changed();
      return result;
    },
  });
  return {
    defineVm: verb((taskRun, vm) => define(deps, taskRun, vm)),
    startVm: verb((taskRun, vm) => start(deps, taskRun, vm)),
    shutdownVm: verb(shutDown),
    stopVm: verb(async (_, vm) => {
      if ((await vm.expectThere()) !== 'off') await vm.act(destroyVm, 'off');
      return {};
    }),
    rebootVm: verb(reboot),
    undefineVm: verb((_, vm) => undefine(deps, vm)),
  };
}

function idOf({ verb }: Task): string {
  if (verb.case === 'defineVm') return verb.value.spec?.id ?? '';
  return verb.value !== undefined && 'vmId' in verb.value ? verb.value.vmId : '';
}

/** Returns whether the task removes a machine of which neither a definition nor a kept specification exists. */
async function isGone({ specs }: VmDeps, { verb }: Task, vm: Vm): Promise<boolean> {
  if (verb.case !== 'undefineVm' || (await specs.get(vm.id)) !== undefined) return false;
  return (await vm.state()) === 'absent';
}

async function expectGeneration(
  specs: KeptSpecs,
  { generation, verb }: Task,
  id: string,
): Promise<void> {
  if (generation === 0n) return;
  const kept = (await specs.get(id))?.spec.generation ?? 0n;
  if (kept === generation) return;
  // An earlier run of the task has replaced the generation that the requester saw.
  if (verb.case === 'defineVm' && verb.value.spec?.generation === kept) return;
  const what = `the task is for generation ${generation} of this VM, and this host has ${kept === 0n ? 'none' : kept}`;
  throw new TaskFailure(kept > generation ? TaskErrorCode.OUTDATED : TaskErrorCode.CONFLICT, what);
}

/** A virtual machine of this host. */
class Vm {
  readonly id: string;
  readonly libvirt: Libvirt;

  constructor(id: string, libvirt: Libvirt) {
    this.id = id;
    this.libvirt = libvirt;
  }

  async state(): Promise<State> {
    const output = await ifThere(runVirsh(this.libvirt, ['domstate', this.id]));
    if (output === undefined) return 'absent';
    const word = output.trim();
    if (word === 'shut off' || word === 'crashed') return 'off';
    return word === 'paused' ? 'paused' : 'on';
  }

  /** Returns the machine's state. @throws TaskFailure NOT_FOUND if there is no such machine */
  async expectThere(): Promise<State> {
    const state = await this.state();
    if (state !== 'absent') return state;
    throw new TaskFailure(TaskErrorCode.NOT_FOUND, 'there is no VM of this UUID');
  }

  /** Performs an operation; ignores an error of libvirt if the machine is in the wanted state nevertheless. */
  async act(action: (libvirt: Libvirt, id: string) => Promise<void>, goal: State): Promise<void> {
    try {
      await action(this.libvirt, this.id);
    } catch (error) {
      if (!(error instanceof LibvirtError) || error.failure === 'unavailable') throw error;
      if ((await this.state()) !== goal) throw error;
    }
  }

  /** Returns libvirt's XML of its definition; undefined if there is none. */
  definition(): Promise<string | undefined> {
    return ifThere(runVirsh(this.libvirt, ['dumpxml', '--inactive', this.id]));
  }
}

async function ifThere(answer: Promise<string>): Promise<string | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof LibvirtError && error.failure === 'not-found') return undefined;
    throw error;
  }
}

async function define({ specs, place }: VmDeps, { task }: TaskRun, vm: Vm): Promise<Result> {
  const sent = task.verb.case === 'defineVm' ? task.verb.value.spec : undefined;
  const spec = checkSpec(sent);
  const before = await vm.definition();
  const there = before === undefined ? undefined : readGeneration(before);
  if (there !== undefined && there > spec.generation) {
    const what = `this host has generation ${there} of the VM, and ${spec.generation} is older`;
    throw new TaskFailure(TaskErrorCode.OUTDATED, what);
  }
  if (there !== spec.generation) {
    const xml = formatDomainXml(spec, await place(spec));
    if (before !== undefined) await rename(vm, spec.name);
    await defineVm(vm.libvirt, xml);
  }
  const mark = spec.autostart ? [] : ['--disable'];
  await runVirsh(vm.libvirt, ['autostart', vm.id, ...mark]);
  const after = (await vm.definition()) ?? '';
  const { sha256 } = parseDefinition(after);
  if (sent !== undefined) await specs.put({ spec: sent, definitionSha256: sha256 });
  return { definitionSha256: sha256, definitionGeneration: spec.generation };
}

/** Renames a machine, because libvirt does not accept another name in a new definition. */
async function rename({ libvirt, id }: Vm, name: string): Promise<void> {
  const old = (await runVirsh(libvirt, ['domname', id])).trim();
  if (old !== name) await runVirsh(libvirt, ['domrename', id, name]);
}

async function start(deps: VmDeps, { again }: TaskRun, vm: Vm): Promise<Result> {
  const state = await vm.expectThere();
  if (state === 'on') return {};
  if (again) {
    // An earlier run of this task may have started the machine, which may have ended since: it is not started twice.
    throw interrupted('the VM does not run now');
  }
  if (await deps.isInMaintenance()) {
    throw new TaskFailure(TaskErrorCode.MAINTENANCE, 'this host is in maintenance');
  }
  if (state === 'paused') await vm.act(resumeVm, 'on');
  else await vm.act(startPatiently, 'on');
  return {};
}

async function startPatiently(libvirt: Libvirt, id: string): Promise<void> {
  await runVirsh(libvirt, ['start', id], STARTING);
}

async function resumeVm(libvirt: Libvirt, id: string): Promise<void> {
  await runVirsh(libvirt, ['resume', id]);
}

/** Asks the guest to shut down, and again until it is off; the deadline of the task ends the wait. */
async function shutDown({ signal, progress }: TaskRun, vm: Vm): Promise<Result> {
  let asked = Number.NEGATIVE_INFINITY;
  const began = performance.now();
  let state = await vm.expectThere();
  try {
    while (state !== 'off' && state !== 'absent') {
      if (performance.now() - asked >= ASK_AGAIN) {
        asked = performance.now();
        await vm.act(shutdownVm, 'off');
        progress(10, 'the guest was asked to shut down');
      }
      await wait(LOOK, undefined, { signal });
      state = await vm.state();
    }
  } catch (error) {
    if (!signal.aborted) throw error;
    const seconds = Math.round((performance.now() - began) / 1000);
    const what = `the guest did not shut down within ${seconds} s, and still runs`;
    throw new TaskFailure(TaskErrorCode.TIMEOUT, what, error);
  }
  return {};
}

async function reboot({ task, again }: TaskRun, vm: Vm): Promise<Result> {
  const state = await vm.expectThere();
  if (again) throw interrupted('whether the guest was restarted is not known');
  if (state === 'off') throw new TaskFailure(TaskErrorCode.CONFLICT, 'the VM does not run');
  const force = task.verb.case === 'rebootVm' && task.verb.value.force;
  await runVirsh(vm.libvirt, [force ? 'reset' : 'reboot', vm.id]);
  return {};
}

async function undefine({ specs }: VmDeps, vm: Vm): Promise<Result> {
  const state = await vm.state();
  if (state === 'on' || state === 'paused') {
    throw new TaskFailure(TaskErrorCode.CONFLICT, 'the VM runs: stop it first');
  }
  if (state === 'off') await vm.act(undefineVm, 'absent');
  await specs.remove(vm.id);
  return {};
}

function interrupted(seen: string): TaskFailure {
  return new TaskFailure(TaskErrorCode.INTERRUPTED, `the agent ended during the task, and ${seen}`);
}
