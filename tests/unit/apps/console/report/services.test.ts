import { expect, test } from 'vitest';
import { describeServices } from '../../../../../apps/console/report/services.ts';
import type { Service } from '../../../../../apps/services/state.ts';

const service = (name: string, more: Partial<Service> = {}): Service => ({
  name,
  state: 'started',
  restarts: 0,
  runlevels: ['default'],
  ...more,
});

test('a service that crashed is reported even if it runs again', () => {
  const services = [
    service('chronyd'),
    service('dbus', { restarts: 1 }),
    service('libvirtd', { restarts: 3 }),
    service('qx-node', { state: 'crashed' }),
  ];
  expect(describeServices(services)).toEqual([
    '3 ready; qx-node crashed; dbus was started again; libvirtd was started again 3 times',
  ]);
});
