import { expect, test } from 'vitest';
import { parseEvent } from '../../../../apps/libvirt/follow-events.ts';

test('an event shows what happened to which VM', () => {
  expect(parseEvent("event 'lifecycle' for domain 'web': Started Booted")).toEqual({
    event: 'lifecycle',
    name: 'web',
    detail: 'Started Booted',
  });
  expect(
    parseEvent("2026-11-24 22:36:35.167+0000: event 'reboot' for domain 'we ird 'ev' vm=1'"),
  ).toEqual({ event: 'reboot', name: "we ird 'ev' vm=1", detail: '' });
});

test('a quoted name that looks like an event is read as a name', () => {
  const name = "a': event 'b' for domain 'c";
  expect(parseEvent(`event 'lifecycle' for domain '${name}': Stopped Destroyed`)).toEqual({
    event: 'lifecycle',
    name,
    detail: 'Stopped Destroyed',
  });
});

test.each(['', 'events received: 4', 'event loop timed out', "event '", '\0', 'x'.repeat(100_000)])(
  'other lines are ignored: %.20j',
  (line) => {
    expect(parseEvent(line)).toBeUndefined();
  },
);
