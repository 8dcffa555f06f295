import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { explainFailure } from '../../../../../apps/agent/commands/failure.ts';
import { KeptSpecs } from '../../../../../apps/agent/commands/kept-specs.ts';
import { makeVmVerbs } from '../../../../../apps/agent/commands/vm-verbs.ts';
import {
  type Task,
  TaskErrorCode,
  TaskSchema,
} from '../../../../../apps/proto/gen/quantix/v1/task_pb.js';
import { temporaryFolder } from '../../../folder.ts';
import { LIBVIRT_IS_HERE, libvirtDaemon } from '../../libvirt/daemon.ts';
import { ID, spec } from './specs.ts';

const here = test.runIf(LIBVIRT_IS_HERE);

/** A host with libvirt, and a function that carries out a task as often as it arrives. */
async function host() {
  const daemon = await libvirtDaemon();
  await daemon.start();
  const executors = makeVmVerbs({
    uri: daemon.uri,
    specs: new KeptSpecs(join(await temporaryFolder(), 'vms')),
    place: async () => ({ type: 'test', arch: 'x86_64', volumes: [] }),
    isInMaintenance: async () => false,
    changed: async () => undefined,
  });
  const carryOut = async (verb: Task['verb'], generation: bigint): Promise<string> => {
    const task = create(TaskSchema, { id: crypto.randomUUID(), verb, generation });
    const taskRun = { task, again: true, begunAt: new Date(), progress: () => undefined };
    try {
      if (verb.case === undefined) return 'no verb';
      await executors[verb.case]?.carryOut({ ...taskRun, signal: new AbortController().signal });
      return 'done';
    } catch (error) {
      return TaskErrorCode[explainFailure(error).code] ?? '';
    }
  };
  return {
    daemon,
    define: (own: bigint, seen: bigint) =>
      carryOut(
        create(TaskSchema, {
          verb: { case: 'defineVm', value: { spec: spec({ generation: own }) } },
        }).verb,
        seen,
      ),
    undefine: (seen: bigint) =>
      carryOut(
        create(TaskSchema, { verb: { case: 'undefineVm', value: { vmId: ID } } }).verb,
        seen,
      ),
  };
}

here('a task of a generation is done again when it arrives again', async () => {
  const { define, undefine } = await host();
  expect(await define(1n, 0n)).toBe('done');
  for (let times = 0; times < 2; times += 1) expect(await define(2n, 1n)).toBe('done');
  expect(await define(3n, 1n)).toBe('OUTDATED');
  expect(await undefine(1n)).toBe('OUTDATED');
  for (let times = 0; times < 2; times += 1) expect(await undefine(2n)).toBe('done');
});

here('a machine that the control plane did not define is not removed as one of it', async () => {
  const { daemon, undefine } = await host();
  await daemon.define(
    `<domain type='test'><name>own</name><uuid>${ID}</uuid><memory>65536</memory><os><type>hvm</type></os></domain>`,
  );
  expect(await undefine(2n)).toBe('CONFLICT');
});
