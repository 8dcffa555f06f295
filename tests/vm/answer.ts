import { connect } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { type Story, succeed } from './story.ts';

/** What a guest that listens says to a connection from the host; the guest's own network needs a moment to pass it. */
export async function answerAt(hostPort: number): Promise<string> {
  for (;;) {
    const said = await saidAt(hostPort);
    if (said !== '') return said;
    await wait(200);
  }
}

/** What is said to a connection until it ends; nothing where it is refused or reset. */
async function saidAt(hostPort: number): Promise<string> {
  const socket = connect(hostPort, '127.0.0.1');
  let said = '';
  socket.on('data', (bytes: Buffer) => {
    said += bytes;
  });
  socket.on('error', () => undefined);
  await new Promise((closed) => socket.once('close', closed));
  return said;
}

/** Makes a guest say `reached` to whoever connects to a port, which its firewall opens for it. */
export async function listen(story: Story, port: number): Promise<void> {
  await succeed(story, `nft add element inet quantix open_tcp '{ ${port} }'`);
  await succeed(story, `(while :; do echo reached | nc -l -p ${port}; done >/dev/null 2>&1 &)`);
}
