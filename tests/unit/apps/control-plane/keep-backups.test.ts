import { describe, expect, test } from 'vitest';
import {
  backupName,
  backupProblem,
  backupTime,
  computeLastDue,
  findNewest,
  selectOutdated,
} from '../../../../apps/control-plane/backup/keep.ts';

const at = (text: string) => Date.parse(text);
const nameAt = (text: string) => backupName(new Date(text));

test('the name of a backup has its time, and other names are ignored', () => {
  expect(nameAt('2030-01-02T02:30:05.678Z')).toBe('qvdc-20300102T023005Z.backup');
  expect(backupTime('qvdc-20300102T023005Z.backup')).toBe(at('2030-01-02T02:30:05Z'));
  for (const name of [
    'qvdc-20301302T023005Z.backup',
    'qvdc-20300102T023005Z.backup.unverified',
    '',
  ]) {
    expect(backupTime(name)).toBeUndefined();
  }
});

test.each([
  ['2030-01-02T02:29:59Z', '2030-01-01T02:30:00Z'],
  ['2030-01-02T02:30:00Z', '2030-01-02T02:30:00Z'],
  ['2030-01-02T23:00:00Z', '2030-01-02T02:30:00Z'],
])('at %s, a backup at 02:30 was due last at %s', (now, due) => {
  expect(computeLastDue('02:30', at(now))).toBe(at(due));
});

describe('old backups', () => {
  const nights = (count: number) =>
    Array.from({ length: count }, (_, night) =>
      backupName(new Date(at('2030-03-31T02:30:00Z') - night * 86_400_000)),
    );
  const kept = (names: string[], rule = { days: 3, weeks: 3 }) => {
    const gone = new Set(selectOutdated(names, rule, at('2030-04-01T00:00:00Z')));
    return names.filter((name) => !gone.has(name)).map((name) => name.slice(5, 13));
  };

  test('the backups of the last days are kept, and the last one of each of the last weeks', () => {
    // The 31st, 24th and 17th of March 2030 are Sundays, on which weeks end.
    expect(kept(nights(60))).toEqual(['20300331', '20300330', '20300329', '20300324', '20300317']);
  });

  test('the only backups are kept, however old they are', () => {
    const old = [nameAt('2020-05-01T02:30:00Z'), nameAt('2020-04-01T02:30:00Z')];
    expect(kept(old)).toEqual(['20200501', '20200401']);
    expect(kept(old, { days: 0, weeks: 0 })).toEqual(['20200501']);
  });

  test('of several backups of a day the last one is kept, and other files are left alone', () => {
    const names = [nameAt('2030-01-02T10:00:00Z'), nameAt('2030-01-02T09:00:00Z'), 'notes.txt'];
    expect(selectOutdated(names, { days: 7, weeks: 4 }, at('2030-01-03T00:00:00Z'))).toEqual([
      names[1],
    ]);
  });

  test('a backup dated in the future does not count as the newest, and does not cause the removal of another', () => {
    const now = at('2030-01-03T00:00:00Z');
    const names = [nameAt('2037-01-01T02:30:00Z'), nameAt('2030-01-02T02:30:00Z')];
    expect(findNewest(names, now)?.name).toBe(names[1]);
    expect(selectOutdated(names, { days: 1, weeks: 0 }, now)).toEqual([]);
    expect(findNewest(names.slice(0, 1), now)).toBeUndefined();
  });
});

test.each([
  ['no host has joined', { hasHosts: false, hasPassphrase: false }, undefined],
  ['there is no passphrase', { hasPassphrase: false }, 'there is no passphrase for them'],
  ['the last one failed', { failure: 'the last backup failed: no space' }, 'failed: no space'],
  [
    'their folder cannot be read',
    { unreadable: 'permission is denied', hasHosts: false },
    'denied',
  ],
  ['there is none', { newest: undefined }, 'there is no backup yet'],
  ['it is 47 hours old', { newest: at('2030-01-01T01:00:00Z') }, undefined],
  ['it is 48 hours old', { newest: at('2030-01-01T00:00:00Z') }, 'is 48 hours old'],
])('the message if %s', (_where, facts, told) => {
  const now = at('2030-01-03T00:00:00Z');
  const well = {
    ...{ unreadable: undefined, newest: now, hasPassphrase: true, hasHosts: true },
    failure: undefined,
  };
  const problem = backupProblem({ ...well, ...facts }, { alertAfter: 48 }, now);
  if (told === undefined) expect(problem).toBeUndefined();
  else expect(problem).toContain(told);
});
