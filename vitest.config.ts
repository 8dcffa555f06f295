import { defineConfig } from 'vitest/config';

/**
 * Kinds of tests: `unit` is fast and plain, `net` needs root for namespaces, `build` builds real images, `docker` builds
 * one in Docker, `vm` boots them.
 */
export default defineConfig({
  test: {
    projects: [
      { test: { name: 'unit', include: ['tests/unit/**/*.test.ts'], testTimeout: 20_000 } },
      {
        test: {
          name: 'net',
          include: ['tests/net/**/*.test.ts'],
          globalSetup: 'tests/net/world/announce.ts',
          testTimeout: 240_000,
          sequence: { concurrent: true },
          maxConcurrency: 8,
          maxWorkers: 3,
        },
      },
      {
        test: {
          name: 'build',
          include: ['tests/build/**/*.test.ts'],
          globalSetup: 'tests/vm/build-images.ts',
          testTimeout: 300_000,
          hookTimeout: 300_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'docker',
          include: ['tests/docker/**/*.test.ts'],
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
      {
        test: {
          name: 'vm',
          include: ['tests/vm/**/*.test.ts'],
          globalSetup: 'tests/vm/build-images.ts',
          testTimeout: 600_000,
          hookTimeout: 600_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
