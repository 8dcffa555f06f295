import { createHash } from 'node:crypto';
import {
  appendFile,
  cp,
  mkdir,
  readdir,
  readFile,
  rm,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { beforeEach, describe, expect, test } from 'vitest';
import { LONGEST_OF_FOLDER, openEnvelope, sealBy } from '../../../build/release/envelope.ts';
import { formatMinisignPublicKey, signMinisign } from '../../../build/release/minisign.ts';
import { STATEMENT_TYPE } from '../../../build/release/provenance.ts';
import { formatRebuild } from '../../../build/release/rebuild.ts';
import { formatReleaseFiles } from '../../../build/release/release-files.ts';
import { RELEASE_LIST_TYPE, signFolder } from '../../../build/release/sign-folder.ts';
import type { Signer } from '../../../build/release/signer.ts';
import { formatAllowedSigner, signSsh } from '../../../build/release/ssh-signature.ts';
import { type VerifyOptions, verifyFolder } from '../../../build/release/verify-folder.ts';
import { temporaryFolder } from '../folder.ts';
import { newPair } from './releases.ts';

const ours = newPair('ours');
const others = newPair('others');

let folder = '';
const at = (name: string) => join(folder, name);

/** Makes a release of two files, which is not signed yet. */
async function makeRelease(path: string, version: string): Promise<void> {
  await mkdir(path, { recursive: true });
  const files = ['quantix-os.iso', 'qvdc.ova'].map((name) => {
    const bytes = Buffer.from(`${name} ${version}\n`.repeat(1000));
    const digest = createHash('sha256').update(bytes).digest('hex');
    const kind = name.endsWith('iso') ? ('iso' as const) : ('ova' as const);
    return { bytes, file: { path: name, size: bytes.length, sha256: digest, kind } };
  });
  for (const { bytes, file } of files) await writeFile(join(path, file.path), bytes);
  const list = { version, files: files.map(({ file }) => file) };
  await writeFile(join(path, 'release.json'), formatReleaseFiles(list));
}

async function signed(path: string, version: string, signer: Signer = ours.signer) {
  await makeRelease(path, version);
  return signFolder(path, { signer });
}

/** Returns a provenance that contains only name and hash of a file of the release. */
async function statementOf(name: string, more: object = {}): Promise<string> {
  const sha256 = createHash('sha256')
    .update(await readFile(at(name)))
    .digest('hex');
  return `${JSON.stringify({ subject: [{ name, digest: { sha256 } }], ...more })}\n`;
}

/** Signs the present content of the folder, as an attacker with the key could. */
async function signSums(): Promise<void> {
  const { stdout } = await execa('bash', ['-c', 'sha256sum $(ls | grep -v SHA256SUMS)'], {
    cwd: folder,
  });
  const sums = Buffer.from(`${stdout}\n`);
  await writeFile(at('SHA256SUMS'), sums);
  await writeFile(at('SHA256SUMS.minisig'), await signMinisign(sums, ours.signer, ''));
  await writeFile(at('SHA256SUMS.sig'), await signSsh(sums, ours.signer));
}

/** Returns the findings about the folder, one per line. */
async function told(options: Partial<VerifyOptions> = {}): Promise<string[]> {
  const { findings } = await verifyFolder(folder, { trusted: [ours.trusted], ...options });
  return findings.map(({ kind, file, what }) => `${kind}: ${file}: ${what}`);
}

beforeEach(async () => {
  folder = join(await temporaryFolder(), 'release');
});

describe('a signed release', () => {
  test('is verified with any trusted key, and the result has the number of files and bytes', async () => {
    const { written, files, bytes } = await signed(folder, '0.2.0');
    expect(written).toEqual([
      ...['release.dsse.json', 'SHA256SUMS', 'SHA256SUMS.minisig', 'SHA256SUMS.sig'],
    ]);
    const trusted = [others.trusted, ours.trusted];
    const verdict = await verifyFolder(folder, { trusted });
    expect(verdict).toEqual({ version: '0.2.0', key: ours.trusted, files, bytes, findings: [] });
    expect(files).toBe(4);
  });

  test('gets the same signatures each time, even if another key signed it before', async () => {
    await signed(folder, '0.2.0', others.signer);
    await signFolder(folder, { signer: ours.signer });
    const other = join(await temporaryFolder(), 'other');
    await signed(other, '0.2.0');
    await execa('diff', ['-r', folder, other]);
    expect(await told()).toEqual([]);
  });

  test('can be signed after a power cut during an earlier signing', async () => {
    await makeRelease(folder, '0.2.0');
    await writeFile(at('.SHA256SUMS.new'), 'half');
    expect(await signFolder(folder, { signer: ours.signer })).toMatchObject({ files: 4 });
    expect(await told()).toEqual([]);
  });

  test('has no partial files after a signing that cannot write', async () => {
    await makeRelease(folder, '0.2.0');
    await mkdir(at('SHA256SUMS'));
    await expect(signFolder(folder, { signer: ours.signer })).rejects.toThrow('EISDIR');
    expect((await readdir(folder)).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  test('is verified by sha256sum, minisign, ssh-keygen, and by openssl with the minisign signature', async () => {
    await signed(folder, '0.2.0');
    await writeFile(at('.release.pub'), formatMinisignPublicKey(ours.trusted.key));
    await writeFile(at('.allowed'), formatAllowedSigner(ours.trusted.key));
    await writeFile(at('.release.pem'), ours.pem);
    const script = `
      sha256sum -c --strict SHA256SUMS
      minisign -V -p .release.pub -m SHA256SUMS
      ssh-keygen -Y verify -f .allowed -I release -n file -s SHA256SUMS.sig < SHA256SUMS
      sed -n 2p SHA256SUMS.minisig | base64 -d | tail -c 64 > .signature
      openssl dgst -blake2b512 -binary -out .digest SHA256SUMS
      openssl pkeyutl -verify -pubin -inkey .release.pem -rawin -in .digest -sigfile .signature`;
    const { stdout } = await execa('bash', ['-euc', script], { cwd: folder });
    expect(stdout).toMatch(/^Trusted comment: release 0\.2\.0, 4 files, SHA256SUMS [0-9a-f]{16}$/m);
    expect(stdout).toMatch(/Good "file" signature for release/);
    expect(stdout).toMatch(/Signature Verified Successfully/);
  });

  test('has its list in an envelope, byte for byte', async () => {
    await signed(folder, '0.2.0');
    const expected = { payloadType: RELEASE_LIST_TYPE, trusted: [ours.trusted], where: 'f' };
    const { payload } = openEnvelope(await readFile(at('release.dsse.json')), expected);
    expect(payload).toEqual(await readFile(at('release.json')));
  });

  test('may have the record of a rebuild that somebody else has signed, which is verified with their key', async () => {
    await signed(folder, '0.2.0');
    const digest = async (name: string) =>
      createHash('sha256')
        .update(await readFile(at(name)))
        .digest('hex');
    const image = { path: 'qvdc.ova', sha256: await digest('qvdc.ova') };
    const record = formatRebuild({
      ...{ version: '0.2.0', commit: 'ab'.repeat(20), tools: {}, node: '26.0.0' },
      list: { name: 'release.json', sha256: await digest('release.json') },
      files: [{ ...image, result: 'same', remade: image.sha256 }],
    });
    const sealed = (text: string) =>
      sealBy(STATEMENT_TYPE, Buffer.from(text), [others.signer], LONGEST_OF_FOLDER);
    await writeFile(at('rebuild.intoto.json'), record);
    await writeFile(at('rebuild.intoto.jsonl'), await sealed(record));
    await signFolder(folder, { signer: ours.signer });
    expect(await told({ trusted: [ours.trusted, others.trusted] })).toEqual([]);
    expect(await told()).toEqual([
      expect.stringMatching('not trusted: rebuild.intoto.jsonl: it is not signed with a key'),
    ]);
    const tampered = record.replace(await digest('release.json'), '0'.repeat(64));
    await writeFile(at('rebuild.intoto.jsonl'), await sealed(tampered));
    await signSums();
    expect(await told({ trusted: [ours.trusted, others.trusted] })).toEqual([
      'mixed up: rebuild.intoto.jsonl: others has signed it, but rebuild.intoto.json differs from it',
    ]);
    await rm(at('rebuild.intoto.json'));
    await signSums();
    expect(await told({ trusted: [ours.trusted, others.trusted] })).toEqual([
      'mixed up: rebuild.intoto.jsonl: others has signed it, but the release.json that it describes is not the one in SHA256SUMS',
    ]);
  });

  test('has each provenance in an envelope, byte for byte', async () => {
    await makeRelease(folder, '0.2.0');
    await writeFile(at('qvdc.ova.intoto.json'), await statementOf('qvdc.ova'));
    const { written } = await signFolder(folder, { signer: ours.signer });
    expect(written).toContain('qvdc.ova.intoto.jsonl');
    const expected = { payloadType: STATEMENT_TYPE, trusted: [ours.trusted], where: 'f' };
    const { payload } = openEnvelope(await readFile(at('qvdc.ova.intoto.jsonl')), expected);
    expect(payload).toEqual(await readFile(at('qvdc.ova.intoto.json')));
    const before = await readFile(at('qvdc.ova.intoto.jsonl'), 'utf8');
    await signFolder(folder, { signer: others.signer });
    expect(await readFile(at('qvdc.ova.intoto.jsonl'), 'utf8')).toBe(before);
    expect(await told({ trusted: [others.trusted, ours.trusted] })).toEqual([]);
    expect(await told({ trusted: [others.trusted] })).toEqual([
      expect.stringMatching('not trusted: qvdc.ova.intoto.jsonl: it is not signed with a key'),
    ]);
    const typed = before.replace(STATEMENT_TYPE, RELEASE_LIST_TYPE);
    for (const other of ['{}', before.replace('"payload":"e', '"payload":"f'), typed]) {
      await writeFile(at('qvdc.ova.intoto.jsonl'), other);
      await signFolder(folder, { signer: others.signer });
      const made = openEnvelope(await readFile(at('qvdc.ova.intoto.jsonl')), {
        ...expected,
        trusted: [others.trusted],
      });
      expect(made.payload).toEqual(payload);
    }
    await rm(at('qvdc.ova.intoto.jsonl'));
    expect(await told({ trusted: [others.trusted] })).toEqual([
      'missing: qvdc.ova.intoto.jsonl: it is not there',
    ]);
  });

  test('is signed from one read of each file, so that a concurrent change is detected', async () => {
    await makeRelease(folder, '0.2.0');
    await writeFile(at('qvdc.ova.intoto.json'), await statementOf('qvdc.ova'));
    const before = await readFile(at('release.json'));
    const { signer } = ours;
    const sign = async (bytes: Uint8Array) => {
      await writeFile(at('release.json'), '{}');
      return signer.sign(bytes);
    };
    await signFolder(folder, { signer: { ...signer, sign } });
    const expected = { payloadType: RELEASE_LIST_TYPE, trusted: [ours.trusted], where: 'f' };
    const { payload } = openEnvelope(await readFile(at('release.dsse.json')), expected);
    expect(payload).toEqual(before);
    expect(await told()).toEqual([
      'changed: release.json: its SHA-256 is not the one that was signed',
    ]);
  });

  test('has a provenance of many packages in an envelope that can be opened, and is signed once', async () => {
    await makeRelease(folder, '0.2.0');
    const statement = await statementOf('qvdc.ova', { packages: 'p'.repeat(600_000) });
    await writeFile(at('qvdc.ova.intoto.json'), statement);
    const { written } = await signFolder(folder, { signer: ours.signer });
    expect(written).toContain('qvdc.ova.intoto.jsonl');
    const { payload } = openEnvelope(await readFile(at('qvdc.ova.intoto.jsonl')), {
      ...{ payloadType: STATEMENT_TYPE, trusted: [ours.trusted], where: 'f' },
      longest: LONGEST_OF_FOLDER,
    });
    expect(payload.toString()).toBe(statement);
    const again = await signFolder(folder, { signer: others.signer });
    expect(again.written).not.toContain('qvdc.ova.intoto.jsonl');
  });

  test('has a list of many files that is verified', async () => {
    const files = Array.from({ length: 600 }, (_, index) => ({
      ...{ path: `qvdc-${index}-${'x'.repeat(180)}.iso`, size: 0, kind: 'iso' as const },
      sha256: createHash('sha256').digest('hex'),
    }));
    await mkdir(folder);
    await Promise.all(files.map(({ path }) => writeFile(at(path), '')));
    await writeFile(at('release.json'), formatReleaseFiles({ version: '0.2.0', files }));
    await signFolder(folder, { signer: ours.signer });
    const verdict = await verifyFolder(folder, { trusted: [ours.trusted] });
    expect(verdict).toMatchObject({ version: '0.2.0', findings: [] });
  });

  test('may have no list of its own, as the files that a build leaves in dist', async () => {
    await mkdir(folder);
    await writeFile(at('a.iso'), 'a');
    await writeFile(at('.SHA256SUMS.lock'), '');
    expect(await signFolder(folder, { signer: ours.signer })).toMatchObject({ files: 1, bytes: 1 });
    expect(await readFile(at('SHA256SUMS.minisig'), 'utf8')).toContain(': 1 file, SHA256SUMS ');
    const verdict = await verifyFolder(folder, { trusted: [ours.trusted] });
    expect(verdict).toMatchObject({ version: undefined, files: 1, findings: [] });
  });
});

describe('a verification reports', () => {
  beforeEach(() => signed(folder, '0.2.0'));

  test('each file that is missing, extra, truncated, longer or changed', async () => {
    await rm(at('release.json'));
    await writeFile(at('evil.iso'), 'x');
    await mkdir(at('folder'));
    await truncate(at('qvdc.ova'), 5000);
    await appendFile(at('quantix-os.iso'), 'x');
    expect(await told()).toEqual([
      'changed: quantix-os.iso: it has 21001 bytes instead of 21000',
      'truncated: qvdc.ova: it ends after 5000 of 15000 bytes',
      'missing: release.json: it is not there',
      'extra: evil.iso: it was not signed',
      'extra: folder: it was not signed',
    ]);
  });

  test('a byte that was changed, and a link in place of a file', async () => {
    const bytes = await readFile(at('qvdc.ova'));
    bytes[9000] = (bytes[9000] ?? 0) ^ 1;
    await writeFile(at('qvdc.ova'), bytes);
    await cp(at('quantix-os.iso'), `${folder}.iso`);
    await rm(at('quantix-os.iso'));
    await symlink(`${folder}.iso`, at('quantix-os.iso'));
    expect(await told()).toEqual([
      'changed: quantix-os.iso: it is not a regular file',
      'changed: qvdc.ova: its SHA-256 is not the one that was signed',
    ]);
  });

  test('a release signed by an untrusted key, without reading its files', async () => {
    const trusted = [others.trusted];
    const verdict = await verifyFolder(folder, { trusted });
    expect(verdict).toMatchObject({ key: undefined, files: 0 });
    const by = `not signed with a key that is trusted here: others ${others.trusted.id.slice(0, 16)}`;
    expect(await told({ trusted })).toEqual([
      `not trusted: SHA256SUMS.minisig: it is ${by}`,
      `not trusted: SHA256SUMS.sig: it is ${by}`,
    ]);
  });

  test.each(['SHA256SUMS.minisig', 'SHA256SUMS.sig'])(
    'a %s that is by another key, malformed or missing, while the other signature is valid',
    async (name) => {
      const other = `${folder}-others`;
      await signed(other, '0.2.0', others.signer);
      await cp(join(other, name), at(name));
      expect(await told()).toEqual([
        expect.stringMatching(`not trusted: ${name}: it is not signed with a key`),
      ]);
      await truncate(at(name), 100);
      expect(await told()).toEqual([
        expect.stringMatching(`changed: ${name}: it is not an? [a-zA-Z]+ signature`),
      ]);
      await rm(at(name));
      expect(await told()).toEqual([`missing: ${name}: the signature is not there`]);
      expect(await told({ ignoreMissing: true })).toEqual([]);
    },
  );

  test('signatures or a list that belong to another release, with its version', async () => {
    const newer = `${folder}-newer`;
    await signed(newer, '0.3.0');
    for (const name of ['SHA256SUMS.minisig', 'SHA256SUMS.sig', 'release.dsse.json']) {
      await cp(at(name), `${folder}.saved`);
      await cp(join(newer, name), at(name));
      const [finding, ...more] = await told();
      expect(more).toEqual([]);
      expect(finding).toMatch(`mixed up: ${name}: `);
      expect(finding).toMatch(name.endsWith('.sig') ? 'that ours has signed' : 'release 0.3.0');
      await cp(`${folder}.saved`, at(name));
    }
    await cp(join(newer, 'SHA256SUMS'), at('SHA256SUMS'));
    const findings = await told();
    expect(findings).toHaveLength(2);
    expect(findings[0]).toMatch(
      'it does not belong to this SHA256SUMS, but to another one that ours has signed, which says “release 0.2.0, 4 files',
    );
  });

  test('a list that is signed by another key', async () => {
    await signFolder(folder, { signer: others.signer });
    const sums = await readFile(at('SHA256SUMS'));
    await writeFile(at('SHA256SUMS.minisig'), await signMinisign(sums, ours.signer, ''));
    await writeFile(at('SHA256SUMS.sig'), await signSsh(sums, ours.signer));
    expect(await told()).toEqual([
      expect.stringMatching('not trusted: release.dsse.json: it is not signed with a key'),
    ]);
  });

  test('a provenance of other files, or one that differs from its signed copy', async () => {
    const statement = await statementOf('qvdc.ova');
    const sealed = (text: string) =>
      sealBy(STATEMENT_TYPE, Buffer.from(text), [ours.signer], LONGEST_OF_FOLDER);
    const jsonl = 'qvdc.ova.intoto.jsonl';
    const elsewhere = statement.replace(/[0-9a-f]{64}/, '0'.repeat(64));
    for (const [text, what] of [
      [
        elsewhere,
        'mixed up: .*: ours has signed it, but the qvdc.ova that it describes is not the one in SHA256SUMS',
      ],
      [
        statement.replace('.ova', '.iso'),
        'mixed up: .* the qvdc.iso that it describes is not the one in SHA256SUMS',
      ],
      ['{}', 'not trusted: .*: it is not a provenance statement: subject: '],
      ['{', 'not trusted: .*: it is not JSON'],
    ] as const) {
      await writeFile(at(jsonl), await sealed(text));
      await signFolder(folder, { signer: ours.signer });
      expect(await told(), text).toEqual([expect.stringMatching(what)]);
    }
    await writeFile(at('qvdc.ova.intoto.json'), statement);
    await signFolder(folder, { signer: ours.signer });
    expect(await told()).toEqual([]);
    await writeFile(at(jsonl), await sealed(`${statement} `));
    await signSums();
    expect(await told()).toEqual([
      `mixed up: ${jsonl}: ours has signed it, but qvdc.ova.intoto.json differs from it`,
    ]);
  });

  test('no missing files, with the option for a partial download', async () => {
    await rm(at('qvdc.ova'));
    await rm(at('SHA256SUMS.sig'));
    expect(await told({ ignoreMissing: true })).toEqual([]);
    expect(await verifyFolder(folder, { trusted: [ours.trusted] })).toMatchObject({ files: 3 });
  });
});

describe('nothing is signed', () => {
  test('if the list and the files differ', async () => {
    await makeRelease(folder, '0.2.0');
    await appendFile(at('qvdc.ova'), 'x');
    const signing = () => signFolder(folder, { signer: ours.signer });
    await expect(signing()).rejects.toThrow('it names qvdc.ova, which is another file here');
    await rm(at('qvdc.ova'));
    await expect(signing()).rejects.toThrow('it names qvdc.ova, which is not there');
    await writeFile(at('release.json'), '{}');
    await expect(signing()).rejects.toThrow('it is not the file list of a release');
    await expect(readFile(at('SHA256SUMS'))).rejects.toThrow('ENOENT');
  });

  test('if an image or a provenance of another version or CPU is among the files', async () => {
    await makeRelease(folder, '0.2.0');
    const signing = () => signFolder(folder, { signer: ours.signer });
    await writeFile(at('notes.txt'), 'new');
    await writeFile(at('quantix-os-0.1.0-arm64.iso'), 'old');
    await expect(signing()).rejects.toThrow(
      `it does not list quantix-os-0.1.0-arm64.iso, which looks like an image of another release (${at('release.json')})`,
    );
    await rm(at('quantix-os-0.1.0-arm64.iso'));
    const statement = await statementOf('qvdc.ova');
    await writeFile(at('qvdc.ova.intoto.json'), statement.replace(/[0-9a-f]{64}/, '0'.repeat(64)));
    await expect(signing()).rejects.toThrow('it describes qvdc.ova, which is another file here');
    await writeFile(at('qvdc.ova.intoto.json'), statement.replace('qvdc.ova', 'qvdc-0.1.0.ova'));
    await expect(signing()).rejects.toThrow('it describes qvdc-0.1.0.ova, which is not there');
    await expect(readFile(at('SHA256SUMS'))).rejects.toThrow('ENOENT');
    await writeFile(at('qvdc.ova.intoto.json'), statement);
    expect(await signing()).toMatchObject({ files: 7 });
  });

  test('if the folder is missing, is empty, or has entries that are not files', async () => {
    const signing = () => signFolder(folder, { signer: ours.signer });
    await expect(signing()).rejects.toThrow(`there is no such folder (${folder})`);
    await mkdir(folder);
    await expect(signing()).rejects.toThrow(`there is no file to sign (${folder})`);
    await mkdir(at('oci'));
    await expect(signing()).rejects.toThrow(
      `not a regular file, so it cannot be part of a release (${at('oci')})`,
    );
  });

  test('if the signer fails, and earlier signatures stay', async () => {
    await signed(folder, '0.2.0');
    await writeFile(at('notes.txt'), 'new');
    const before = await readFile(at('SHA256SUMS'), 'utf8');
    const sign = async () => Buffer.alloc(64);
    const signing = signFolder(folder, { signer: { ...ours.signer, name: 'the HSM', sign } });
    await expect(signing).rejects.toThrow('(the HSM)');
    expect(await readFile(at('SHA256SUMS'), 'utf8')).toBe(before);
  });
});

test('a folder without a release is refused', async () => {
  const verifying = () => verifyFolder(folder, { trusted: [ours.trusted] });
  await expect(verifying()).rejects.toThrow(`there is no such folder (${folder})`);
  await mkdir(folder);
  await expect(verifying()).rejects.toThrow(
    `it has no SHA256SUMS, so nothing says what belongs to it (${folder})`,
  );
  await writeFile(at('SHA256SUMS'), '');
  await truncate(at('SHA256SUMS'), 17 * 1024 * 1024);
  await expect(verifying()).rejects.toThrow('it is longer than 16 MiB');
  await rm(at('SHA256SUMS'));
  await execa('mkfifo', [at('SHA256SUMS')]);
  await expect(verifying()).rejects.toThrow(`it is not a regular file (${at('SHA256SUMS')})`);
});
