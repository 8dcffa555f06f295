import { isUtf8 } from 'node:buffer';
import { readFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { BuildError } from '../../build/error.ts';
import { planConfigDrive } from '../../build/image/config-drive/plan.ts';
import { WRITERS } from '../../build/image/config-drive/write.ts';
import { loadProfile } from '../../build/profile/load.ts';
import { PROJECT } from '../project.ts';
import { findProfile } from './context.ts';
import { defineCommand } from './define.ts';

const EPILOGUE = `Attach the drive to a machine as a disk or CD: at boot it is /quantix there, and configures it.

  qx-build config-drive --profile quantix-os --hostname node7 \\
    --address 10.0.0.7/24 --gateway 10.0.0.1 --dns 10.0.0.1 --authorized-keys ~/.ssh/id_ed25519.pub --ssh \\
    node7.img`;

/** `qx-build config-drive`: writes a small disk that configures a machine without access to its console. */
export const configDriveCommand = defineCommand({
  command: 'config-drive <file>',
  describe: 'Make a small disk that configures a machine unattended',
  builder: (yargs) =>
    yargs
      .positional('file', { type: 'string', demandOption: true, describe: 'The image to write' })
      .option('profile', { type: 'string', demandOption: true, describe: 'Product it is for' })
      .option('format', {
        choices: ['fat', 'iso'] as const,
        default: 'fat' as const,
        describe: 'File system: on fat the machine keeps its changes, on iso it cannot',
      })
      .option('hostname', { type: 'string', describe: 'Host name' })
      .option('interface', {
        type: 'string',
        describe: 'Interface that the next options are for',
        defaultDescription: 'the first physical one',
      })
      .option('address', { type: 'string', describe: 'Static address, ADDRESS/PREFIX' })
      .option('gateway', { type: 'string', describe: 'Gateway, in the same subnet' })
      .option('dns', { type: 'string', describe: 'Name servers, at most three, with commas' })
      .option('ssid', { type: 'string', describe: 'WiFi to join' })
      .option('psk-file', { type: 'string', describe: 'File with its password' })
      .option('network', {
        type: 'string',
        array: true,
        nargs: 1,
        default: [] as string[],
        describe: 'A configuration as docs/network.md has it, <interface>.conf',
      })
      .option('authorized-keys', { type: 'string', describe: 'File with public keys for root' })
      .option('ssh', { type: 'boolean', describe: 'Turn SSH on at boot, for these keys' })
      .option('password-hash-file', {
        type: 'string',
        describe: "File with the hash of root's password, of openssl passwd -6",
      })
      .option('control-plane', { type: 'string', describe: 'Control plane to join: https://host' })
      .option('join-token-file', { type: 'string', describe: 'File with its token for this host' })
      .epilogue(EPILOGUE),
  paths: ({ file, network, pskFile, authorizedKeys, passwordHashFile, joinTokenFile }) => ({
    reads: [...network, pskFile, authorizedKeys, passwordHashFile, joinTokenFile].filter(
      (path) => path !== undefined,
    ),
    writes: [dirname(file)],
  }),
  handler: async (options, { output, signal }) => {
    const { file, format, network, pskFile, authorizedKeys, ...others } = options;
    const { passwordHashFile, joinTokenFile, ...rest } = others;
    const { labelPrefix } = await loadProfile(PROJECT, findProfile(options.profile));
    const texts = network.map(async (path) => [basename(path), await textOf(path)] as const);
    const files = planConfigDrive({
      ...rest,
      psk: pskFile && (await lineOf(pskFile)),
      passwordHash: passwordHashFile && (await lineOf(passwordHashFile)),
      joinToken: joinTokenFile && (await lineOf(joinTokenFile)),
      networkFiles: Object.fromEntries(await Promise.all(texts)),
      authorizedKeys: authorizedKeys && (await textOf(authorizedKeys)),
    });
    const label = `${labelPrefix}-CFG`;
    await WRITERS[format](file, { label, files, signal });
    output.say(
      `${file}: ${label} with ${Object.keys(files)
        .map((path) => path.slice(1))
        .join(', ')}`,
    );
  },
});

/** Reads a file of one line. */
async function lineOf(path: string): Promise<string> {
  return (await textOf(path)).replace(/\r?\n$/, '');
}

/** Reads a file that the operator named. */
async function textOf(path: string): Promise<string> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new BuildError({ what: 'this file cannot be read', where: path, cause });
  });
  if (isUtf8(bytes)) return bytes.toString('utf8');
  throw new BuildError({ what: 'this file is not text in UTF-8', where: path });
}
