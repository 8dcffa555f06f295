import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { askSecret } from '../../../../apps/process/ask-secret.ts';

const QX = join(import.meta.dirname, '../../../../apps/qx.ts');

/**
 * A terminal on which these keys are pressed.
 * @returns the input that was read, the output, and the terminal's modes
 */
async function typed(...keys: string[]) {
  const modes: boolean[] = [];
  const input = Object.assign(new PassThrough(), {
    setRawMode: (on: boolean) => void modes.push(on),
  });
  const output = new PassThrough().setEncoding('utf8');
  for (const key of keys) input.write(key);
  const line = await askSecret('Token: ', input as unknown as NodeJS.ReadStream, output);
  return { line, shown: output.read(), modes };
}

test.each([
  [['abc', '\r'], 'abc'],
  [['a', 'b', '\x7f', 'c\n'], 'ac'],
  [['\x7f\x7fab\bc\r'], 'ac'],
  [['wrong', '\x15', 'right\rrest'], 'right'],
  [['a\tb\0c\x1b\r'], 'abc'],
  [['ü€😀\x7f\r'], 'ü€'],
  // Arrows, Home, Delete and F1 of xterm, VT100 and the Linux console.
  [['a\x1b[Db\x1bOAc\x1b[3~d\x1b[1;5Ce\x1b[[Af\r'], 'abcdef'],
  [['a', '\x1b', '[', '1', '~', 'b\r'], 'ab'],
  [['a\x1b[\x7fb\x1bc[O\r'], 'bc[O'],
  [['\r'], undefined],
  [['abc\x03'], undefined],
  [['abc\x04'], undefined],
])('%j is read as %j, and not shown', async (keys, line) => {
  expect(await typed(...keys)).toEqual({ line, shown: 'Token: \n', modes: [true, false] });
});

/** Runs qx-node on a separate terminal. */
async function onTerminal(keys: string): Promise<{ exitCode: number | undefined; screen: string }> {
  const command = `${process.execPath} ${QX} qx-node join https://qvdc.example`;
  const terminal = execa('script', ['-qec', command, '/dev/null'], { reject: false, all: true });
  let screen = '';
  terminal.all?.setEncoding('utf8').on('data', (piece: string) => {
    screen += piece;
    if (screen === 'Join token: ') terminal.stdin?.write(keys);
  });
  const { exitCode } = await terminal;
  return { exitCode, screen };
}

test('qx-node join asks for the token on a terminal, and does not show it', async () => {
  const { exitCode, screen } = await onTerminal('qxj1.secret\r');
  expect(screen).toMatch(/^Join token: \r\nqx-node: (qx-node|only root)/);
  expect(exitCode).toBe(1);
  expect(await onTerminal('qxj1.secret\x03')).toEqual({
    exitCode: 1,
    screen: 'Join token: \r\nqx-node: no token was typed.\r\n',
  });
});

test('without a terminal the token is read from standard input', async () => {
  const { stderr, exitCode } = await execa(
    process.execPath,
    [QX, 'qx-node', 'join', 'https://qvdc.example'],
    { input: 'qxj1.secret\n', reject: false },
  );
  expect(stderr).toMatch(/^qx-node: (qx-node is not running|only root)/);
  expect(exitCode).toBe(1);
});
