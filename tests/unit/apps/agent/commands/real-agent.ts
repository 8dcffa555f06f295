import { mkdir, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { execa } from 'execa';
import { ControlPlane, type Node } from '../../../../control-plane/control-plane.ts';
import { type Finished, temporaryFolder } from '../../../folder.ts';
import { type Daemon, libvirtDaemon } from '../../libvirt/daemon.ts';

/** A control plane, a real libvirt daemon, and an agent in a separate process. */
export interface RealAgent {
  readonly plane: ControlPlane;
  readonly daemon: Daemon;
  readonly folder: string;
  /** The node as the control plane knows it. */
  node: () => Node;
  /** Starts the agent, and waits until it accepts tasks. */
  start: () => Promise<void>;
  /** Ends the agent as a crash would. */
  kill: () => Promise<void>;
}

/**
 * An agent that joins by itself when it is started.
 * @param finished `onTestFinished` of the test's context, because these tests run at the same time
 * @param virsh shell text that runs before virsh, with its arguments
 */
export async function realAgent(finished: Finished, { virsh = '' } = {}): Promise<RealAgent> {
  const plane = await ControlPlane.open();
  finished(() => plane.api.close());
  const daemon = await libvirtDaemon(finished);
  await daemon.start();
  const folder = await temporaryFolder(finished);
  const config = `controlPlane: ${plane.api.origin}\njoinToken: ${plane.token()}\n`;
  await writeFile(join(folder, 'node.yaml'), config);
  const programs = join(folder, 'bin');
  await mkdir(programs);
  const path = process.env.PATH ?? '';
  const script = `#!/bin/sh\n${virsh}\nPATH="$REST" exec virsh "$@"\n`;
  await writeFile(join(programs, 'virsh'), script, { mode: 0o755 });

  let end = async (_signal: NodeJS.Signals): Promise<void> => undefined;
  // The agent ends in an orderly way, so that its compiled code is cached for the next one.
  finished(() => end('SIGTERM'));
  return {
    plane,
    daemon,
    folder,
    node: () => plane.node(),
    start: async () => {
      const main = join(import.meta.dirname, 'agent-main.ts');
      const child = execa(process.execPath, [main, folder, daemon.uri], {
        reject: false,
        stdio: 'ignore',
        env: { PATH: `${programs}${delimiter}${path}`, REST: path },
      });
      end = async (signal) => {
        child.kill(signal);
        await child;
      };
      const before = plane.calls.filter(({ method }) => method === 'watch').length;
      await plane.answered('watch', before + 1);
      await plane.node().tasks.watched();
    },
    kill: () => end('SIGKILL'),
  };
}
