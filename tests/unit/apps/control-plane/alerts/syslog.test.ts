import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { FleetEvent } from '../../../../../apps/api/events.ts';
import { formatSyslogMessage } from '../../../../../apps/control-plane/alerts/syslog.ts';

function raised(title: string, data: Record<string, unknown>): FleetEvent {
  return {
    ...{ id: 7, kind: 'alert.raised', nodeId: null, data },
    subject: { type: 'ALERT', id: 'a', name: title },
    happenedAt: '2026-01-31T12:00:00.000Z',
  };
}

test('an alert with any text is one valid message of RFC 5424', () => {
  const text = fc.string({ unit: 'binary', maxLength: 3000 });
  fc.assert(
    fc.property(text, text, text, text, (title, message, sourceName, host) => {
      const data = { severity: 'WARNING', message, sourceType: 'HOST', sourceName };
      const told = formatSyslogMessage(raised(title, data), host);
      expect(told).toMatch(
        /^<28>1 2026-01-31T12:00:00\.000Z [\x21-\x7e]{1,255} qx-controlplane \d+ alert\.raised - \uFEFF[^\p{Cc}]+$/u,
      );
      expect(Buffer.byteLength(told)).toBeLessThanOrEqual(2200);
    }),
  );
});

test('an alert that is resolved or acknowledged has severity notice', () => {
  const data = { severity: 'CRITICAL', acknowledgedBy: 'ada', sourceType: 'HOST', sourceName: 'h' };
  const seen = formatSyslogMessage(
    { ...raised('It burns', data), kind: 'alert.acknowledged' },
    'qvdc',
  );
  expect(seen).toMatch(/^<29>1 .* \uFEFFacknowledged by ada, CRITICAL: It burns \(HOST h\) /);
});
