import { expect, test } from 'vitest';
import type { Readiness } from '../../../../../apps/api/readiness.ts';
import {
  describeAlerts,
  describeDatabases,
  describePersistence,
  describeReadiness,
} from '../../../../../apps/console/report/control-plane.ts';

const ASKED = '2026-11-24T22:15:00.000Z';
const NOW = Date.parse('2026-11-24T22:15:07.000Z');
const READY: Readiness = {
  ready: true,
  version: '1.2.0',
  schemaVersion: 10,
  services: ['postgresql', 'etcd', 'redis'].map((name) => ({
    name,
    state: 'ok',
    problem: '',
    askedAt: ASKED,
  })),
  alerts: [],
  persistent: true,
};

test('a healthy control plane is shown with one line for each part', () => {
  expect(describeReadiness(READY)).toEqual(['ready (1.2.0), schema version 10']);
  expect(describeDatabases(READY, NOW)).toEqual(['postgresql, etcd, redis ready (7 s ago)']);
  expect(describePersistence(READY)).toBe('on a disk');
  expect(describeAlerts(READY)).toEqual([]);
});

test('a service that was not checked is not shown as healthy', () => {
  const services = READY.services.map(({ name }) => ({
    name,
    state: 'unknown' as const,
    problem: '',
  }));
  expect(describeDatabases({ ...READY, services }, NOW)).toEqual([
    'postgresql, etcd, redis not asked yet',
  ]);
  expect(describePersistence({ ...READY, persistent: undefined })).toBe('not known');
});

test('the reason why a control plane is not ready, each failed service, and data that a restart loses are shown', () => {
  expect(describeReadiness({ ...READY, ready: false, problem: 'a newer schema' })).toEqual([
    'not ready (1.2.0), schema version 10',
    'a newer schema',
  ]);
  const [first, ...others] = READY.services;
  const services = [{ ...first!, state: 'failed' as const, problem: 'refused' }, ...others];
  expect(describeDatabases({ ...READY, services }, NOW + 120_000)).toEqual([
    'etcd, redis ready (2 minutes ago)',
    'postgresql does not answer: refused',
  ]);
  expect(describePersistence({ ...READY, persistent: false })).toMatch(
    /all data is lost at a restart/,
  );
});

test('a control plane that waits to be confirmed is shown as not serving hosts', () => {
  expect(describeReadiness({ ...READY, limited: 'migration 000011_more waits' })).toEqual([
    'no hosts are served yet (1.2.0), schema version 10',
    'migration 000011_more waits',
  ]);
});

test('after the clock is set back, an answer has the age 0', () => {
  expect(describeDatabases(READY, NOW - 3_600_000)).toEqual([
    'postgresql, etcd, redis ready (0 s ago)',
  ]);
});
