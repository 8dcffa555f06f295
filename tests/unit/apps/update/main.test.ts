import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { main } from '../../../../apps/update/main.ts';

const DOCUMENT = join(resolve(import.meta.dirname, '../../../..'), 'docs/updating.md');

afterEach(() => vi.restoreAllMocks());

/** Runs the program here, where nothing is installed. */
async function called(args: readonly string[]): Promise<{ status: number; said: string }> {
  const said: string[] = [];
  const note = (text: string | Uint8Array) => {
    said.push(String(text));
    return true;
  };
  vi.spyOn(process.stdout, 'write').mockImplementation(note);
  vi.spyOn(process.stderr, 'write').mockImplementation(note);
  const status = await main([...args]);
  vi.restoreAllMocks();
  return { status, said: said.join('') };
}

/** Each call of the program in the document. */
const CALLS = [...readFileSync(DOCUMENT, 'utf8').matchAll(/(?:^|`)(qx-update [a-z][^`\n]*)/gm)].map(
  ([, call = '']) => call,
);

test('the document has commands of qx-update', () => {
  expect(CALLS.length).toBeGreaterThan(8);
});

test.each(CALLS)('the documented command %s exists', async (call) => {
  const [, ...args] = call.split(' ');
  expect((await called(args)).status).toBeLessThan(2);
});

test('on a system that is not installed, commands report it and do nothing', async () => {
  const { status, said } = await called(['check']);
  expect({ status, said }).toEqual({
    status: 1,
    said: 'qx-update: this system runs from its medium, and is not installed: there is nothing to update. Boot a newer medium, or install.\n',
  });
  const told = await called(['status', '--json']);
  expect(JSON.parse(told.said)).toMatchObject({ state: 'live', booted: null });
});

test.each([
  [['status', '--budget', '1'], '--budget is not an option of status'],
  [['stage', '--ca', '/x'], '--ca and --tls-name belong together'],
  [['stage', '--budget', 'much'], '--budget is a number of MiB'],
  [['server', 'none', '--channel', 'A b'], 'is not a valid channel name'],
  [['check', 'more'], '"more" is one argument too many'],
  [['fly'], 'there is no command "fly"'],
])('%j is wrong usage', async (args, why) => {
  const { status, said } = await called(args);
  expect(status).toBe(2);
  expect(said).toContain(why);
});
