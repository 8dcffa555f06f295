import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../folder.ts';
import { PROJECT } from '../profile/profiles.ts';

const OPENRC_RUN = join(PROJECT, 'overlay/debian/lib/rc/sh/openrc-run.sh');

/** OpenRC's programs that ask for a service's state, as functions. */
const STATE = `
service_started() { [ -n "$STARTED" ]; }
service_stopped() { [ -z "$STARTED" ]; }
service_crashed() { [ -n "$CRASHED" ]; }
usleep() { sleep 0.01; }
`;

interface Outcome {
  exitCode: number | undefined;
  /** Lines of both outputs. */
  lines: string[];
  folder: string;
}

/** Runs commands of a service with this text. */
async function run(
  text: string,
  commands: string[],
  env: Record<string, string> = {},
): Promise<Outcome> {
  const folder = await temporaryFolder();
  await mkdir(join(folder, 'state'));
  const service = join(folder, 'tiny');
  await writeFile(service, `#!/sbin/openrc-run\n${STATE}\n${text}\n`);
  const { all, exitCode } = await execa('busybox', ['sh', OPENRC_RUN, service, ...commands], {
    all: true,
    reject: false,
    cwd: folder,
    env: { RC_SVCNAME: 'tiny', RC_SVCDIR: join(folder, 'state'), ...env },
  });
  return { exitCode, lines: all === '' ? [] : all.split('\n'), folder };
}

const TELLING = ['start_pre', 'start', 'start_post', 'stop_pre', 'stop', 'stop_post']
  .map((name) => `${name}() { echo ${name} $RC_SVCNAME; }`)
  .join('\n');

describe('a command', () => {
  test('runs between its _pre and _post functions', async () => {
    expect(await run(TELLING, ['start'])).toMatchObject({
      exitCode: 0,
      lines: ['start_pre tiny', 'start tiny', 'start_post tiny'],
    });
  });

  test.each([
    ['start_pre', ['failing']],
    ['start', ['start_pre tiny', 'failing']],
    ['start_post', ['start_pre tiny', 'start tiny', 'failing']],
  ])('ends with the status of %s if that fails, and nothing runs after it', async (part, lines) => {
    const text = `${TELLING}\n${part}() { echo failing; return 7; }`;
    expect(await run(text, ['start', 'stop'])).toMatchObject({ exitCode: 7, lines });
  });

  test('runs in the given order, if there are several', async () => {
    const { lines } = await run(TELLING, ['stop', 'start']);
    expect(lines.filter((line) => !/_/.test(line))).toEqual(['stop tiny', 'start tiny']);
  });

  test('of the service itself runs if it is declared', async () => {
    const reload = 'reload() { echo reloaded; }';
    expect(await run(`extra_commands="check reload"\n${reload}`, ['reload'])).toMatchObject({
      exitCode: 0,
      lines: ['reloaded'],
    });
    expect(await run(reload, ['reload'])).toMatchObject({
      exitCode: 1,
      lines: [' * ERROR: tiny has no command reload'],
    });
  });

  test.each([['restart'], ['einfo'], ['daemon'], ['start_pre'], ['*'], ['start stop']])(
    'that the service does not have is refused: %s',
    async (command) => {
      expect(await run(TELLING, [command])).toMatchObject({
        exitCode: 1,
        lines: [` * ERROR: tiny has no command ${command}`],
      });
    },
  );

  test('that is declared and missing is refused', async () => {
    const { exitCode, lines } = await run('extra_commands=sync', ['sync']);
    expect([exitCode, lines]).toEqual([1, [' * ERROR: tiny has no command sync']]);
  });

  test('healthcheck of supervise-daemon runs if the service has it', async () => {
    const text = 'healthcheck() { echo well; }';
    expect(await run(text, ['healthcheck'])).toMatchObject({ exitCode: 0, lines: ['well'] });
    expect(await run(text, ['unhealthy'])).toMatchObject({
      exitCode: 1,
      lines: [' * ERROR: tiny has no command unhealthy'],
    });
  });

  test('for started services is refused if the service is stopped, and vice versa', async () => {
    const text =
      'extra_started_commands=reload\nextra_stopped_commands=reset\n' +
      'reload() { echo reloaded; }\nreset() { echo reset; }';
    const refused = (words: string) => ({ exitCode: 1, lines: [` * ERROR: tiny ${words}`] });
    expect(await run(text, ['reload'])).toMatchObject(refused('must be started for reload'));
    expect(await run(text, ['reload'], { STARTED: '1' })).toMatchObject({ lines: ['reloaded'] });
    expect(await run(text, ['reset'])).toMatchObject({ exitCode: 0, lines: ['reset'] });
    expect(await run(text, ['reset'], { STARTED: '1' })).toMatchObject(
      refused('must be stopped for reset'),
    );
  });
});

test('a service script that fails while it is sourced is not run', async () => {
  const { exitCode, lines } = await run(`${TELLING}\nfalse`, ['start']);
  expect([exitCode, lines]).toEqual([1, []]);
});

test.each([
  [{ STARTED: '1' }, 0, ' * status: started'],
  [{}, 3, ' * status: stopped'],
  [{ STARTED: '1', CRASHED: '1' }, 32, ' * ERROR: status: crashed'],
])('the status with %j is %i', async (env, exitCode, line) => {
  const asked = 'status() { _status; }';
  expect(await run(asked, ['status'], env)).toMatchObject({ exitCode, lines: [line] });
});

test('describe prints the description of a service and its commands', async () => {
  const text =
    'description="A service"\nextra_commands=check\ndescription_check="Looks for faults"';
  const { lines } = await run(text, ['describe']);
  expect(lines).toEqual([' * A service', ' * check: Looks for faults']);
});

test('with EINFO_QUIET a service prints only warnings and errors', async () => {
  const text = 'start() { ebegin Starting; einfo more; ewarn odd; eend 3 "it failed"; }';
  expect(await run(text, ['start'], { EINFO_QUIET: 'yes' })).toMatchObject({
    exitCode: 3,
    lines: [' * WARNING: odd', ' * ERROR: it failed'],
  });
  expect((await run(text, ['start'])).lines[0]).toBe(' * Starting ...');
});

test.each([
  ['yes', 0],
  ['TRUE', 0],
  ['On', 0],
  ['1', 0],
  ['no', 1],
  ['False', 1],
  ['off', 1],
  ['0', 1],
  ['""', 1],
  ['agreed', 0],
  ['refused', 1],
  ['undecided', 1],
])('yesno %s ends with %i', async (value, exitCode) => {
  const text = `agreed=yes refused=no undecided=perhaps\nstart() { yesno ${value}; }`;
  expect((await run(text, ['start'])).exitCode).toBe(exitCode);
});

test('a value is kept for later commands', async () => {
  const { folder } = await run('start() { service_set_value pid 42; }', ['start']);
  expect(await readFile(join(folder, 'state/options/tiny/pid'), 'utf8')).toBe('42\n');
});

test('ewaitfile waits for a file until a time limit', async () => {
  const late = 'start() { (sleep 0.1; : >late) & ewaitfile 5 "$PWD/late" && echo there; }';
  expect((await run(late, ['start'])).lines).toEqual(['there']);
  const never = 'start() { ewaitfile 1 "$PWD/never" || echo gone; }';
  expect((await run(never, ['start'])).lines).toEqual(['gone']);
});

test('mountinfo finds a mount by its folder', async () => {
  const text = 'start() { mountinfo -q /proc && ! mountinfo -q /nowhere; }';
  expect((await run(text, ['start'])).exitCode).toBe(0);
});
