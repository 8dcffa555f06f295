import { mkdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { beforeEach, expect, test } from 'vitest';
import { parseReviews } from '../../../build/advisories/reviews.ts';
import { readLock } from '../../../build/lock/file.ts';
import { main } from '../../../tasks/command-line.ts';
import { temporaryFolder } from '../folder.ts';
import { PROJECT } from '../profile/profiles.ts';
import { schemaErrors } from '../sbom/schemas.ts';
import { captureOutput } from '../tasks/captured-output.ts';
import { TRACKER } from './databases.ts';

const output = captureOutput();
let folder = '';
const at = (name: string) => join(folder, name);

/** A database with an open advisory for every version of openssl. */
const OPEN = structuredClone(TRACKER);
OPEN.openssl['CVE-2026-1000'].releases.trixie.fixed_version = '99:1-1';

beforeEach(async () => {
  folder = await temporaryFolder();
  await writeFile(at('debian.json'), JSON.stringify(OPEN));
  await utimes(at('debian.json'), new Date('2026-11-20'), new Date('2026-11-20T12:00:00Z'));
});

function advisories(...words: string[]): Promise<number> {
  const pins = ['--pins', at('pins.json')];
  return main(['advisories', at('debian.json'), ...pins, ...words]);
}

const REPORT = ['--profile', 'qvdc', '--base', 'debian', '--as-of', '2026-11-28'];

test('a pinned file is reported with its age and the open advisories of the image', async () => {
  expect(await advisories('--pin')).toBe(0);
  expect(output.printed).toMatch(/^debian\.json: debian, of 2026-11-20, SHA-256 [0-9a-f]{64}\n$/);
  expect(await advisories(...REPORT)).toBe(0);
  const version = readLock(join(PROJECT, 'profiles/qvdc.debian.x86_64.lock.json'))?.packages.find(
    ({ name }) => name === 'openssl',
  )?.version;
  expect(output.printed).toContain('debian.json of 2026-11-20, 8 days old, 9 entries\n');
  expect(output.printed).toMatch(
    new RegExp(`CVE-2026-1000 +openssl +${RegExp.escape(version ?? '')} +99:1-1`),
  );
  expect(output.printed).toMatch(/CVE-2026-1001 +openssl +\S+ +none yet +low/);
  expect(output.printed).toMatch(/\d open, \d of which are fixed in a newer version;/);
});

test('the exit code is 3 if an advisory matches --fail-on', async () => {
  await advisories('--pin');
  expect(await advisories(...REPORT, '--fail-on', 'fixable')).toBe(3);
  const clean = { bash: { 'CVE-2026-1': { releases: { trixie: { status: 'undetermined' } } } } };
  await writeFile(at('debian.json'), JSON.stringify(clean));
  expect(await advisories('--pin', '--date', '2026-11-20')).toBe(0);
  expect(await advisories(...REPORT, '--fail-on', 'open')).toBe(0);
  expect(output.printed).toContain('0 open, ');
});

test('a file of last year is evaluated, and then refused as too old', async () => {
  await advisories('--pin', '--date', '2025-11-20');
  expect(await advisories(...REPORT, '--fail-on', 'open')).toBe(1);
  expect(output.printed).toContain('TOO OLD, it is 373 days old');
  expect(output.printed).toContain('CVE-2026-1000');
  expect(output.complained).toContain(
    'too old to say what is open today: debian.json: it is 373 days old',
  );
  expect(await advisories(...REPORT, '--max-age', '400')).toBe(0);
});

test.each(['never', '-1', 'Infinity'])('--max-age=%s is wrong usage', async (age) => {
  await advisories('--pin', '--date', '2025-11-20');
  expect(await advisories(...REPORT, `--max-age=${age}`)).toBe(2);
  expect(output.complained).toContain('--max-age is a number of days');
});

test('a file that is named twice counts once', async () => {
  await advisories('--pin');
  expect(await advisories(...REPORT)).toBe(0);
  const once = /\d+ open, .*/.exec(output.printed)?.[0];
  output.printed = '';
  expect(await advisories(at('debian.json'), ...REPORT)).toBe(0);
  expect(output.printed).toContain(once);
});

test('a file that is not pinned, or changed after its pin, is refused', async () => {
  expect(await advisories(...REPORT)).toBe(1);
  expect(output.complained).toContain('it is not among the pinned advisory files');
  await advisories('--pin');
  await writeFile(at('debian.json'), JSON.stringify(TRACKER));
  output.complained = '';
  expect(await advisories(...REPORT)).toBe(1);
  expect(output.complained).toContain(', not the pinned one');
});

test('a new pin replaces the earlier one of the same database', async () => {
  await advisories('--pin');
  await advisories('--pin', '--date', '2026-11-21');
  const { files } = JSON.parse(await readFile(at('pins.json'), 'utf8'));
  expect(files).toMatchObject([{ name: 'debian.json', base: 'debian', date: '2026-11-21' }]);
});

test('invalid pins are refused with their first mistake', async () => {
  await writeFile(at('pins.json'), '{"format":1,"files":[{"name":"a"}]}');
  expect(await advisories(...REPORT)).toBe(1);
  expect(output.complained).toContain('the pinned advisory files are wrong: files.0.');
});

test('a base whose packages are not locked is reported', async () => {
  await advisories('--pin');
  expect(await advisories('--profile', 'qvdc', '--base', 'alpine')).toBe(1);
  expect(output.complained).toContain('there is no lock yet');
});

test('for a profile outside the project, the suggested lock command names its path', async () => {
  await advisories('--pin');
  const shipped = JSON.stringify(join(PROJECT, 'profiles/qvdc.ts'));
  await writeFile(at('mine.ts'), `export { default } from ${shipped};\n`);
  expect(await advisories('--profile', at('mine.ts'), '--base', 'debian')).toBe(1);
  expect(output.complained).toContain(`\`qx-build lock --profile ${at('mine.ts')} --base debian`);
});

test('--json prints each finding and the state of the data', async () => {
  await advisories('--pin');
  output.printed = '';
  expect(await advisories(...REPORT, '--json')).toBe(0);
  const events = output.printed
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(events).toContainEqual(
    expect.objectContaining({
      ...{ event: 'advisory', image: 'qvdc', id: 'CVE-2026-1000', source: 'openssl' },
      ...{ state: 'fixed', fixed: '99:1-1', open: true },
      packages: expect.arrayContaining(['openssl']),
    }),
  );
  expect(events.at(-1)).toMatchObject({
    event: 'advisories',
    image: 'qvdc',
    data: [{ name: 'debian.json', date: '2026-11-20', days: 8, entries: 9 }],
  });
});

test('--vex writes findings as CycloneDX, the same each time', async () => {
  await advisories('--pin');
  expect(await advisories(...REPORT, '--vex', at('vex'))).toBe(0);
  const text = await readFile(at('vex/qvdc.vex.cdx.json'), 'utf8');
  expect(schemaErrors('cyclonedx', text)).toEqual([]);
  expect(text).toContain('"CVE-2026-1000"');
  await mkdir(at('again'));
  await advisories(...REPORT, '--vex', at('again'));
  expect(await readFile(at('again/qvdc.vex.cdx.json'), 'utf8')).toBe(text);
});

test.each(['2026-02-30', 'yesterday'])('--as-of %s is refused: not a day', async (day) => {
  await advisories('--pin');
  expect(await advisories('--as-of', day)).toBe(1);
  expect(output.complained).toContain(`"${day}" is not a day`);
});

test('the commands and the example review of docs/image-documents.md work', async () => {
  const text = await readFile(join(PROJECT, 'docs/image-documents.md'), 'utf8');
  const block = (language: string) =>
    new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'm').exec(text)?.[1] ?? '';
  const today = new Date();
  // From February on, a database without an advisory of the current year is too old.
  const entry = { releases: { trixie: { status: 'open', urgency: 'unimportant' } } };
  const current = { ...OPEN, bash: { [`CVE-${today.getFullYear()}-5000`]: entry } };
  await writeFile(at('debian.json'), JSON.stringify(current));
  await utimes(at('debian.json'), today, today);
  await mkdir(at('profiles'));
  const npm = `npm() { shift 4; '${process.execPath}' '${PROJECT}/tasks/qx-build.ts' "$@"; }`;
  const commands = `${npm}\n${block('sh of advisories')}${block('sh of reviews')}`;
  const { stdout } = await execa('bash', ['-euc', commands], { cwd: folder });
  expect(stdout).toContain('qvdc: ');
  expect(await readFile(at('vex/qvdc.vex.cdx.json'), 'utf8')).toContain('CVE-2026-1000');
  expect(parseReviews(block('yaml'), 'docs/image-documents.md')).toMatchObject([
    { expires: '2027-02-01' },
  ]);
});
