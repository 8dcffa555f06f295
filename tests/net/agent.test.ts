import { temporaryFolder } from '../unit/folder.ts';
import { startProgram } from './world/program.ts';
import { begin, goStatic } from './world/story.ts';
import { test } from './world/test.ts';

test('a running agent reports a changed address, in its API and in its heartbeat', async () => {
  await using story = await begin();
  const { machine, lan } = story;
  await goStatic(machine, 'eth0', { lan, host: 7 });
  await using agent = startProgram(machine, 'joined-agent.ts', await temporaryFolder());
  await agent.until(`heartbeat ${lan.host(7)}, asked ${lan.host(7)}`);
  await goStatic(machine, 'eth0', { lan, host: 8 });
  await agent.until(`heartbeat ${lan.host(8)}, asked ${lan.host(8)}`);
});
