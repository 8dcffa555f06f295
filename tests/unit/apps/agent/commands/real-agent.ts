import { mkdir, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { execa } from 'execa';
import { onTestFinished } from 'vitest';
import { ControlPlane, type Node } from '../../../../control-plane/control-plane.ts';
import { temporaryFolder } from '../../../folder.ts';
import { type Daemon, libvirtDaemon } from '../../libvirt/daemon.ts';

/** A control plane, a real libvirt daemon, and an agent that is a process of its own. */
export interface RealAgent {
  readonly plane: ControlPlane;
  readonly daemon: Daemon;
  readonly folder: string;
  /** The node as the control plane knows it. */
  node: () => Node;
  /** Starts the agent, and waits until it takes commands. */
  start: () => Promise<void>;
  /** Ends the agent as a crash would. */
  kill: () => Promise<void>;
}

/**
 * An agent that joins by itself when it is started.
 * @param virsh lines of a shell script that see virsh's arguments first
 */
export async function realAgent({ virsh = '' } = {}): Promise<RealAgent> {
  const plane = await ControlPlane.open();
  onTestFinished(() => plane.door.close());
  const daemon = await libvirtDaemon();
  await daemon.start();
  const folder = await temporaryFolder();
  const config = `controlPlane: ${plane.door.origin}\njoinToken: ${plane.token()}\n`;
  await writeFile(join(folder, 'node.yaml'), config);
  const programs = join(folder, 'bin');
  await mkdir(programs);
  const path = process.env.PATH ?? '';
  const script = `#!/bin/sh\n${virsh}\nPATH="$REST" exec virsh "$@"\n`;
  await writeFile(join(programs, 'virsh'), script, { mode: 0o755 });

  let end = async (): Promise<void> => undefined;
  onTestFinished(() => end());
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
      end = async () => {
        child.kill('SIGKILL');
        await child;
      };
      const before = plane.calls.filter(({ method }) => method === 'watch').length;
      await plane.answered('watch', before + 1);
      await plane.node().tasks.watched();
    },
    kill: () => end(),
  };
}
