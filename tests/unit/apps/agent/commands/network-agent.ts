import { chmod, writeFile } from 'node:fs/promises';
import { Commander } from '../../../../../apps/agent/commands/commander.ts';
import { Journal } from '../../../../../apps/agent/commands/journal.ts';
import { makeNetworkVerb } from '../../../../../apps/agent/commands/network-verb.ts';
import type { TaskReport } from '../../../../../apps/proto/gen/quantix/v1/task_pb.js';
import type { ControlPlane } from '../../../../control-plane/control-plane.ts';
import { type Agent, unjoined } from '../membership/agent.ts';

/** A node that supports only the verb `configure_network`. */
export interface NetworkAgent {
  readonly plane: ControlPlane;
  readonly agent: Agent;
  /** Gives a task, and waits for its end. @returns its last report */
  configure: (settings: readonly string[], confirmWithinSeconds?: number) => Promise<TaskReport>;
  /** Gives a task. @returns its id */
  give: (settings: readonly string[], confirmWithinSeconds?: number) => string;
}

/** @param script shell text that runs as qx-network */
export async function networkAgent(script: string): Promise<NetworkAgent> {
  const { plane, agent } = await unjoined();
  const program = `${agent.folder}/qx-network`;
  await writeFile(program, `#!/bin/sh\n${script}\n`);
  await chmod(program, 0o755);
  await agent.stop();
  agent.openCommands = async () =>
    new Commander({
      journal: await Journal.open(`${agent.folder}/tasks.json`, (line) => agent.lines.push(line)),
      executors: {
        configureNetwork: makeNetworkVerb({
          program,
          reached: (signal) => agent.membership.reached(signal),
        }),
      },
      log: (line) => agent.lines.push(line),
      now: Date.now,
      signal: agent.signal,
    });
  await agent.start();
  await agent.membership.join({ controlPlane: plane.api.origin, token: plane.token() });
  await agent.clock.skip();
  await plane.answered('heartbeat', 1);
  await plane.node().tasks.watched();
  const give = (settings: readonly string[], confirmWithinSeconds = 0) => {
    const value = { interface: 'eth0', settings: [...settings], confirmWithinSeconds };
    return plane.node().tasks.give({ verb: { case: 'configureNetwork', value } });
  };
  return {
    plane,
    agent,
    give,
    configure: (settings, seconds) => plane.node().tasks.ended(give(settings, seconds)),
  };
}
