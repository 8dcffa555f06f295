import { expect, test } from 'vitest';
import {
  enterLeader,
  FencedError,
  writeAsLeader,
} from '../../apps/control-plane/database/repositories/leadership.ts';
import { listNodes, registerNode } from '../../apps/control-plane/database/repositories/nodes.ts';
import { openTestDatabase } from './database.ts';

const node = (hostname: string) => ({
  id: '11111111-1111-8111-8111-111111111111',
  hostname,
  managementIp: null,
  spec: {},
});

test('a leader that was replaced cannot write', async () => {
  await using opened = await openTestDatabase();
  const { database } = opened;
  const first = await enterLeader(database, { epoch: 7, holder: 'first' });
  await writeAsLeader(database, first, (transaction) =>
    registerNode(transaction, node('by first')),
  );
  const second = await enterLeader(database, { epoch: 9, holder: 'second' });
  const late = writeAsLeader(database, first, (transaction) =>
    registerNode(transaction, node('late')),
  );
  await expect(late).rejects.toThrow(FencedError);
  await expect(late).rejects.toThrow(
    'this program led with epoch 7, and second leads with epoch 9',
  );
  expect(await listNodes(database.db)).toMatchObject([{ hostname: 'by first' }]);
  await writeAsLeader(database, second, (transaction) =>
    registerNode(transaction, node('by second')),
  );
  expect(await listNodes(database.db)).toMatchObject([{ hostname: 'by second' }]);
});

test('a new leader waits for a write of the previous leader to end', async () => {
  await using opened = await openTestDatabase();
  const { database } = opened;
  const epoch = await enterLeader(database, { epoch: 1, holder: 'first' });
  const order: string[] = [];
  let overtaking: Promise<unknown> | undefined;
  await writeAsLeader(database, epoch, async (transaction) => {
    overtaking = enterLeader(database, { epoch: 2, holder: 'second' }).then(() =>
      order.push('second'),
    );
    await registerNode(transaction, node('by first'));
    order.push('first');
  });
  await overtaking;
  expect(order).toEqual(['first', 'second']);
});

test('epochs still rise after etcd starts empty and counts from 1', async () => {
  await using opened = await openTestDatabase();
  const { database } = opened;
  expect(await enterLeader(database, { epoch: 500, holder: 'first' })).toBe(500);
  expect(await enterLeader(database, { epoch: 1, holder: 'second' })).toBe(501);
});
