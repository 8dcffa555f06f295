import { join } from 'node:path';
import { askAgent } from '../../../apps/agent/client/ask-agent.ts';
import { joinControlPlane } from '../../../apps/agent/client/join.ts';
import { run } from '../../../apps/agent/run.ts';
import { healthSchema } from '../../../apps/api/health.ts';
import { ControlPlane } from '../../control-plane/control-plane.ts';

/**
 * Runs the agent of a machine, and the control plane that it has joined. Writes the address in each heartbeat, and the
 * address that the agent reports on request at that moment. Argument: a folder for the agent's files.
 */
const [folder = ''] = process.argv.slice(2);
const socket = join(folder, 'node.sock');
const end = new AbortController();
const plane = await ControlPlane.open();
plane.fault = {
  after: async ({ method, request }) => {
    if (method !== 'heartbeat' || !('managementAddress' in request)) return;
    const { managementAddress } = await askAgent({
      socketPath: socket,
      path: '/healthz',
      schema: healthSchema,
    });
    console.log(`heartbeat ${request.managementAddress}, asked ${managementAddress}`);
  },
};
process.stdin.on('end', () => end.abort()).resume();
const places = { socket, folder, logFile: join(folder, 'node.log'), uri: 'test:///default' };
const running = run(places, end.signal);
for (;;) {
  try {
    await askAgent({ socketPath: socket, path: '/healthz', schema: healthSchema });
    break;
  } catch {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
await joinControlPlane(socket, { address: plane.api.origin, token: plane.token() });
process.exitCode = await running;
await plane.api.close();
