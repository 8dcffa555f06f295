import { createPublicKey } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { chooseAgent } from '../../apps/agent/deployment/choose.ts';
import { deployAgent } from '../../apps/agent/deployment/deploy.ts';
import { readRecord } from '../../apps/agent/deployment/record.ts';
import { makeHost, trust } from '../unit/apps/agent/deployment/host.ts';
import { temporaryFolder } from '../unit/folder.ts';
import { PROJECT } from '../vm/build-images.ts';

/** `qx-build`, on this project and with its cache. */
const build = (...args: string[]) =>
  execa(process.execPath, [join(PROJECT, 'tasks/qx-build.ts'), ...args], { cwd: PROJECT });

test('a host that trusts the key installs a signed agent and runs it', async () => {
  const folder = await temporaryFolder();
  const key = join(folder, 'release.key');
  await build('key', 'new', key, '--plain');
  const { stdout } = await build(
    ...['agent', '--profile', 'quantix-os', '--base', 'debian', '--key', key],
    ...['--serial', '7', '--output', folder],
  );
  const [file = ''] = /\S+\.agent/.exec(stdout) ?? [];
  const host = await makeHost();
  await trust(host, createPublicKey(await readFile(key)), 'built');
  const told: string[] = [];
  // No agent runs here, so the trial starts but cannot succeed; the command does not wait for its end.
  const options = {
    within: 100,
    say: (line: string) => told.push(line),
    signal: AbortSignal.abort(),
  };
  await expect(deployAgent(file, host.places, options)).rejects.toThrow('the deployment goes on');
  expect(told[0]).toMatch(/^qx-node \S+, serial 7, signed by built$/);
  const { active } = (await readRecord(host.places.record)) ?? {};
  expect(active).toMatchObject({ serial: 7, floor: 7 });
  const program = (await chooseAgent(host.places, () => undefined)) ?? '';
  const ran = await execa(program, ['--version']);
  expect(ran).toMatchObject({ stdout: active?.version, stderr: '' });
  expect((await execa(program, ['--help'])).stdout).toContain('Usage: qx-node COMMAND');
});
