/*
 * The agent as a process of its own, so that a test can kill it. Arguments: its folder, and libvirt's URI.
 */
import { run } from '../../../../../apps/agent/run.ts';

// Hosts that start together wait for up to five seconds before they call, by chance. This one starts alone.
Math.random = () => 0;

const [folder = '', uri = ''] = process.argv.slice(2);
const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());
process.exitCode = await run(
  { socket: `${folder}/node.sock`, folder, logFile: `${folder}/node.log`, uri },
  stop.signal,
);
