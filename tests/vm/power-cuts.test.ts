import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { MIGRATION_NAMES } from '../database/database.ts';
import { Random } from '../fuzz/random.ts';
import { CUT, CutRecording, chooseCuts } from './cut-boots.ts';
import { untilReady } from './story.ts';

/**
 * Moments of a first boot, and the console output at each. Between them, the database cluster and etcd's folder are
 * made; PostgreSQL starts; and the database is migrated.
 */
const MOMENTS = {
  'the root is mounted': /quantix: root/,
  'PostgreSQL starts': /Starting postgresql/,
  'the control plane starts': /Starting qx-controlplane/,
  'it is ready': /quantix: ready/,
};

/** Spans in which the power is cut, and how often: most writes are in the first and the last one. */
const SPANS = [
  { from: 'the root is mounted', to: 'PostgreSQL starts', cuts: 9 },
  { from: 'PostgreSQL starts', to: 'the control plane starts', cuts: 2 },
  { from: 'the control plane starts', to: 'it is ready', cuts: 9 },
] as const;

/** Waits until Redis and the services in the arguments answer; prints counts of migrations, hosts, VMs and pools. */
const LOOK = `set -e
until /usr/lib/quantix/vdc/redis ready; do sleep 1; done
for asked; do
  case $asked in
  etcd) until /usr/lib/quantix/vdc/etcd ready 2>/dev/null; do sleep 1; done ;;
  doctor) qx-controlplane doctor >/dev/console ;;
  esac
done
su -s /bin/sh postgres -c 'psql -X -q -A -t -v ON_ERROR_STOP=1 -d quantix_vdc' <<SQL
SELECT concat_ws(' ', (SELECT count(*) FROM migrations.ledger), (SELECT count(*) FROM nodes),
  (SELECT count(*) FROM virtual_machines), (SELECT count(*) FROM storage_pools), (SELECT count(*) > 0 FROM roles));
SQL
`;

const random = new Random(12);
const cuts = SPANS.flatMap(({ from, to, cuts: count }) =>
  Array.from({ length: count }, (_, index) => ({
    ...{ from, to, share: (index + random.below(1000) / 1000) / count },
    // Every second cut loses some of the unflushed writes, like a disk with a cache.
    seed: index % 2 === 1 ? random.below(1e6) : undefined,
    // If unflushed writes are lost, etcd may hang. Its folder is set aside only after minutes (tested in
    // tests/database/throw-aways.test.ts); until then, the doctor reports a problem.
    asked: index % 2 === 0 ? 'etcd doctor' : '',
  })),
).map((cut, number) => ({ number, percent: Math.round(cut.share * 100), ...cut }));

let folder: string;
let firstBoot: CutRecording;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quantix-power-cuts-'));
  const given = { folder, scripts: { look: LOOK } };
  firstBoot = await CutRecording.make('qvdc-first-boot', given, async (story, mark) => {
    for (const [moment, pattern] of Object.entries(MOMENTS)) {
      await story.guest.waitFor(pattern);
      await mark(moment);
    }
    await untilReady(story);
  });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test.each(chooseCuts(cuts))(
  'after a power cut in a first boot, at $percent % of the writes from “$from” to “$to”, the next boot has a working control plane with all migrations',
  async ({ number, asked, ...place }) => {
    const told = await firstBoot.bootAfter(place, `qvdc-power-cut-${number}`, asked);
    expect(told).toBe(`${MIGRATION_NAMES.length} 0 0 0 t`);
  },
  CUT,
);
