import { connect } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { type Story, succeed } from './story.ts';

/**
 * Connects from the host to a listening guest, again and again until the guest's network forwards a connection.
 * @returns what the guest sends
 */
export async function answerAt(hostPort: number): Promise<string> {
  for (;;) {
    const said = await saidAt(hostPort);
    if (said !== '') return said;
    await wait(200);
  }
}

/** Returns what a connection receives until it ends; empty if it is refused or reset. */
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

/** Makes a guest send `reached` to every connection to a port, which its firewall opens. */
export async function listen(story: Story, port: number): Promise<void> {
  await succeed(story, `nft add element inet quantix open_tcp '{ ${port} }'`);
  await succeed(story, `(while :; do echo reached | nc -l -p ${port}; done >/dev/null 2>&1 &)`);
}
