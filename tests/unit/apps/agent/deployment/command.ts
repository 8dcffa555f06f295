// Runs qx-node's commands for deployments, on a host that is simulated in a folder: command.ts ROOT COMMAND ….
import { chooseAgent } from '../../../../../apps/agent/deployment/choose.ts';
import { deployAgent, undoDeployment } from '../../../../../apps/agent/deployment/deploy.ts';
import { settle } from '../../../../../apps/agent/deployment/settle.ts';
import { createEndingSignal } from '../../../../../apps/process/command-line.ts';
import { placesIn } from './places.ts';

const [root = '', command, operand = ''] = process.argv.slice(2);
const places = placesIn(root);
const say = (line: string) => void process.stderr.write(`${line}\n`);
const options = { within: Number(process.env.WITHIN), say, signal: createEndingSignal() };

async function main(): Promise<string> {
  switch (`${command} ${operand}`) {
    case 'deployment choose':
      return (await chooseAgent(places, say)) ?? '';
    case 'deployment settle':
      await settle(places);
      return '';
    case 'deploy --undo':
      return await undoDeployment(places, options);
    default:
      return await deployAgent(operand, places, options);
  }
}

try {
  process.stdout.write(`${await main()}\n`);
} catch (error) {
  say(String(error));
  process.exitCode = 1;
}
