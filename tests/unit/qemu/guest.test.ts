import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { BuildError } from '../../../build/error.ts';
import { Guest } from '../../../build/qemu/guest.ts';
import { temporaryFolder } from '../folder.ts';

/** A QEMU that opens its sockets, greets on the control socket, and crashes. */
const CRASHING = `#!${process.execPath}
const { createServer } = require('node:net');
const serial = process.argv.find((one) => one.startsWith('socket,id=serial,')).match(/path=([^,]+)/)[1];
const control = process.argv.find((one) => one.startsWith('unix:')).slice(5).split(',')[0];
createServer().listen(serial);
createServer((socket) => {
  process.stderr.write('qemu-system-x86_64: failed to set a register\\n');
  socket.write('{"QMP": {}}\\n', () => process.exit(1));
}).listen(control);
`;

test("a crash of QEMU at its start is reported with QEMU's output", async () => {
  const folder = await temporaryFolder();
  const program = join(folder, 'qemu-system-x86_64');
  await writeFile(program, CRASHING);
  await chmod(program, 0o755);
  vi.stubEnv('PATH', `${folder}:${process.env.PATH}`);
  onTestFinished(() => void vi.unstubAllEnvs());
  const starting = Guest.start(
    {
      architecture: 'x86_64',
      firmware: 'bios',
      medium: { as: 'kernel', kernel: '/none', cmdline: '' },
      memory: 256,
      cpus: 1,
    },
    { acceleration: 'kvm', log: join(folder, 'serial.log') },
  );
  const error: unknown = await starting.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(BuildError);
  expect(String(error)).toContain(
    'qemu-system-x86_64 exited with 1: qemu-system-x86_64: failed to set a register',
  );
});
