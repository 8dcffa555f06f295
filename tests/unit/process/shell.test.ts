import { chmod, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { makeCallerShell } from '../../../build/process/shell.ts';
import { temporaryFolder } from '../folder.ts';

/** Puts a script on PATH under this name. */
async function install(name: string, script: string): Promise<string> {
  const folder = await temporaryFolder();
  await writeFile(join(folder, name), `#!/bin/sh\n${script}\n`);
  await chmod(join(folder, name), 0o755);
  vi.stubEnv('PATH', `${folder}${delimiter}${process.env.PATH}`);
  onTestFinished(() => void vi.unstubAllEnvs());
  return folder;
}

test('a value with any characters is one word', async () => {
  const told = join(await temporaryFolder(), 'told');
  await install('tell', 'printf "<%s>" "$@" > "$FILE"');
  const odd = `'"$HOME" *; exit 1`;
  const shell = makeCallerShell({ env: { FILE: told } });
  await shell`tell ${odd} ${['a b', '']} && test -s ${told}`;
  const check = makeCallerShell({});
  await check`test "$(cat ${told})" = ${`<${odd}><a b><>`}`;
});

test('a failed line is reported with the program and the end of its output', async () => {
  await install('apt-get', 'echo "E: no network" >&2; exit 100');
  const shell = makeCallerShell({});
  await expect(shell`apt-get update && apt-get install`).rejects.toThrow(
    /^apt-get exited with 100: E: no network\.$/,
  );
});

test("the tool gets the caller's variables, and speaks English", async () => {
  vi.stubEnv('LC_ALL', 'de_DE.UTF-8');
  vi.stubEnv('DOCKER_HOST', 'unix:///x');
  onTestFinished(() => void vi.unstubAllEnvs());
  await makeCallerShell({})`test "$DOCKER_HOST $LC_ALL" = ${'unix:///x C.UTF-8'}`;
});

test('a cancelled line ends', async () => {
  const cancel = new AbortController();
  const waiting = makeCallerShell({ signal: cancel.signal })`sleep 600`;
  setTimeout(() => cancel.abort(), 50);
  await expect(waiting).rejects.toThrow(/aborted/);
});
