import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseAnswer } from '../../../../apps/installer/answer.ts';
import { InstallError } from '../../../../apps/installer/error.ts';

const HASH = `$6$salt$${'a'.repeat(86)}`;
const KEY =
  'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g anna@desk';

const WHOLE = `# One host
disk:
  serial: S64GNE0R911111
  min-size: 100 GiB
erase: S64GNE0R911111
keep-data: false
data: 500 GiB
carry-over: false
configuration:
  hostname: node7
  password-hash: ${HASH}
  ssh-keys:
    - ${KEY}
  ssh: true
  network:
    static:
      IP_ADDRESS: 10.0.0.7
      PREFIX: 24
      GATEWAY: 10.0.0.1
  join:
    control-plane: https://qvdc.example
    token: qxj1.SecretOfAtLeast16.${'0123456789abcdef'.repeat(4)}
report: https://qvdc.example/installed
afterwards: power-off
`;

describe('an answer file', () => {
  test('may have every setting', async () => {
    const answer = await parseAnswer(WHOLE, 'install.yaml');
    expect(answer.disk).toEqual({
      serial: 'S64GNE0R911111',
      'min-size': 100 * 1024 ** 3,
      pick: 'one',
    });
    expect(answer.data).toBe(500 * 1024 ** 3);
    expect(answer.configuration.network).toEqual({
      static: { IP_ADDRESS: '10.0.0.7', PREFIX: '24', GATEWAY: '10.0.0.1' },
    });
  });

  test('has defaults that destroy nothing', async () => {
    const answer = await parseAnswer('disk: {serial: X}', 'install.yaml');
    expect(answer).toEqual({
      disk: { serial: 'X', pick: 'one' },
      'keep-data': true,
      data: 'rest',
      'carry-over': true,
      configuration: {},
    });
  });

  test.each([
    ['', 'the file is wrong|disk'],
    [
      'disk: {}',
      /^disk names no disk: serial, wwn, path or model is missing \(install.yaml, line 1, column 1\)/,
    ],
    [
      'disk:\n  serial: X\nerase: 5\n',
      /^erase is not text: write it in quotation marks \(install.yaml, line 3, column 1\)/,
    ],
    ['disk: {serial: 0123}\n', /^disk.serial is not text: write it in quotation marks \(/],
    ['disk: {serial: 12E5}\n', /^disk.serial is not text: write it in quotation marks \(/],
    [
      'disk: {serial: X}\nkeep-data: no\n',
      /^keep-data is neither true nor false \(install.yaml, line 2, column 1\)/,
    ],
    ['disk:\n  serail: X\n', /^disk.serail is unknown \(install.yaml, line 2, column 3\)/],
    ['disk: {serial: X}\nwipe: 1\n', /^wipe is unknown \(install.yaml, line 2, column 1\)/],
    [
      'disk: {serial: X}\ndata: all\n',
      /^data is not a size such as 100 GiB \(install.yaml, line 2, column 1\)/,
    ],
    [
      'disk: {path: sda}\n',
      /^disk.path is not the path of a device \(install.yaml, line 1, column 8\)/,
    ],
    [
      `${WHOLE.replace(HASH, 'secret')}`,
      /^configuration.password-hash is not a hash of `openssl passwd -6` \(install.yaml, line 11, column 3\)/,
    ],
    [
      WHOLE.replace(KEY, 'ssh-ed25519 AAAA'),
      /^configuration.ssh-keys.0 is not a public key of OpenSSH \(install.yaml, line 13, column 7\)/,
    ],
    [
      WHOLE.replace('    static:', '    "not a name":'),
      /^configuration.network.not a name is neither the name .* \(install.yaml, line 16, column 5\)/,
    ],
    [
      WHOLE.replace('qxj1.', 'qxj2.'),
      /^configuration.join.token is not a join token \(install.yaml, line 22/,
    ],
    ['disk: [\n', /install.yaml, line \d/],
    ['disk: {serial: X}\ndisk: {serial: Y}\n', /\(install.yaml, line 2\)/],
  ])('that is wrong is reported with the place of the mistake: %j', async (text, message) => {
    await expect(parseAnswer(text, 'install.yaml')).rejects.toThrow(InstallError);
    await expect(parseAnswer(text, 'install.yaml')).rejects.toThrow(new RegExp(message));
  });

  test('of any text is parsed or refused quickly', async () => {
    await expect(parseAnswer('a'.repeat(300_000), 'x')).rejects.toThrow(/more than 262144 bytes/);
    const aliases = `a: &a [x,x,x,x,x,x,x,x,x]\n${'bcdefghij'
      .split('')
      .map((key, index) => `${key}: &${key} [${`*${'abcdefghi'[index]},`.repeat(9)}]\n`)
      .join('')}`;
    await expect(parseAnswer(aliases, 'x')).rejects.toThrow(InstallError);
    const words = fc.constantFrom(
      ...WHOLE.split(/(?<=[\s:{}])/),
      '&a ',
      '*a ',
      '[',
      '}',
      '\0',
      '!!set ',
      '? ',
    );
    await fc.assert(
      fc.asyncProperty(fc.array(words, { maxLength: 40 }), async (parts) => {
        await parseAnswer(parts.join(''), 'x').catch((error) =>
          expect(error).toBeInstanceOf(InstallError),
        );
      }),
      { numRuns: 500 },
    );
  });
});
