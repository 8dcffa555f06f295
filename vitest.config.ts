import { resolve } from 'node:path';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** The files and folders of tests that take longest. They start first, so that no long file is left for the end. */
const LONGEST = [
  ...['database/power-cut', 'net/walks', 'net/power-cut'],
  ...[
    'unit/power-cuts',
    'unit/apps/agent/deployment/service',
    'unit/apps/agent/commands/carried-out',
  ],
  ...['unit/base/debian/isolation', 'unit/alpine/fuzz', 'unit/apps/agent/deployment/cuts'],
  ...['unit/apps/update/power-cuts', 'unit/apps/guests', 'unit/apps/agent/membership/protocol'],
  ...[
    'vm/power-cuts',
    'vm/restore-cuts',
    'vm/quantix-os',
    'vm/qvdc',
    'vm/install',
    'vm/update',
    'vm/guests',
    'vm/hardware',
    'vm/alpine',
    'vm/arm64',
  ],
  ...['vm/boot', 'docker'],
  ...['build/air-gapped', 'vm', 'build'],
];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const place = LONGEST.findIndex((name) => moduleId.includes(`/tests/${name}`));
      return place === -1 ? LONGEST.length : place;
    };
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}

/** Programs that tests start from the sources use the cache of compiled code that `make` also uses. */
const COMPILED = {
  NODE_COMPILE_CACHE: resolve(import.meta.dirname, 'node_modules/.cache/compiled'),
};

/** Awaited conditions may take long beside other work; vitest's default of one second is meant for an idle machine. */
const POLLED = { poll: { timeout: 30_000 } };

/** Settings for files whose work is done by other processes (builds and guests). Both ISOs are built first. */
const IMAGES = {
  expect: POLLED,
  globalSetup: 'tests/vm/build-images.ts',
  // Ends only tests that hang: some boot emulated machines for minutes, and for twice as long on a busy host.
  testTimeout: 900_000,
  hookTimeout: 900_000,
  maxWorkers: 2,
  sequence: { groupOrder: 2 },
};

/**
 * Kinds of tests: `unit` is fast and plain, `net` needs root for namespaces, `database` starts real servers, `build`
 * builds real images, `docker` builds one in Docker, `vm` boots images, and `pair` boots two at a time. `build`,
 * `docker` and `vm` may run together; `pair` runs alone.
 */
export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          name: 'unit',
          include: ['tests/unit/**/*.test.ts'],
          env: COMPILED,
          expect: POLLED,
          // The limits only end tests that hang: beside other work, a test takes many times as long as alone.
          testTimeout: 120_000,
          hookTimeout: 120_000,
          // Otherwise, loading the same modules again would take most of a file's time.
          isolate: false,
          restoreMocks: true,
          // More workers than processors, because some files wait for programs to end.
          maxWorkers: 4,
        },
      },
      {
        test: {
          name: 'net',
          include: ['tests/net/**/*.test.ts'],
          env: COMPILED,
          expect: POLLED,
          globalSetup: 'tests/net/world/announce.ts',
          // For hanging tests only: beside the tests of the databases, some take minutes.
          testTimeout: 600_000,
          sequence: { concurrent: true, groupOrder: 1 },
          // With more tests at a time, their steps take longer on two processors than the tests allow.
          maxConcurrency: 4,
          maxWorkers: 4,
        },
      },
      {
        test: {
          name: 'database',
          include: ['tests/{database,fleet}/**/*.test.ts'],
          env: COMPILED,
          expect: POLLED,
          globalSetup: 'tests/database/server.ts',
          testTimeout: 60_000,
          hookTimeout: 60_000,
          isolate: false,
          maxWorkers: 4,
          sequence: { groupOrder: 1 },
        },
      },
      { test: { ...IMAGES, name: 'build', include: ['tests/build/**/*.test.ts'] } },
      { test: { ...IMAGES, name: 'docker', include: ['tests/docker/**/*.test.ts'] } },
      {
        test: {
          ...IMAGES,
          name: 'vm',
          testTimeout: 1_200_000,
          hookTimeout: 1_200_000,
          include: ['tests/vm/**/*.test.ts'],
        },
      },
      {
        test: {
          ...IMAGES,
          name: 'pair',
          include: ['tests/pair/**/*.test.ts'],
          maxWorkers: 1,
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
});
