import { detectManagementAddress } from '../../../apps/network/management-address.ts';
import { watchNetwork } from '../../../apps/network/watch.ts';

/** Writes the management address, one line after each change of the network. Argument: the machine's root. */
const [root = '/'] = process.argv.slice(2);
const end = new AbortController();
process.on('SIGTERM', () => end.abort());
process.stdin.on('end', () => end.abort()).resume();
await watchNetwork(
  { signal: end.signal, onProblem: (problem) => console.log(`problem: ${problem}`) },
  () => void detectManagementAddress(root).then((address) => console.log(address)),
);
