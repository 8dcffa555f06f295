import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { execa } from 'execa';
import { ControlPlane } from '../control-plane/control-plane.ts';
import { type Figure, median } from './measure.ts';

const AGENT = resolve(import.meta.dirname, '../unit/apps/agent/commands/agent-main.ts');
/** The virtual machine of libvirt's test driver. */
const VM = '6695eb01-f6a4-8304-79aa-97f2502e193f';

/**
 * Measures the time of a command from the control plane to libvirt: until virsh is called to stop a machine.
 * The agent is a separate process; the control plane is the one of the tests.
 */
export async function measureCommands(runs: number): Promise<Figure[]> {
  const folder = await mkdtemp(join(tmpdir(), 'quantix-bench-'));
  const plane = await ControlPlane.open();
  const path = process.env.PATH ?? '';
  const config = `controlPlane: ${plane.api.origin}\njoinToken: ${plane.token()}\n`;
  await writeFile(join(folder, 'node.yaml'), config);
  const script = `#!/bin/sh\ncase $* in *destroy*) date +%s%N >${folder}/called ;; esac\nPATH=$REST exec virsh "$@"\n`;
  await writeFile(join(folder, 'virsh'), script, { mode: 0o755 });
  const agent = execa(process.execPath, [AGENT, folder, 'test:///default'], {
    reject: false,
    stdio: 'ignore',
    env: { PATH: `${folder}${delimiter}${path}`, REST: path },
  });
  try {
    await plane.answered('watch', 1);
    const { tasks } = plane.node();
    await tasks.watched();
    const taken: number[] = [];
    for (let run = 0; run < runs * 4; run += 1) {
      const sent = Date.now();
      await tasks.ended(tasks.give({ verb: { case: 'stopVm', value: { vmId: VM } } }));
      taken.push(Number(await readFile(join(folder, 'called'), 'utf8')) / 1e6 - sent);
    }
    return [{ what: 'a command reaches libvirt', value: median(taken), limit: 200, unit: 'ms' }];
  } finally {
    agent.kill('SIGTERM');
    await agent;
    await plane.api.close();
    await rm(folder, { recursive: true, force: true });
  }
}
