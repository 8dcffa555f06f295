import { describe, expect, test } from 'vitest';
import { parseConfig } from '../../../../apps/control-plane/config.ts';

const FILE = '/quantix/vdc/config.yaml';

const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;

describe('config.yaml of the control plane', () => {
  test('has defaults for missing keys', async () => {
    const standard = await parseConfig('', FILE);
    expect(standard).toMatchObject({
      database: { socketFolder: '/run/postgresql', pool: { open: 50, idle: 10 } },
      etcd: { address: 'http://127.0.0.1:2379' },
      authority: '/quantix/vdc/ca.pem',
      agents: { listen: '::', port: 9443, announce: [] },
      people: { listen: '::', port: 443 },
      redis: { socket: '/run/redis/redis.sock' },
      leadership: { lease: 15, renewEvery: 5, stepDownAfter: 10 },
      ...{ events: { most: 200_000, days: 30 }, tasks: { days: 90 }, audit: { days: 365 } },
    });
    expect(await parseConfig('# nothing\n', FILE)).toEqual(standard);
    expect(await parseConfig('database:\n  pool:\n    open: 20\n', FILE)).toMatchObject({
      database: { database: 'quantix_vdc', pool: { open: 20, idle: 10 } },
    });
  });

  test('names the receivers of alerts', async () => {
    const text = `alerts:
  webhooks: [{ name: pager, url: "https://pager.example/q", secret: "${SECRET}", severities: [CRITICAL] }]
  syslog: [{ name: logs, host: logs.example }, { name: safe, host: "2001:db8::1", transport: tls }]`;
    expect((await parseConfig(text, FILE)).alerts).toMatchObject({
      webhooks: [{ name: 'pager', severities: ['CRITICAL'] }],
      syslog: [
        { name: 'logs', transport: 'udp', port: 514, severities: ['CRITICAL', 'WARNING', 'INFO'] },
        { name: 'safe', transport: 'tls', port: 6514 },
      ],
    });
  });

  test.each([
    ['an unknown key', 'databse: {}', 'databse'],
    ['an unknown key further in', 'database:\n  pol: 1', 'pol'],
    [
      'more idle than open',
      'database: { pool: { open: 5, idle: 6 } }',
      'idle must not be more than open',
    ],
    ['a leader that outlives its lease', 'leadership: { lease: 10 }', 'and that less than lease'],
    ['an invalid path', 'redis: { socket: redis.sock }', 'config.yaml, redis.socket'],
    ['an invalid address', 'etcd: { address: here }', 'config.yaml, etcd.address'],
    ['an invalid port', 'agents: { port: 65536 }', 'config.yaml, agents.port'],
    ['a name to listen on', 'agents: { listen: qvdc }', 'config.yaml, agents.listen'],
    ['an origin without TLS', 'agents: { announce: ["http://a:1"] }', 'agents.announce.0'],
    ['an origin with a path', 'agents: { announce: ["https://a:1/b"] }', 'agents.announce.0'],
    [
      'a webhook without TLS',
      `alerts: { webhooks: [{ name: a, url: "http://a/", secret: "${SECRET}" }] }`,
      'alerts.webhooks.0.url',
    ],
    [
      'a short secret',
      'alerts: { webhooks: [{ name: a, url: "https://a/", secret: "whsec_YWJj" }] }',
      'openssl rand',
    ],
    [
      'two receivers of one name',
      `alerts: { syslog: [{ name: a, host: h }], webhooks: [{ name: a, url: "https://a/", secret: "${SECRET}" }] }`,
      'two receivers have one name',
    ],
    ['an invalid host', 'alerts: { syslog: [{ name: a, host: "a b" }] }', 'alerts.syslog.0.host'],
    ['tasks that are kept for zero days', 'tasks: { days: 0 }', 'config.yaml, tasks.days'],
    ['text that is not YAML', 'a: [', 'config.yaml, line'],
    ['a list in place of keys', '- 1', 'config.yaml'],
    ['aliases without end', `a: &a [x]\n${'b: *a\n'.repeat(3)}`, 'config.yaml'],
  ])('is refused in one line: %s', async (_what, text, told) => {
    const error = await parseConfig(text, FILE).catch((one: unknown) => one);
    expect(String(error)).toContain(told);
    expect(String(error)).not.toContain('\n');
  });
});
