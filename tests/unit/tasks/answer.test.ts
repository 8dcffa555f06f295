import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { main } from '../../../tasks/command-line.ts';
import { temporaryFolder } from '../folder.ts';

/** Returns the output of `qx-build answer check` for a file, and its exit status. */
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

test('a correct answer file is reported as correct', async () => {
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
])('a mistake in an answer file is reported with its place: %j', async (text, message) => {
  const { status, said } = await check(text);
  expect(said).toMatch(message);
  expect(status).toBe(1);
});
