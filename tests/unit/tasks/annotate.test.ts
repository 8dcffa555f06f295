import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { beforeEach, expect, test, vi } from 'vitest';
import { BuildError } from '../../../build/error.ts';
import { type AnnotateOptions, annotate } from '../../../tasks/annotate.ts';
import { type BuildEvent, makeCommandOutput } from '../../../tasks/ui/events.ts';
import { placeIn } from '../../../tasks/ui/place.ts';
import { temporaryFolder } from '../folder.ts';
import { PROJECT } from '../profile/profiles.ts';

let printed = '';
beforeEach(() => {
  printed = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed += String(text);
    return true;
  });
});

/** Returns what is printed for lines of a log. */
async function tell(lines: readonly string[], options: Partial<AnnotateOptions> = {}) {
  async function* one() {
    yield* lines;
  }
  await annotate(one(), { github: false, ...options }, makeCommandOutput({ json: false }));
  return printed;
}

const event = (one: BuildEvent) => JSON.stringify(one);

const WRONG = event({
  event: 'error',
  message: '100 % wrong, twice\n::add-mask::x',
  ...{ file: 'profiles/a,b.vex.yaml', line: 3, column: 5 },
});

test('an error is an annotation of GitHub at its line, and its text cannot be a command of GitHub', async () => {
  expect(await tell([WRONG], { github: true })).toBe(
    '::error file=profiles/a%2Cb.vex.yaml,line=3,col=5,title=qx-build::100 %25 wrong, twice%0A::add-mask::x\n',
  );
});

test('elsewhere an error is a line in the format of compilers', async () => {
  expect(await tell([WRONG])).toBe(
    'profiles/a,b.vex.yaml:3:5: error: 100 % wrong, twice\n: :add-mask::x\n',
  );
});

test('an open vulnerability is a warning at the profile, and a closed one is not reported', async () => {
  const advisory = { event: 'advisory', image: 'qvdc', id: 'CVE-2026-1', source: 'openssl' };
  const lines = [true, false].map((open) =>
    JSON.stringify({ ...advisory, version: '3.5.1-1', fixed: '3.5.4-1', open, packages: [] }),
  );
  expect(await tell(lines, { github: true })).toBe(
    '::warning file=profiles/qvdc.ts,title=qx-build::CVE-2026-1 is open in openssl 3.5.1-1 of qvdc, fixed in 3.5.4-1\n',
  );
});

test('text from outside is printed so that neither a terminal nor GitHub takes it for a command', async () => {
  const note = event({ event: 'note', text: 'one\n  ::error::a' });
  expect(await tell(['{"event":', ' ##[error]b', '::stop-commands::c', '\u{1b}[2Jd', note])).toBe(
    '{"event":\n ## [error]b\n: :stop-commands::c\n\\u{1b}[2Jd\none\n  : :error::a\n',
  );
});

test('unknown and malformed events are ignored', async () => {
  const odd = [
    '{"event":"later"}',
    '{"event":"error"}',
    '{"event":"error","message":"x","line":-1}',
  ];
  expect(await tell([...odd, '7', 'null', '[]'])).toBe('');
});

const DONE = {
  event: 'done',
  image: 'qvdc',
  step: 'squashfs',
  cached: false,
  seconds: 12.34,
} as const;
const BUILT = {
  event: 'built',
  image: 'qvdc',
  file: 'dist/a_b.iso',
  size: 1e6,
  sha256: 'abc',
} as const;

test('the summary lists the errors, the images and the time taken', async () => {
  const summary = join(await temporaryFolder(), 'summary.md');
  await writeFile(summary, '# Mine\n');
  await tell([event(DONE), event({ ...BUILT, upToDate: false }), WRONG], { summary });
  expect((await readFile(summary, 'utf8')).split('\n')).toEqual([
    '# Mine',
    '|  | Where | What |',
    '| --- | --- | --- |',
    expect.stringContaining('| error | profiles/a,b.vex.yaml&#58;3&#58;5 | 100 % wrong, twice '),
    '',
    '| File | Size | SHA-256 |',
    '| --- | --- | --- |',
    '| dist/a&#95;b.iso | 1.0 MB | abc |',
    '',
    '| Image | Step | Time |  |',
    '| --- | --- | --- | --- |',
    '| qvdc | squashfs | 12.3 s |  |',
    '',
    '',
  ]);
  expect(printed).toMatch(/^qvdc: squashfs, 12.3 s\ndist\/a_b.iso {2}1.0 MB {2}abc\n/);
});

test('a chart is in the summary, and nothing in it is markup', async () => {
  const summary = join(await temporaryFolder(), 'summary.md');
  const text = 'musl  ####  +1 kB\n```\u001b  #  <b>\n';
  const empty = event({ event: 'chart', title: 'a → b, 0 moved', text: '' });
  await tell([empty, event({ event: 'chart', title: 'Packages: <a>', text })], { summary });
  expect(await readFile(summary, 'utf8')).toBe(
    'a → b, 0 moved\n\nPackages&#58; &#60;a&#62;\n\n````\nmusl  ####  +1 kB\n```\\u{1b}  #  <b>\n````\n\n',
  );
  // The chart is only written to the summary, and not printed.
  expect(printed).toBe('');
});

test('a report that cannot be written is an error of one line', async () => {
  const file = join(await temporaryFolder(), 'file');
  await writeFile(file, '');
  const nowhere = join(file, 'report');
  await expect(tell([WRONG], { summary: nowhere })).rejects.toThrow(BuildError);
  await expect(tell([WRONG], { codeQuality: nowhere })).rejects.toThrow(BuildError);
});

test('GitLab gets the findings that have a file, and an empty report if there are none', async () => {
  const codeQuality = join(await temporaryFolder(), 'report.json');
  await tell([event(DONE)], { codeQuality });
  expect(JSON.parse(await readFile(codeQuality, 'utf8'))).toEqual([]);
  await tell([WRONG, event({ event: 'error', message: 'no network' })], { codeQuality });
  expect(JSON.parse(await readFile(codeQuality, 'utf8'))).toEqual([
    {
      ...{ check_name: 'qx-build', severity: 'critical' },
      description: '100 % wrong, twice\n::add-mask::x',
      fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/),
      location: { path: 'profiles/a,b.vex.yaml', lines: { begin: 3 } },
    },
  ]);
});

test.each([
  ['profiles/a.ts', { file: 'profiles/a.ts' }],
  ['profiles/a.ts:12', { file: 'profiles/a.ts', line: 12 }],
  ['profiles/a.ts:12:3', { file: 'profiles/a.ts', line: 12, column: 3 }],
  ['profiles/a.ts, line 12, column 3', { file: 'profiles/a.ts', line: 12, column: 3 }],
  ['profiles/a.ts, line 12', { file: 'profiles/a.ts', line: 12 }],
  ['profiles', undefined],
  ['profiles/b.ts:12', undefined],
  ['../outside.ts', undefined],
  ['x\0y', undefined],
  ['a'.repeat(100_000), undefined],
  ['https://mirror.example/:12', undefined],
])('an error at %j names the file if that is in the project', async (where, place) => {
  const project = join(await temporaryFolder(), 'project');
  await mkdir(join(project, 'profiles'), { recursive: true });
  for (const file of ['profiles/a.ts', '../outside.ts']) await writeFile(join(project, file), '');
  const absolute = where.startsWith('https:') ? where : join(project, where);
  expect(placeIn(project, absolute)).toEqual(place);
});

test('a step of GitHub shows an error of its command at the file, and fails', async () => {
  const qx = `'${process.execPath}' '${PROJECT}/tasks/qx-build.ts'`;
  const script = `${qx} diff --json package.json package.json | ${qx} annotate --github`;
  const bash = ['--noprofile', '--norc', '-eo', 'pipefail', '-c', script];
  const { stdout, exitCode } = await execa('bash', bash, { cwd: PROJECT, reject: false });
  expect(stdout).toMatch(/^::error file=package\.json,title=qx-build::lock is wrong: format/);
  expect(exitCode).toBe(2);
});
