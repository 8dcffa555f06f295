import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Random } from '../fuzz/random.ts';
import { CUT, CutRecording, chooseCuts } from './cut-boots.ts';
import { logIn, succeed, untilReady } from './story.ts';

const PSQL = "su -s /bin/sh postgres -c 'psql -X -q -A -t -v ON_ERROR_STOP=1 -d quantix_vdc'";

/** Writes a new configuration, and COUNT rows into the database; NAME is in both. Arguments: NAME COUNT */
const BECOME = `set -e
echo "# $1" >/quantix/vdc/config.yaml
${PSQL} <<SQL
DELETE FROM folders;
INSERT INTO folders (name, description) SELECT 'folder ' || n, '$1' FROM generate_series(1, $2) AS n;
SQL
`;

/**
 * Fails if a restore is in progress. Prints one line: the hashes of authority and configuration; from the database, the
 * NAME and the number of the rows, the number of restores in the audit log, and 1 if the old database exists; the old
 * files; and, after `/`, how often the service has completed an interrupted restore.
 */
const LOOK = `set -e
[ ! -e /quantix/vdc/restore ]
digest() { sha256sum <"$1" | cut -c 1-8; }
echo "$(digest /quantix/vdc/ca.pem) $(digest /quantix/vdc/config.yaml)" $(${PSQL} <<SQL
SELECT (SELECT string_agg(DISTINCT description, '+') FROM folders), (SELECT count(*) FROM folders),
  (SELECT count(*) FROM audit_log WHERE action = 'control-plane.restore'),
  (SELECT count(*) FROM pg_database WHERE datname = 'quantix_vdc_before_restore');
SQL
) $(ls /quantix/vdc/before-restore 2>/dev/null) / $(grep -c 'was interrupted; it is complete now' /data/log/system/messages)
`;

const BACKUP = '--passphrase-file /data/passphrase /data/then.backup';

/** Spans in which the power is cut: until the restore is decided, and from then on until it is complete. */
const SPANS = [
  { from: 'it begins', to: 'it is decided' },
  { from: 'it is decided', to: 'it is done' },
] as const;
const CUTS = 10;

const random = new Random(19);
const cuts = SPANS.flatMap(({ from, to }, span) =>
  Array.from({ length: CUTS }, (_, index) => ({
    ...{ from, to, number: span * CUTS + index },
    share: (index + 1 - random.below(1000) / 1000) / CUTS,
    // Every second cut loses some of the unflushed writes, like a disk with a cache.
    seed: index % 2 === 1 ? random.below(1e6) : undefined,
  })),
).map((cut) => ({ ...cut, percent: Math.round(cut.share * 100) }));

let folder: string;
let restore: CutRecording;
/** Output of `LOOK` before the restore, and after it. */
let [before, after] = ['', ''];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quantix-restore-cuts-'));
  const given = {
    folder,
    scripts: { look: LOOK, become: BECOME },
    // Text of the file whose write makes the decision final.
    find: { 'it is decided': '"before":"quantix_vdc_before_restore"' },
  };
  restore = await CutRecording.make('qvdc-restore', given, async (story, mark) => {
    const look = async () => (await succeed(story, 'sh /data/look')).trim();
    await untilReady(story);
    await logIn(story);
    await succeed(story, 'sh /data/become then 500');
    await succeed(story, '(umask 077; echo a passphrase of our own >/data/passphrase)');
    await succeed(story, `qx-controlplane backup ${BACKUP}`);
    const then = await look();
    await succeed(story, 'rc-service qx-controlplane stop && rm /quantix/vdc/ca.pem');
    await succeed(story, 'sh /data/become now 400 && rc-service qx-controlplane start');
    before = await look();
    await succeed(story, 'rc-service qx-controlplane stop && sync');
    await mark('it begins');
    await succeed(story, `qx-controlplane restore --yes ${BACKUP}`);
    await mark('it is done');
    // The restore is in the audit log, and the old database and files are kept.
    after = then.replace('|0|0 / 0', '|1|1 ca.pem config.yaml / 0');
  });
  expect(before).toMatch(/^\w{8} \w{8} now\|400\|0\|0 \/ 0$/);
  expect(after).toMatch(/^\w{8} \w{8} then\|500\|1\|1 ca.pem config.yaml \/ 0$/);
  for (const place of [0, 1]) expect(after.split(' ')[place]).not.toBe(before.split(' ')[place]);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Outputs of `LOOK` after the cuts. */
const seen = new Set<string>();

test.each(chooseCuts(cuts))(
  'after a power cut in a restore, at $percent % of the writes from “$from” to “$to”, the next boot has a working control plane with all of the old data or all of the backup',
  async ({ number, ...place }) => {
    const told = await restore.bootAfter(place, `qvdc-restore-cut-${number}`);
    seen.add(told);
    const wentOn = after.replace(/0$/, '1');
    expect(place.from === 'it begins' ? [before] : [before, after, wentOn]).toContain(told);
  },
  CUT,
);

test('after some of these power cuts the next boot continues the restore, and reports it', () => {
  expect([...seen]).toContainEqual(expect.stringMatching(/ \/ 1$/));
});
