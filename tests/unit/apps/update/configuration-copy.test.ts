import promises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import {
  copyConfiguration,
  exchangeConfiguration,
  keepExchange,
  undoExchange,
} from '../../../../apps/update/configuration-copy.ts';
import { temporaryFolder } from '../../folder.ts';

let configuration = '';

beforeEach(async () => {
  configuration = await temporaryFolder();
  await promises.writeFile(join(configuration, 'hostname'), 'node7\n');
  await copyConfiguration(configuration, '0.1.0');
  await copyConfiguration(configuration, '0.2.0', ['0.1.0']);
});

/** Records removals and syncs of this process, in their order. */
function recordSteps(): string[] {
  const { open, rm } = promises;
  const steps: string[] = [];
  onTestFinished(() => {
    Object.assign(promises, { open, rm });
    syncBuiltinESMExports();
  });
  Object.assign(promises, {
    rm: async (...args: Parameters<typeof rm>) => {
      await rm(...args);
      steps.push(`remove ${args[0]}`);
    },
    open: async (...args: Parameters<typeof open>) => {
      const file = await open(...args);
      const sync = file.sync.bind(file);
      file.sync = async () => {
        await sync();
        steps.push(`sync ${args[0]}`);
      };
      return file;
    },
  });
  syncBuiltinESMExports();
  return steps;
}

test.each([
  ['undone', () => undoExchange(configuration, '0.2.0')],
  ['made permanent', () => keepExchange(configuration)],
])(
  'once an exchange is %s, its note stays removed after a power failure: a note that came back would undo later changes',
  async (_name, end) => {
    await exchangeConfiguration(configuration, { running: '0.2.0', to: '0.1.0' });
    const steps = recordSteps();
    await end();
    const folder = join(configuration, '.before');
    const note = join(folder, '.exchanged');
    const removed = steps.indexOf(`remove ${note}`);
    expect(removed).toBeGreaterThanOrEqual(0);
    expect(steps.slice(removed)).toContain(`sync ${folder}`);
    expect(await undoExchange(configuration, '0.2.0')).toBe(false);
  },
);

test('there is nothing to make permanent on a system that has never been updated', async () => {
  await promises.rm(join(configuration, '.before'), { recursive: true });
  await expect(keepExchange(configuration)).resolves.toBeUndefined();
});

test('after a trial is undone, files that only the copy of the other version had are gone again; files written during the trial stay', async () => {
  const at = (name: string) => join(configuration, name);
  await promises.mkdir(at('ssh'));
  await promises.mkdir(at('vdc/old'), { recursive: true });
  for (const name of ['ssh/authorized_keys', 'ssh/enabled', 'vdc/old/token']) {
    await promises.writeFile(at(name), 'of 0.1.0');
  }
  await copyConfiguration(configuration, '0.1.0');
  await promises.rm(at('ssh/authorized_keys'));
  await promises.rm(at('vdc'), { recursive: true });
  await copyConfiguration(configuration, '0.2.0', ['0.1.0']);
  await exchangeConfiguration(configuration, { running: '0.2.0', to: '0.1.0' });
  expect((await promises.readdir(at('ssh'))).toSorted()).toEqual(['authorized_keys', 'enabled']);
  await promises.writeFile(at('ssh/later'), 'of the trial');
  expect(await undoExchange(configuration, '0.2.0')).toBe(true);
  expect((await promises.readdir(at('ssh'))).toSorted()).toEqual(['enabled', 'later']);
  expect((await promises.readdir(configuration)).toSorted()).toEqual([
    '.before',
    'hostname',
    'ssh',
  ]);
});
