import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';
import { expect, onTestFinished, test } from 'vitest';
import { openConnection } from '../../../../../apps/agent/membership/connection/connection.ts';
import { ControlPlane } from '../../../../control-plane/control-plane.ts';

const CREATED = 'http2.client.stream.created';

test('an error of a connection that was already given up, as after GOAWAY, does not end the agent', async () => {
  const sessions: (ClientHttp2Session | undefined)[] = [];
  const note = (message: unknown) => {
    const { stream } = message as { stream: ClientHttp2Stream };
    sessions.push(stream.session as ClientHttp2Session | undefined);
  };
  subscribe(CREATED, note);
  onTestFinished(() => {
    unsubscribe(CREATED, note);
  });
  const plane = await ControlPlane.open();
  onTestFinished(() => plane.api.close());
  const { origin } = plane.api;
  const connection = openConnection({ origin, caCertificates: plane.authority.pem });
  await connection.client.heartbeat({}).catch(() => undefined);
  const [session] = sessions;
  connection.drop();
  await new Promise((resolve) => session?.once('close', resolve));
  expect(session?.destroyed).toBe(true);
  expect(() => session?.emit('error', new Error('late'))).not.toThrow();
});
