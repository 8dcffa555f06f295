import { isUtf8 } from 'node:buffer';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { BuildError } from '../../build/error.ts';

/**
 * Reads a passphrase from the first line of a file or, without a file, from the terminal without echo. There is no
 * option for the passphrase itself, because every program on the host can see command lines.
 * @param question prompt on standard error: `Passphrase of release.key`
 * @throws BuildError if it is empty, the file cannot be read, or there is no terminal; the signal's reason
 */
export async function readPassphrase(
  question: string,
  { file, signal }: { file: string | undefined; signal: AbortSignal },
): Promise<string> {
  const line = file === undefined ? await ask(question, signal) : await firstLine(file);
  if (line !== '') return line;
  throw new BuildError({ what: 'the passphrase is empty', where: file, fix: 'Choose one.' });
}

async function firstLine(file: string): Promise<string> {
  const bytes = await readFile(file).catch((cause: unknown) => {
    throw new BuildError({ what: 'the passphrase cannot be read', where: file, cause });
  });
  if (!isUtf8(bytes)) throw new BuildError({ what: 'the passphrase is not UTF-8', where: file });
  return bytes.toString('utf8').split(/\r?\n/, 1)[0] ?? '';
}

async function ask(question: string, signal: AbortSignal): Promise<string> {
  if (!process.stdin.isTTY) {
    throw new BuildError({
      what: 'there is no terminal to ask for the passphrase',
      fix: 'Give --passphrase-file FILE.',
    });
  }
  process.stderr.write(`${question}: `);
  const unseen = new Writable({ write: (_chunk, _encoding, done) => done() });
  const line = createInterface({ input: process.stdin, output: unseen, terminal: true });
  // While readline reads keys, Ctrl-C is one of them: the terminal sends no signal.
  line.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
  try {
    return await line.question('', { signal });
  } catch (cause) {
    signal.throwIfAborted();
    // Ctrl-D.
    throw new BuildError({ what: 'no passphrase was typed', fix: 'Type it.', cause });
  } finally {
    line.close();
    process.stderr.write('\n');
  }
}
