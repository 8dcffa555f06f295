import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { expect, test } from 'vitest';
import { makePoolRequest } from '../../../../../apps/agent/client/pool.ts';
import { POOL_OPTIONS } from '../../../../../apps/agent/client/pool-options.ts';
import { parseNodeConfig } from '../../../../../apps/agent/configuration/node-config.ts';
import { poolRequestSchema } from '../../../../../apps/api/storage.ts';
import { poolDeclarationsSchema } from '../../../../../apps/storage/declaration.ts';
import { PROJECT } from '../../../profile/profiles.ts';

const text = readFileSync(join(PROJECT, 'docs/storage.md'), 'utf8');
const commands = [...text.matchAll(/^qx-node pool (\w+) (.+?)(?: +#.*)?$/gm)].map(
  ([, verb = '', rest = '']) => ({ verb, words: rest.split(' ') }),
);

test('qx-node accepts the commands of docs/storage.md', () => {
  expect(commands.map(({ verb }) => verb)).toEqual([
    ...['create', 'create', 'create', 'create', 'create', 'import', 'remove'],
  ]);
  for (const { verb, words } of commands) {
    const { values, positionals } = parseArgs({
      args: words,
      allowPositionals: true,
      options: POOL_OPTIONS,
    });
    expect(positionals).toHaveLength(1);
    if (verb === 'remove') continue;
    const action = verb === 'create' ? verb : 'import';
    const request = makePoolRequest(action, positionals[0] ?? '', values);
    const { pool, disks } = poolRequestSchema.parse(JSON.parse(JSON.stringify(request)));
    const onDisk = disks !== undefined || pool.iscsi !== undefined;
    const disk = onDisk ? { disk: '11111111-2222-4333-8444-555555555555' } : {};
    poolDeclarationsSchema.parse([{ ...pool, ...disk }]);
  }
});

test('the declarations of docs/storage.md are valid in node.yaml', async () => {
  const [, yaml = ''] = /```yaml\n([\s\S]*?)```/.exec(text) ?? [];
  const { pools } = await parseNodeConfig(yaml, { file: 'x', pools: poolDeclarationsSchema });
  expect(pools.map(({ name }) => name)).toEqual(['fast', 'nas', 'isos', 'san', 'other']);
});
