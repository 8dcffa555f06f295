import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { main } from '../../../tasks/command-line.ts';
import { temporaryFolder } from '../folder.ts';

/** What `qx-build answer check` says of a file, and its exit status. */
async function check(text: string): Promise<{ status: number; said: string }> {
  let said = '';
  const note = (words: unknown) => {
    said += String(words);
    return true;
  };
  vi.spyOn(process.stdout, 'write').mockImplementation(note);
  vi.spyOn(process.stderr, 'write').mockImplementation(note);
  vi.spyOn(console, 'log').mockImplementation(note);
  const file = join(await temporaryFolder(), 'install.yaml');
  await writeFile(file, text);
  return { status: await main(['answer', 'check', file]), said };
}

test('an answer file in order is told so', async () => {
  const { status, said } = await check('disk:\n  serial: X\n');
  expect(said).toMatch(/install\.yaml: in order/);
  expect(status).toBe(0);
});

test.each([
  ['disk:\n  serial: X\nwipe: true\n', /wipe is unknown \(.*install\.yaml, line 3, column 1\)/],
  [
    'disk: {serial: X}\nconfiguration: {network: {eth0: {IP_ADDRESS: 10.0.0.7}}}\n',
    /IP_ADDRESS without PREFIX or NETMASK \(.*install\.yaml, configuration\.network\.eth0\)/,
  ],
])('a mistake is told with its place, before a machine finds it: %j', async (text, message) => {
  const { status, said } = await check(text);
  expect(said).toMatch(message);
  expect(status).toBe(1);
});
