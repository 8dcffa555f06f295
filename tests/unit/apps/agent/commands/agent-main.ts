/* Runs the agent as a separate process, so that a test can kill it. Arguments: its folder, and libvirt's URI. */
import { run } from '../../../../../apps/agent/run.ts';

// An agent waits a random time of up to five seconds before it calls, in case many hosts start together. This one does
// not wait.
Math.random = () => 0;

const [folder = '', uri = ''] = process.argv.slice(2);
const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());
process.exitCode = await run(
  { socket: `${folder}/node.sock`, folder, logFile: `${folder}/node.log`, uri },
  stop.signal,
);
