import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { z } from 'zod';
import {
  declarePool,
  readNodeConfig,
  rememberControlPlane,
  withdrawPool,
} from '../../../../../apps/agent/configuration/node-config.ts';
import { parseOrigin } from '../../../../../apps/agent/configuration/origin.ts';
import { temporaryFolder } from '../../../folder.ts';

const pools = z.array(z.strictObject({ name: z.string() }));

async function read(text: string) {
  const folder = await temporaryFolder();
  await writeFile(`${folder}/node.yaml`, text);
  return { folder, ...(await readNodeConfig(`${folder}/node.yaml`, pools)) };
}

const USUAL = { stopWithin: 120, startWhatRan: false };
const TOKEN = `qxj1.${'s'.repeat(32)}.${'a'.repeat(64)}`;

test('without a file, or with an empty one, nothing is configured', async () => {
  const folder = await temporaryFolder();
  const nothing = { controlPlane: undefined, joinToken: undefined, pools: [], guests: USUAL };
  expect(await readNodeConfig(`${folder}/node.yaml`, pools)).toEqual({
    config: nothing,
    problem: undefined,
  });
  expect((await read('# nothing yet\n')).config).toEqual(nothing);
});

test('a full configuration is read', async () => {
  const { config, problem } = await read(
    `controlPlane: https://QVDC.example:443/\njoinToken: ${TOKEN}\npools:\n  - name: data\nguests:\n  stopWithin: 300\n  startWhatRan: true\n`,
  );
  expect(problem).toBeUndefined();
  expect(config).toEqual({
    controlPlane: 'https://qvdc.example:443',
    joinToken: TOKEN,
    pools: [{ name: 'data' }],
    guests: { stopWithin: 300, startWhatRan: true },
  });
});

test.each([
  ['https://qvdc.example', 'https://qvdc.example:9443'],
  ['https://QVDC.example/', 'https://qvdc.example:9443'],
  ['https://qvdc.example:443', 'https://qvdc.example:443'],
  ['https://qvdc.example:0443/', 'https://qvdc.example:443'],
  ['https://192.0.2.1:8443', 'https://192.0.2.1:8443'],
  ['https://[2001:db8::7]', 'https://[2001:db8::7]:9443'],
])('the address %s means %s; the default port is that for nodes', (written, origin) => {
  expect(parseOrigin(written)).toBe(origin);
});

test.each([
  ['an unknown key', 'controlPlan: https://a\n', /controlPlan/],
  ['an unknown key of a pool', 'pools:\n  - name: a\n    size: 3\n', /size.*pools\.0/],
  ['an address without https', 'controlPlane: http://a\n', /Write https:.*controlPlane/],
  ['a broken token', 'joinToken: abc\n', /not a join token.*joinToken/],
  ['a key given twice', 'pools: []\npools: []\n', /line 2/],
  ['an invalid time for guests', 'guests:\n  stopWithin: -1\n', /guests\.stopWithin/],
  ['broken YAML', 'pools: [\n', /node\.yaml, line/],
  ['a list', '- a\n', /node\.yaml/],
  ['a number', '42\n', /node\.yaml/],
  ['a prototype', '__proto__: { controlPlane: https://a }\n', /node\.yaml/],
  ['two documents', 'pools: []\n---\npools: []\n', /node\.yaml/],
  [
    'aliases that multiply',
    `a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [${'*a,'.repeat(9)}]\nc: &c [${'*b,'.repeat(9)}]\nd: [${'*c,'.repeat(9)}]\n`,
    /node\.yaml/,
  ],
])('%s is reported, and the whole file is set aside', async (_, text, message) => {
  const { folder, config, problem } = await read(text);
  expect(problem).toMatch(message);
  expect(problem).toMatch(/node\.yaml\.rejected/);
  expect(config).toEqual({
    controlPlane: undefined,
    joinToken: undefined,
    pools: [],
    guests: USUAL,
  });
  expect(await readdir(folder)).toEqual(['node.yaml.rejected']);
  expect(await readFile(`${folder}/node.yaml.rejected`, 'utf8')).toBe(text);
});

test('a second rejected file does not replace the first', async () => {
  const { folder } = await read('first: 1\n');
  await writeFile(`${folder}/node.yaml`, 'second: 2\n');
  await readNodeConfig(`${folder}/node.yaml`, pools);
  expect((await readdir(folder)).sort()).toEqual(['node.yaml.rejected', 'node.yaml.rejected-2']);
});

test('a secret in the file is not repeated in the message', async () => {
  const { problem } = await read('joinToken: qxj1.very-secret-secret.zz\n');
  expect(problem).not.toMatch(/very-secret/);
});

test('a join changes only the address and removes the used token; comments and pools stay', async () => {
  const { folder } = await read(
    `# my host\ncontrolPlane: https://old\njoinToken: ${TOKEN}\npools:\n  - name: data # disks\n`,
  );
  await rememberControlPlane(`${folder}/node.yaml`, { controlPlane: 'https://new:8443' });
  expect(await readFile(`${folder}/node.yaml`, 'utf8')).toBe(
    '# my host\ncontrolPlane: https://new:8443\npools:\n  - name: data # disks\n',
  );
});

test('pools are added and removed one by one; comments stay, and simultaneous changes are both made', async () => {
  const before = '# my host\npools:\n  # the old ones\n  - name: data # disks\n';
  const { folder } = await read(before);
  const file = `${folder}/node.yaml`;
  await Promise.all([
    declarePool(file, { name: 'nas', nfs: 'nas:/b' }),
    rememberControlPlane(file, { controlPlane: 'https://new' }),
    declarePool(file, { name: 'isos', directory: '/data/isos' }),
  ]);
  await withdrawPool(file, 'nas');
  await withdrawPool(file, 'nobody');
  expect(await readFile(file, 'utf8')).toBe(
    `${before}  - name: isos\n    directory: /data/isos\ncontrolPlane: https://new\n`,
  );
});

test('declaring the first pool creates the file and its list', async () => {
  const file = join(await temporaryFolder(), 'node/node.yaml');
  await declarePool(file, { name: 'nas', nfs: 'nas:/b' });
  expect(await readFile(file, 'utf8')).toBe('pools:\n  - name: nas\n    nfs: nas:/b\n');
});

test('a file that is malformed is not written to', async () => {
  const folder = await temporaryFolder();
  await writeFile(`${folder}/node.yaml`, '- a\n');
  await expect(
    rememberControlPlane(`${folder}/node.yaml`, { controlPlane: 'https://a' }),
  ).rejects.toThrow(/node\.yaml/);
  expect(await readFile(`${folder}/node.yaml`, 'utf8')).toBe('- a\n');
});
